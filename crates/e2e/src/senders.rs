//! Members of a namespace that log without pause, and what became of their messages.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clients::Client;
use crate::log::Log;
use crate::process::{Finished, Running, until};
use crate::supervised::Supervisor;
use crate::workdir;

/// From the stop file to the end of everything.
const LIMIT: Duration = Duration::from_secs(120);
/// As many lines of a complaint are shown.
const SHOWN: usize = 30;

/// `message-sender` in a namespace of a supervisor.
#[derive(Debug)]
pub struct Senders {
    running: Running,
    folder: PathBuf,
}

impl Senders {
    /// Starts that many members with a pause between messages.
    ///
    /// # Panics
    /// When they cannot be built or started.
    pub fn start(supervisor: &Supervisor, name: &str, members: u32, pause: Duration) -> Self {
        let folder = supervisor.dir().folder("members");
        let program = Client::new("c/message-sender").build();
        let mut command = supervisor.namespace(name);
        command.args(program).arg(members.to_string()).arg(folder.join("stop"));
        command.arg(pause.as_micros().to_string());
        Self { running: Running::start(&mut command), folder }
    }

    /// As [`Senders::start`], with an auditd that is registered in the namespace; waits until it logs.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_with_auditd(supervisor: &Supervisor, name: &str, members: u32, pause: Duration) -> Self {
        let folder = supervisor.dir().folder("members");
        let auditd = supervisor.dir().folder("members/auditd");
        let plugins = supervisor.dir().folder("members/auditd/plugins");
        let settings = format!(
            "local_events = yes\nwrite_logs = yes\nlog_file = {}\nlog_format = RAW\nflush = INCREMENTAL_ASYNC\n\
             freq = 50\nmax_log_file = 1000\nmax_log_file_action = IGNORE\npriority_boost = 4\n\
             space_left = 2\nspace_left_action = IGNORE\nadmin_space_left = 1\nadmin_space_left_action = IGNORE\nplugin_dir = {}\n",
            auditd.join("audit.log").display(),
            plugins.display()
        );
        fs::write(auditd.join("auditd.conf"), settings).expect("the folder of this run is writable");
        let program = Client::new("c/message-sender").build();
        let mut command = supervisor.namespace(name);
        command.args(["unshare", "--mount", "--propagation", "private", "--"]);
        command.arg(workdir::package().join("scripts/senders.sh")).arg(&folder).args(program);
        command.arg(members.to_string()).arg(pause.as_micros().to_string());
        let senders = Self { running: Running::start(&mut command), folder };
        let ready = senders.folder.join("ready");
        assert!(
            until(Duration::from_secs(15), || ready.exists()),
            "auditd and the members do not start: {}",
            senders.finish().finished.report()
        );
        senders
    }

    /// The log of the auditd inside.
    ///
    /// # Panics
    /// When there is none or it holds a malformed line.
    pub fn auditd_log(supervisor: &Supervisor) -> Log {
        Log::read(&supervisor.dir().path().join("members/auditd/audit.log"))
    }

    /// Lets all members end and returns what they say.
    ///
    /// # Panics
    /// When they do not end.
    pub fn finish(self) -> Told {
        fs::write(self.folder.join("stop"), "").expect("the folder of this run is writable");
        let finished = self.running.finish_within(LIMIT);
        assert!(finished.code().is_some(), "the members hang: {}", finished.report());
        Told::new(finished)
    }
}

/// What one member says of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `unacked`, `checked`, `reopening` or `library`.
    pub kind: String,
    /// The highest number.
    pub sent: u64,
    /// What was acknowledged, or sent without asking for it.
    pub accepted: u64,
    /// How many were not.
    pub errors: u64,
    /// Messages on its socket that it did not wait for.
    pub stray: u64,
    /// Longest time from opening or sending to the acknowledgement, in milliseconds.
    pub longest_ms: u64,
}

/// What all members say.
#[derive(Debug)]
pub struct Told {
    /// The outermost process.
    pub finished: Finished,
    /// By number.
    pub members: BTreeMap<u64, Member>,
    /// The lines about failed calls.
    pub failures: Vec<String>,
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

impl Told {
    fn new(finished: Finished) -> Self {
        let failures =
            finished.stdout.lines().filter(|line| line.starts_with("failed ")).map(Into::into).collect();
        let members = finished.stdout.lines().filter_map(Member::parse).collect();
        Self { finished, members, failures }
    }

    /// The longest call of the members that wait for acknowledgements. Whoever asks for none sends ahead, until its
    /// socket takes no more, and then waits for most of what it has sent: that depends on all others.
    pub fn longest(&self) -> Duration {
        let waiting = self.members.values().filter(|member| member.kind != "unacked");
        Duration::from_millis(waiting.map(|member| member.longest_ms).max().unwrap_or_default())
    }

    /// The longest call of the members that ask for no acknowledgement.
    pub fn longest_unacked(&self) -> Duration {
        let unacked = self.members.values().filter(|member| member.kind == "unacked");
        Duration::from_millis(unacked.map(|member| member.longest_ms).max().unwrap_or_default())
    }

    /// How many messages were accepted.
    pub fn accepted(&self) -> u64 {
        self.members.values().map(|member| member.accepted).sum()
    }

    /// Checks that so many members ran and none of them met an error.
    ///
    /// # Panics
    /// When one did.
    pub fn expect_no_error(&self, members: u32) {
        assert_eq!(self.members.len(), members as usize, "{}", self.finished.report());
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        let stray: Vec<_> = self.members.iter().filter(|(_, member)| member.stray > 0).collect();
        assert!(stray.is_empty(), "answers that nobody waits for: {stray:#?}");
    }

    /// How the log differs from what the members were told: an empty text if each accepted message stands in it once, in
    /// its sender's order. With `some_lost`, messages may be missing.
    pub fn complaints(&self, log: &Log, some_lost: bool) -> String {
        let mut text = String::new();
        for (number, member) in &self.members {
            let seen = numbers(log, *number);
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            if sorted != seen {
                let at = seen.windows(2).find(|pair| pair[0] > pair[1]);
                let _ = writeln!(text, "member {number} ({}): out of order at {at:?}", member.kind);
            }
            let twice: Vec<_> =
                sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
            if !twice.is_empty() {
                let _ = writeln!(text, "member {number} ({}): twice {twice:?}", member.kind);
            }
            if some_lost || member.errors > 0 {
                continue;
            }
            let missing: Vec<_> =
                (1..=member.sent).filter(|sent| sorted.binary_search(sent).is_err()).collect();
            if !missing.is_empty() {
                let shown = &missing[..missing.len().min(SHOWN)];
                let (kind, sent, count) = (&member.kind, member.sent, missing.len());
                let _ = writeln!(text, "member {number} ({kind}): {count} of {sent} missing: {shown:?}");
            }
        }
        text
    }
}

impl Member {
    fn parse(line: &str) -> Option<(u64, Self)> {
        let line = line.strip_prefix("ended ")?;
        let number = |name: &str| field(line, name)?.parse().ok();
        let member = Self {
            kind: field(line, "kind")?.to_owned(),
            sent: number("sent")?,
            accepted: number("accepted")?,
            errors: number("errors")?,
            stray: number("stray")?,
            longest_ms: number("longest_ms")?,
        };
        Some((number("member")?, member))
    }
}

/// The numbers of a member's messages, as they stand in the log.
pub fn numbers(log: &Log, member: u64) -> Vec<u64> {
    let member = member.to_string();
    let of_member = log.records.iter().filter(|record| record.field("member") == Some(&member));
    of_member.filter_map(|record| record.field("number")?.parse().ok()).collect()
}

/// The places at which the serial numbers of a log do not rise by one.
pub fn gaps(log: &Log) -> Vec<(u64, u64)> {
    let serials = log.records.windows(2).map(|pair| (pair[0].serial, pair[1].serial));
    serials.filter(|(before, after)| before + 1 != *after).take(SHOWN).collect()
}

/// A file that takes all but `rest` bytes of what is free where it lies.
///
/// # Panics
/// When it cannot be written.
pub fn fill(path: &Path, rest: u64) {
    let stat =
        rustix::fs::statvfs(path.parent().expect("a file is in a folder")).expect("the folder is there");
    let free = stat.f_bavail * stat.f_frsize;
    let size = usize::try_from(free.saturating_sub(rest)).expect("a small file system");
    match fs::write(path, vec![0_u8; size]) {
        // Others have taken some of it meanwhile: it is full.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
        written => written.expect("that much was free"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Member, gaps, numbers};
    use crate::log::Log;

    const TEXT: &str = "type=USER msg=audit(1.000:7): pid=1 msg='member=1 number=1'\n\
                        type=USER msg=audit(1.000:8): pid=1 msg='member=11 number=4'\n\
                        type=USER msg=audit(1.000:10): pid=1 msg='member=1 number=2'\n";

    #[test]
    fn numbers_and_gaps() {
        let log = Log::parse(TEXT).unwrap();
        assert_eq!((numbers(&log, 1), numbers(&log, 11)), (vec![1, 2], vec![4]));
        assert_eq!(gaps(&log), [(8, 10)]);
    }

    #[test]
    fn a_member() {
        let line = "ended member=3 kind=library sent=9 accepted=8 errors=1 stray=0 longest_ms=12";
        let (number, member) = Member::parse(line).unwrap();
        assert_eq!((number, &*member.kind, member.sent, member.longest_ms), (3, "library", 9, 12));
        assert_eq!((member.accepted, member.errors, member.stray), (8, 1, 0));
        assert!(Member::parse("failed member=3").is_none());
    }
}

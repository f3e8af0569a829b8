//! What strace saw of a namespace: the calls of its members, and those that the kernel stopped for the supervisor.
//!
//! One strace watches `auditns run` and everything below it. It sees a member's call when it begins, before any filter
//! does, and what the supervisor's `SECCOMP_IOCTL_NOTIF_RECV` returns: which call of which thread the filter stopped.
//! The kernel numbers stopped calls one by one, so the numbers of the first and the last one say how many there were.
//! Nothing of this is counted by auditns.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

/// Calls that send a signal, each with the position of the argument that names it.
const SIGNALS: [(&str, usize); 6] = [
    ("kill", 1),
    ("tkill", 1),
    ("tgkill", 2),
    ("rt_sigqueueinfo", 1),
    ("rt_tgsigqueueinfo", 2),
    ("pidfd_send_signal", 1),
];

/// Calls that are traced and are neither about sockets nor send a signal.
const OTHERS: [&str; 3] = ["clone", "clone3", "ioctl"];

/// The words that put strace in front of a command; it writes a file for each thread to `folder`.
pub fn words(folder: &Path) -> Vec<String> {
    let calls = format!("trace=%network,{},{}", OTHERS.join(","), SIGNALS.map(|(name, _)| name).join(","));
    let out = folder.join("thread").to_string_lossy().into_owned();
    // As many elements of an array are shown as bytes of a string, and calls have six arguments.
    ["strace", "-ff", "-s", "6", "-e", "signal=none", "-e", &calls, "-o", &out].map(str::to_owned).to_vec()
}

/// A call as strace writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The thread that made it, as the host numbers threads.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// What stands between the name and the end of the line.
    text: String,
}

impl Call {
    fn parse(thread: u32, line: &str) -> Option<Self> {
        let (name, text) = line.split_once('(')?;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        plain.then(|| Self { thread, name: name.to_owned(), text: text.to_owned() })
    }

    /// An argument, for as long as those before it and itself are plain words.
    pub fn argument(&self, position: usize) -> &str {
        let words = self.text.split([',', ')']).nth(position).unwrap_or_default();
        words.trim().split(' ').next().unwrap_or_default()
    }

    /// What it returned, unless that is an error.
    pub fn result(&self) -> Option<u32> {
        let (_, result) = self.text.rsplit_once(" = ")?;
        result.split(' ').next()?.parse().ok()
    }

    /// Whether a signal cut it short. It may then have been stopped without being received; a call that begins again
    /// is written again.
    pub fn is_interrupted(&self) -> bool {
        self.text
            .rsplit_once(" = ")
            .is_none_or(|(_, result)| result.starts_with('?') || result.contains("EINTR"))
    }

    /// The signal that it sends.
    pub fn signal(&self) -> Option<&str> {
        let (_, position) = SIGNALS.iter().find(|(name, _)| *name == self.name)?;
        Some(self.argument(*position))
    }

    /// Whether it makes a socket or is made on one.
    pub fn is_about_sockets(&self) -> bool {
        self.signal().is_none() && !OTHERS.contains(&&*self.name)
    }

    /// Whether it asks for an audit socket.
    pub fn asks_for_audit(&self) -> bool {
        self.name == "socket" && self.argument(0) == "AF_NETLINK" && self.argument(2) == "NETLINK_AUDIT"
    }

    /// The descriptor that it is made on.
    pub fn descriptor(&self) -> Option<u32> {
        if !self.is_about_sockets() || ["socket", "socketpair"].contains(&&*self.name) {
            return None;
        }
        self.argument(0).parse().ok()
    }

    /// The call as the filter would report it.
    pub fn as_stop(&self) -> Stop {
        Stop { thread: self.thread, name: self.name.clone(), descriptor: self.descriptor() }
    }
}

/// A call that the filter stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stop {
    /// The thread that made it, as the host numbers threads.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// The descriptor that it is made on.
    pub descriptor: Option<u32>,
}

impl Stop {
    /// Whether it sends a signal.
    pub fn is_signal(&self) -> bool {
        SIGNALS.iter().any(|(name, _)| *name == self.name)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}(", self.name)?;
        if let Some(descriptor) = self.descriptor {
            write!(out, "{descriptor}")?;
        }
        write!(out, ") of thread {}", self.thread)
    }
}

/// A call that the supervisor received, with the number that the kernel gave it.
fn received(call: &Call) -> Option<(u64, Stop)> {
    if call.name != "ioctl" || call.argument(1) != "SECCOMP_IOCTL_NOTIF_RECV" || call.result() != Some(0) {
        return None;
    }
    let after = |mark: &str| {
        let (_, rest) = call.text.split_once(mark).unwrap_or_else(|| {
            panic!("strace does not show what was received (it does since 5.11): {}", call.text)
        });
        rest.split([',', ']', '}']).next().unwrap_or_default()
    };
    let hexadecimal = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    let number = hexadecimal(after("{id=")).expect("strace shows a number");
    let thread = after(" pid=").parse().expect("strace shows a thread id");
    let name = after("nr=__NR_").to_owned();
    // The kernel takes the low half, and so does the filter.
    let first = hexadecimal(after("args=[")).expect("strace shows arguments") & 0xffff_ffff;
    let mut stop = Stop { thread, name, descriptor: None };
    if !stop.is_signal() && stop.name != "socket" {
        stop.descriptor = u32::try_from(first).ok();
    }
    Some((number, stop))
}

/// Everything that strace saw.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The calls of all processes but the supervisor.
    pub members: Vec<Call>,
    /// The stopped calls that the supervisor received, in this order.
    pub received: Vec<Stop>,
    /// How many calls the kernel numbered, from the first received to the last. Those are in it that were interrupted
    /// before they were received.
    pub numbered: usize,
}

impl Trace {
    /// Reads what strace wrote to `folder`. `supervisor` is the pid of `auditns run`.
    ///
    /// # Panics
    /// When it cannot be read, or two threads of the supervisor received calls: then the order is not known.
    pub fn read(folder: &Path, supervisor: u32) -> Self {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(folder).expect("strace's folder is there").flatten() {
            let name = entry.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.strip_prefix("thread.")?.parse().ok())
            else {
                continue;
            };
            let text = fs::read(entry.path()).expect("strace's files are readable");
            threads.insert(thread, String::from_utf8_lossy(&text).into_owned());
        }
        Self::parse(&threads, supervisor)
    }

    fn parse(threads: &BTreeMap<u32, String>, supervisor: u32) -> Self {
        let calls = |thread: u32| {
            let text = threads.get(&thread).map(String::as_str).unwrap_or_default();
            text.lines().filter_map(move |line| Call::parse(thread, line))
        };
        let mut own = BTreeSet::from([supervisor]);
        let mut unseen = vec![supervisor];
        while let Some(thread) = unseen.pop() {
            let started = calls(thread)
                .filter(|call| call.name.starts_with("clone") && call.text.contains("CLONE_THREAD"))
                .filter_map(|call| call.result());
            unseen.extend(started.filter(|thread| own.insert(*thread)));
        }
        let mut trace = Self::default();
        for &thread in threads.keys() {
            if !own.contains(&thread) {
                trace.members.extend(calls(thread));
                continue;
            }
            let received: Vec<_> = calls(thread).filter_map(|call| received(&call)).collect();
            if let (Some((first, _)), Some((last, _))) = (received.first(), received.last()) {
                assert!(trace.received.is_empty(), "two threads of the supervisor received calls");
                let beyond_first = usize::try_from(last.wrapping_sub(*first)).expect("a count fits");
                trace.numbered = beyond_first + 1;
            }
            trace.received.extend(received.into_iter().map(|(_, stop)| stop));
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Call, Stop, Trace};

    const SUPERVISOR: &str = "\
clone3({flags=CLONE_VM|CLONE_THREAD, child_tid=0x7f, exit_signal=0} => {parent_tid=[12]}, 88) = 12
clone(child_stack=NULL, flags=SIGCHLD) = 13
ioctl(6, SECCOMP_IOCTL_NOTIF_RECV, {id=0xfffffffffffffffe, pid=13, flags=0, data={nr=__NR_socket, arch=AUDIT_ARCH_X86_64, instruction_pointer=0x7f, args=[0x10, 0x80003, 0x9, 0x55, 0, 0]}}) = 0
ioctl(6, SECCOMP_IOCTL_NOTIF_RECV, 0x7ffc) = -1 ENOENT (No such file or directory)
ioctl(6, SECCOMP_IOCTL_NOTIF_RECV, {id=0, pid=13, flags=0, data={nr=__NR_bind, arch=AUDIT_ARCH_X86_64, instruction_pointer=0x7f, args=[0x37f, 0x7f, 0xc, 0, 0, 0]}}) = 0
ioctl(6, SECCOMP_IOCTL_NOTIF_RECV, {id=0x1, pid=13, flags=0, data={nr=__NR_kill, arch=AUDIT_ARCH_X86_64, instruction_pointer=0x7f, args=[0x5, 0xf, 0xc, 0, 0, 0]}}) = 0
+++ exited with 0 +++
";
    const MEMBER: &str = "\
socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_AUDIT) = 895
bind(895, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0
recvfrom(3, <unfinished ...>) = ?
kill(5, SIGTERM)                        = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
kill(5, SIGTERM)                        = 0
+++ killed by SIGKILL +++
";

    #[test]
    fn members_and_supervisor() {
        let threads = [(11, SUPERVISOR), (12, "accept4(3, NULL, NULL, 0) = 4\n"), (13, MEMBER)];
        let threads = BTreeMap::from(threads.map(|(thread, text)| (thread, text.to_owned())));
        let trace = Trace::parse(&threads, 11);
        let stop = |name: &str, descriptor| Stop { thread: 13, name: name.to_owned(), descriptor };
        assert_eq!(trace.received, [stop("socket", None), stop("bind", Some(895)), stop("kill", None)]);
        assert_eq!(trace.numbered, 4);
        let members: Vec<_> = trace.members.iter().map(Call::as_stop).collect();
        assert_eq!(
            members,
            [
                stop("socket", None),
                stop("bind", Some(895)),
                stop("recvfrom", Some(3)),
                stop("kill", None),
                stop("kill", None)
            ]
        );
        let interrupted: Vec<_> = trace.members.iter().map(Call::is_interrupted).collect();
        assert_eq!(interrupted, [false, false, true, true, false]);
        assert!(trace.members[0].asks_for_audit() && !trace.members[1].asks_for_audit());
        assert_eq!((trace.members[0].result(), trace.members[2].result()), (Some(895), None));
        assert_eq!((trace.members[3].signal(), trace.members[2].signal()), (Some("SIGTERM"), None));
    }
}

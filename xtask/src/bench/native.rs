//! Debian's audit daemon as it is measured: registered with the kernel, or inside a namespace.

use super::Setting;
use super::process::{How, Leash};
use crate::command::{self, Failure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to register, and to log.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(10);
/// This audit daemon throws the first packet after its registration away (`libaudit` 3.0.9, `audit_set_pid`).
const MARKS: u32 = 3;
/// It writes its process id below /run, which is the host's.
const IN_A_RUN_OF_ITS_OWN: &str =
    r#"mount -t tmpfs -o mode=755,size=1m bench-run /run && exec auditd -n -c "$0""#;

/// How an audit daemon writes its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    None,
    IncrementalAsync,
}

impl Flush {
    fn word(self) -> &'static str {
        match self {
            Flush::None => "NONE",
            Flush::IncrementalAsync => "INCREMENTAL_ASYNC",
        }
    }
}

/// Its folder.
#[derive(Clone, Debug)]
pub(crate) struct Auditd(PathBuf);

impl Auditd {
    /// With a configuration and a log of its own in this folder.
    pub(crate) fn configure(folder: &Path, flush: Flush) -> Result<Auditd, Failure> {
        let failed =
            |error: std::io::Error| Failure::new(format!("{} cannot be written ({error})", folder.display()));
        fs::create_dir_all(folder.join("plugins")).map_err(failed)?;
        let auditd = Auditd(folder.to_owned());
        let settings = format!(
            "local_events = yes\nwrite_logs = yes\nlog_file = {}\nlog_format = RAW\nflush = {}\nfreq = 50\n\
             max_log_file = 10000\nmax_log_file_action = IGNORE\npriority_boost = 4\nspace_left = 2\n\
             space_left_action = IGNORE\nadmin_space_left = 1\nadmin_space_left_action = IGNORE\nplugin_dir = {}\n",
            auditd.log().display(),
            flush.word(),
            folder.join("plugins").display()
        );
        fs::write(folder.join("auditd.conf"), settings).map_err(failed)?;
        Ok(auditd)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("audit.log")
    }

    /// The words that start it.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", IN_A_RUN_OF_ITS_OWN];
        words.into_iter().map(str::to_owned).chain([self.0.display().to_string()]).collect()
    }

    /// Waits until it is registered with the audit that `auditctl` reaches, and logs.
    pub(crate) fn wait(
        &self,
        leash: &mut Leash,
        auditctl: impl Fn(&[&str]) -> Command,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        while !is_registered(auditctl(&["-s"])) {
            if leash.has_ended() || start.elapsed() > PATIENCE {
                return Err(leash.failure("did not register"));
            }
            std::thread::sleep(LOOK);
        }
        for number in 1..=MARKS {
            let _ = auditctl(&["-m", &format!("bench=begin-{number}")]).stdout(Stdio::null()).status();
        }
        let last = format!("bench=begin-{MARKS}");
        while !fs::read_to_string(self.log()).is_ok_and(|text| text.contains(&last)) {
            if leash.has_ended() || start.elapsed() > PATIENCE {
                return Err(leash.failure("did not log"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

fn is_registered(mut status: Command) -> bool {
    status.output().is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().any(|line| line.starts_with("pid ") && line != "pid 0")
    })
}

/// Whoever takes the kernel's records.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) leash: Leash,
    pub(crate) log: PathBuf,
}

impl Native {
    /// Debian's audit daemon.
    pub(crate) fn auditd(setting: &Setting, folder: &Path, flush: Flush) -> Result<Native, Failure> {
        let auditd = Auditd::configure(&folder.join("native").join(flush.word()), flush)?;
        let mut leash = Leash::start(setting, folder, &auditd.words(), How::default())?;
        auditd.wait(&mut leash, kernel_auditctl)?;
        Ok(Native { leash, log: auditd.log() })
    }

    /// The least that there can be.
    pub(crate) fn reader(setting: &Setting, folder: &Path) -> Result<Native, Failure> {
        let log = folder.join("reader.log");
        let mut command = Command::new(&setting.bench);
        command.args(["reader", "--parent", &std::process::id().to_string()]).arg(&log);
        let mut leash = Leash::spawn(command, folder, false)?;
        let start = Instant::now();
        while !is_registered(kernel_auditctl(&["-s"])) {
            if leash.has_ended() || start.elapsed() > PATIENCE {
                return Err(leash.failure("did not register"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(Native { leash, log })
    }
}

/// `auditctl` on the kernel's audit.
pub(crate) fn kernel_auditctl(arguments: &[&str]) -> Command {
    let mut command = Command::new("auditctl");
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Has `auditctl` change something, of which it need not tell.
pub(crate) fn configure(mut auditctl: Command) -> Result<(), Failure> {
    auditctl.stdout(Stdio::null());
    command::run(auditctl)
}

impl Drop for Native {
    fn drop(&mut self) {
        // Before it is gone, so that the kernel prints no records.
        let _ = kernel_auditctl(&["-e", "0"]).stdout(Stdio::null()).status();
    }
}

//! Child processes with a time limit: a test that hangs is a test that fails, and leaves nothing running.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::workdir;

/// What `unshare` is told for a mount namespace in which nothing is seen outside.
pub const PRIVATE_MOUNTS: [&str; 3] = ["--mount", "--propagation", "private"];
/// What it is told for a pid namespace, whose processes all end with `unshare` itself.
pub const PRIVATE_PROCESSES: [&str; 4] = ["--pid", "--mount-proc", "--fork", "--kill-child"];

/// A script of this package in private mount and pid namespaces, ready for its arguments. `others` tell `unshare` of more
/// namespaces.
pub fn apart(others: &[&str], script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(PRIVATE_MOUNTS).args(PRIVATE_PROCESSES).args(others).arg("--");
    command.arg(workdir::package().join("scripts").join(script));
    command
}

/// What stands before a command that somebody starts whose login uid is set.
pub fn logged_in(loginuid: u32) -> [String; 4] {
    let set = format!("echo {loginuid} >/proc/self/loginuid && exec \"$@\"");
    ["bash".to_owned(), "-c".to_owned(), set, "bash".to_owned()]
}

/// What a finished process said.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its exit status; `None` when the time limit ended it.
    pub status: Option<ExitStatus>,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

impl Finished {
    /// The exit code as a shell counts it: 128+N for signal N; `None` when the time limit ended the process.
    pub fn code(&self) -> Option<i32> {
        let status = self.status?;
        status.code().or_else(|| status.signal().map(|signal| 128 + signal))
    }

    /// Both outputs and the status, for messages of failed assertions.
    pub fn report(&self) -> String {
        format!(
            "exit {:?} after {:.1?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code(),
            self.took,
            self.stdout,
            self.stderr
        )
    }
}

/// A running process in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Pid,
    started: Instant,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    ended: bool,
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        // A read error ends the text; what came before it is still worth having.
        let _ = from.read_to_end(&mut all);
        all
    })
}

impl Running {
    /// Starts `command` without standard input, its outputs collected from now on.
    ///
    /// # Panics
    /// When it cannot be started: the machine lacks what the test needs.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", command.get_program().display()));
        let group = Pid::from_child(&child);
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Self { child, group, started: Instant::now(), stdout, stderr, ended: false }
    }

    /// The process id, as the host sees it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    ///
    /// # Panics
    /// When the kernel refuses to look at the child.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Sends a signal to the process alone.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.group, signal).expect("the process is still there");
    }

    /// Waits for the end, at most `limit` from the start; kills the process group after that.
    ///
    /// # Panics
    /// When the kernel refuses to wait for the child.
    pub fn finish(self, limit: Duration) -> Finished {
        let rest = limit.saturating_sub(self.started.elapsed());
        self.finish_within(rest)
    }

    /// As [`Running::finish`], at most `limit` from now.
    ///
    /// # Panics
    /// When the kernel refuses to wait for the child.
    pub fn finish_within(mut self, limit: Duration) -> Finished {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break Some(status);
            }
            if Instant::now() > deadline {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = self.started.elapsed();
        // Whoever is left in the group holds the pipes open: the outputs end only after them.
        let _ = kill_process_group(self.group, Signal::KILL);
        if status.is_none() {
            let _ = self.child.wait();
        }
        self.ended = true;
        let text = |reader: Option<JoinHandle<Vec<u8>>>| {
            let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Finished { status, stdout: text(self.stdout.take()), stderr: text(self.stderr.take()), took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Runs `command` to its end, at most `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    Running::start(command).finish(limit)
}

/// Runs `command` and returns its standard output.
///
/// # Panics
/// When it fails or needs longer than `limit`.
pub fn must(command: &mut Command, limit: Duration) -> String {
    let finished = run(command, limit);
    assert!(finished.code() == Some(0), "{command:?}: {}", finished.report());
    finished.stdout
}

/// Polls until `condition` holds; false when `limit` has passed without.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::run;

    #[test]
    fn outputs_and_codes() {
        let finished =
            run(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]), Duration::from_secs(10));
        assert_eq!((finished.code(), &*finished.stdout, &*finished.stderr), (Some(3), "one\n", "two\n"));
        let finished = run(Command::new("sh").args(["-c", "kill -TERM $$"]), Duration::from_secs(10));
        assert_eq!(finished.code(), Some(143));
    }

    #[test]
    fn the_limit_ends_the_whole_group() {
        let finished =
            run(Command::new("sh").args(["-c", "sleep 60 & sleep 60"]), Duration::from_millis(200));
        assert_eq!(finished.code(), None);
        assert!(finished.took < Duration::from_secs(10));
    }
}

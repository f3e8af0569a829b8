//! Containers of LXC, whose monitors hand calls on audit to the proxy of a supervisor.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::auditns;
use crate::container::{self, Mode, Outcome};
use crate::packages;
use crate::process::{self, Finished, PRIVATE_MOUNTS, PRIVATE_PROCESSES, Running, until};
use crate::supervised::Supervisor;
use crate::workdir::{self, RunDir};
use crate::{log::Log, rootfs};

/// Everything but what runs inside is done within.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is tried to attach.
const ATTACHED: usize = 3;

/// A container that is about to run, see `scripts/lxc.sh`. It is taken down with the value.
#[derive(Debug)]
pub struct Lxc {
    dir: Arc<RunDir>,
    name: String,
    mode: Mode,
    socket: PathBuf,
    lines: String,
    unshare: Vec<&'static str>,
}

impl Lxc {
    /// A container of that name, of [`Mode::Init`] or [`Mode::User`].
    ///
    /// # Panics
    /// When LXC is not there and cannot be installed.
    pub fn new(supervisor: &Supervisor, name: &str, mode: Mode) -> Self {
        packages::install(&[("lxc-start", "lxc"), ("newuidmap", "uidmap"), ("nsenter", "util-linux")]);
        let socket = supervisor.dir().path().join("run/lxc.sock");
        let dir = Arc::new(RunDir::new(&format!("lxc-{name}")));
        let unshare = PRIVATE_MOUNTS.into();
        Self { dir, name: name.to_owned(), mode, socket, lines: String::new(), unshare }
    }

    /// Adds a line to its configuration.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push_str(line);
        self.lines.push('\n');
        self
    }

    /// Runs its monitor in a pid namespace of its own.
    #[must_use]
    pub fn monitor_elsewhere(mut self) -> Self {
        self.unshare.extend(PRIVATE_PROCESSES);
        self
    }

    /// An id inside, as the host sees it.
    pub fn host_id(&self, inside: u32) -> u32 {
        self.mode.host_id(inside)
    }

    fn start(&self, how: &str, words: &[&str]) -> Running {
        container::share_scripts(&self.dir, self.mode);
        self.dir.folder("box");
        let mut command = Command::new("unshare");
        command.args(&self.unshare).arg("--").arg(script());
        command.arg(self.mode.name()).arg(rootfs::roots().of(self.mode)).arg(self.dir.path());
        command.arg(&self.name).arg(&self.socket).arg(how).args(words).env("E2E_LXC_CONFIG", &self.lines);
        command.env("PROGRAM", auditns::program());
        Running::start(&mut command)
    }

    /// Runs a program as its first one, to the end.
    ///
    /// # Panics
    /// When the container cannot be prepared.
    pub fn execute(&self, words: &[&str], limit: Duration) -> Outcome {
        Outcome::new(self.start("execute", words).finish(limit), Arc::clone(&self.dir))
    }

    /// Starts a program as its first one.
    ///
    /// # Panics
    /// When the container cannot be prepared.
    pub fn begin(&self, words: &[&str]) -> Running {
        self.start("execute", words)
    }

    /// Boots, runs a script of this package in a service as [`crate::machine::Machine::run`] does, and waits until the
    /// container is powered off.
    ///
    /// # Panics
    /// When the container cannot be prepared.
    pub fn boot(&self, script: &str, variant: &str, limit: Duration) -> Outcome {
        Outcome::new(self.start("start", &[script, variant]).finish(limit), Arc::clone(&self.dir))
    }

    /// Runs a program in the running container by `lxc-attach`: again, if it came to nothing. One time in a hundred LXC's (5.0)
    /// drops the listener of what it attaches instead of handing it to the monitor.
    pub fn attach(&self, words: &[&str]) -> Finished {
        let attach = || {
            let mut command = Command::new(script());
            command.arg("attach").arg(self.dir.path()).arg(&self.name).args(words);
            process::run(&mut command, LIMIT)
        };
        let dropped = |finished: &Finished| finished.code() != Some(0) && finished.stdout.is_empty();
        (1..ATTACHED).map(|_| attach()).find(|finished| !dropped(finished)).unwrap_or_else(attach)
    }

    /// Ends the running container by `lxc-stop`.
    ///
    /// # Panics
    /// When that fails.
    pub fn stop(&self) {
        process::must(Command::new(script()).arg("stop").arg(self.dir.path()).arg(&self.name), LIMIT);
    }

    /// Waits until a file is there that a program inside makes in `/e2e/out`, and returns what is in it.
    ///
    /// # Panics
    /// When it does not come.
    pub fn told(&self, file: &str) -> String {
        let path = self.dir.path().join("e2e/out").join(file);
        assert!(until(LIMIT, || path.exists()), "{} never came", path.display());
        std::fs::read_to_string(path).expect("the file is there")
    }

    /// Whether its monitor waits for the answer to a call: it receives, and otherwise sleeps in its loop.
    pub fn awaits_answer(&self) -> bool {
        let monitor = std::fs::read_to_string(self.dir.path().join("monitor")).unwrap_or_default();
        let receives = if cfg!(target_arch = "aarch64") { "212 " } else { "47 " };
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", monitor.trim())).unwrap_or_default();
        call.starts_with(receives)
    }

    /// Makes a file that a program inside waits for, in `/e2e/out`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn tell(&self, file: &str) {
        std::fs::write(self.dir.path().join("e2e/out").join(file), "").expect("the folder is writable");
    }
}

impl Drop for Lxc {
    fn drop(&mut self) {
        // Killed monitors leave their containers behind.
        let _ = process::run(
            Command::new("unshare").arg("--mount").arg(script()).arg("clean").arg(self.dir.path()),
            LIMIT,
        );
    }
}

/// The texts that `auditctl -m` sent from inside with that beginning, in the order of the log.
pub fn marks(log: &Log, beginning: &str) -> Vec<String> {
    let texts = log.records.iter().filter_map(|record| record.field("text"));
    texts.filter(|text| text.starts_with(beginning)).map(str::to_owned).collect()
}

fn script() -> PathBuf {
    workdir::package().join("scripts/lxc.sh")
}

//! Containers that boot: systemd as process 1, started by systemd-nspawn below auditns.

use std::ffi::OsString;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::auditns::Served;
use crate::container::{self, Mode, Outcome};
use crate::host::Unchanged;
use crate::process;
use crate::rootfs;
use crate::supervised::Supervisor;
use crate::workdir::RunDir;

/// A container that is about to boot, served by auditns.
#[derive(Debug)]
pub struct Machine {
    dir: Arc<RunDir>,
    mode: Mode,
    served: Served,
    loginuid: Option<u32>,
}

impl Machine {
    /// A container whose namespace is called `name`, of [`Mode::Init`] or [`Mode::User`].
    pub fn new(name: &str, mode: Mode) -> Self {
        let dir = Arc::new(RunDir::new(name));
        let served = Served::new(name, &dir.folder("log"));
        Self { dir, mode, served, loginuid: None }
    }

    /// A container that a supervisor serves, with flags of `auditns run`, and that somebody boots who has logged in.
    pub fn supervised(
        name: &str,
        mode: Mode,
        supervisor: &Supervisor,
        flags: &[&str],
        loginuid: u32,
    ) -> Self {
        let served = supervisor.served(name).flag(flags);
        Self { dir: Arc::new(RunDir::new(name)), mode, served, loginuid: Some(loginuid) }
    }

    /// The namespace that serves it.
    pub fn namespace(&self) -> &Served {
        &self.served
    }

    /// Boots, runs a script of this package in a service (see `scripts/machine.sh` for how it is called), and waits
    /// until the container is powered off.
    ///
    /// # Panics
    /// When the container cannot be prepared or started.
    pub fn run(&self, script: &str, variant: &str, limit: Duration) -> Outcome {
        let root = rootfs::roots().of(self.mode);
        container::share_scripts(&self.dir, self.mode);
        self.dir.folder("box");
        // With its feature loginuid_immutable, which tests of the kernel set for a moment, nobody could unset the login uid.
        let _kernel = self.loginuid.map(|_| Unchanged::hold());
        let login = self.loginuid.map(process::logged_in).into_iter().flatten();
        let booting = booting(self.mode);
        let mut words: Vec<OsString> = login.map(Into::into).collect();
        words.push(booting.get_program().into());
        words.extend(booting.get_args().map(Into::into));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.arg(root).arg(self.dir.path()).args([script, variant]);
        let served = self.served.command();
        command.arg(served.get_program()).args(served.get_args());
        Outcome::new(process::run(&mut command, limit), Arc::clone(&self.dir))
    }
}

/// `scripts/machine.sh start MODE` in mount and pid namespaces of its own, ready for its other arguments.
pub(crate) fn booting(mode: Mode) -> Command {
    let mut command = process::apart(&[], "machine.sh");
    command.args(["start", mode.name()]);
    command
}

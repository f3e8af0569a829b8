//! Containers that boot: systemd as process 1, started by systemd-nspawn below auditns.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::auditns::Served;
use crate::container::{self, Mode, Outcome};
use crate::process;
use crate::rootfs;
use crate::workdir::RunDir;

/// A container that is about to boot, served by auditns.
#[derive(Debug)]
pub struct Machine {
    dir: Arc<RunDir>,
    mode: Mode,
    served: Served,
}

impl Machine {
    /// A container whose namespace is called `name`, of [`Mode::Init`] or [`Mode::User`].
    pub fn new(name: &str, mode: Mode) -> Self {
        let dir = Arc::new(RunDir::new(name));
        let served = Served::new(name, &dir.folder("log"));
        Self { dir, mode, served }
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
        let mut command = booting(self.mode);
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

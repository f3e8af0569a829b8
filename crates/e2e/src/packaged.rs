//! The Debian package, as `cargo xtask dist` makes it, and hosts on which it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::auditns;
use crate::container::{self, Container, Mode, Outcome};
use crate::machine::booting;
use crate::packages::{self, Need};
use crate::process;
use crate::rootfs;
use crate::workdir::{self, RunDir};

/// The first build compiles `xtask`.
const BUILD_LIMIT: Duration = Duration::from_secs(400);
/// Seconds that a script may take on a machine.
const MACHINE_SECONDS: u32 = 300;
/// The supervisor's host has all capabilities, and what it needs to mount its tree of limits.
const HOST: &str = "--capability=all --bind=/dev/fuse";

const TOOLS: &[Need] = &[("dpkg-shlibdeps", "dpkg-dev"), ("strip", "binutils"), ("man", "man-db")];

/// The version that is installed first.
pub const OLD: &str = "1.0.0~old";
/// The version that replaces it.
pub const NEW: &str = "1.0.0";

/// What `cargo xtask dist` makes of the program under test.
#[derive(Debug, Clone)]
pub struct Made {
    /// The Debian package.
    pub deb: PathBuf,
    /// The same files for other systems.
    pub tarball: PathBuf,
    /// The tree of files that both are made of.
    pub tree: PathBuf,
}

/// Makes both archives in a folder.
///
/// # Panics
/// When that fails.
pub fn make(version: &str, folder: &Path) -> Made {
    packages::install(TOOLS);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut dist = Command::new(cargo);
    dist.args(["run", "--quiet", "--package", "xtask", "--", "dist", "--version", version]);
    dist.arg("--program").arg(auditns::program()).arg("--output").arg(folder);
    let printed = process::must(dist.current_dir(workdir::package()), BUILD_LIMIT);
    let made = |ending: &str| {
        let path = printed.lines().find(|line| line.ends_with(ending));
        PathBuf::from(path.unwrap_or_else(|| panic!("no {ending} is made: {printed}")))
    };
    Made { deb: made(".deb"), tarball: made(".tar.gz"), tree: folder.join("tree") }
}

/// Puts both versions where a container finds them, as `/e2e/old.deb` and `/e2e/new.deb`.
fn share(dir: &RunDir) {
    for (version, name) in [(OLD, "old"), (NEW, "new")] {
        let made = make(version, &dir.folder(name));
        fs::copy(made.deb, dir.folder("e2e").join(format!("{name}.deb"))).expect("a package can be copied");
    }
}

/// Runs a script of this package in a Debian root file system without a service manager.
///
/// # Panics
/// When the container cannot be prepared or started.
pub fn in_root(name: &str, script: &str, limit: Duration) -> Outcome {
    let container = Container::native(name, Mode::Init);
    share(container.dir());
    container.run(script, &[], limit)
}

/// Boots Debian with systemd and runs a script of this package in a service (see `scripts/machine.sh` for how it is
/// called), with the kernel's own audit.
///
/// # Panics
/// When the container cannot be prepared or started.
pub fn on_machine(name: &str, script: &str) -> Outcome {
    let dir = Arc::new(RunDir::new(name));
    share(&dir);
    container::share_scripts(&dir, Mode::Init);
    dir.folder("box");
    let mut command = booting(Mode::Init);
    command.arg(rootfs::roots().of(Mode::Init)).arg(dir.path()).args([script, "packaged", "env"]);
    command.env("E2E_SECONDS", MACHINE_SECONDS.to_string()).env("E2E_NSPAWN_OPTIONS", HOST);
    let limit = Duration::from_secs(u64::from(MACHINE_SECONDS) + 60);
    Outcome::new(process::run(&mut command, limit), dir)
}

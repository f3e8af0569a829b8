//! Debian packages that the machine itself needs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::{process, workdir};

/// A program, or the absolute path of a file, and the package that brings it.
pub(crate) type Need = (&'static str, &'static str);

/// Others may hold apt's lock, and a mirror may be busy.
const PATIENT: [&str; 4] = ["-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300"];

/// Installs the packages of what is missing.
///
/// # Panics
/// When that fails.
pub(crate) fn install(needs: &[Need]) {
    // Several test programs may start at once, and apt serves one at a time.
    let lock = File::create(workdir::base().join("packages.lock")).expect("the lock file can be made");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock file can be locked");
    let mut missing: Vec<&str> =
        needs.iter().filter(|(file, _)| !exists(file)).map(|(_, package)| *package).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return;
    }
    process::must(Command::new("apt-get").args(PATIENT).arg("update"), Duration::from_secs(400));
    process::must(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(PATIENT)
            .args(["install", "--yes", "--no-install-recommends"])
            .args(missing),
        Duration::from_secs(900),
    );
}

/// An absolute path is itself whatever folder it is joined to.
fn exists(file: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|folder| Path::new(&folder).join(file).exists())
}

#[cfg(test)]
mod tests {
    use super::exists;

    #[test]
    fn programs_and_files() {
        assert!(exists("sh") && exists("/bin/sh") && exists("/etc/passwd"));
        assert!(!exists("no-such-program-anywhere") && !exists("/no/such/file"));
    }
}

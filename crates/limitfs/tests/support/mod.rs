//! What the tests share: limits that are made up, a mount that always goes away, and processes to name.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use auditns_limitfs::{LimitFs, Limits, Mounted, Refusal};
use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

/// Limits in a table. A process that is not in it is in no namespace.
#[derive(Default)]
pub(crate) struct Table {
    limits: Mutex<BTreeMap<u32, Result<u32, Refusal>>>,
}

impl Table {
    pub(crate) fn put(&self, pid: u32, limit: Result<u32, Refusal>) {
        self.limits.lock().unwrap().insert(pid, limit);
    }
}

impl Limits for Table {
    fn get(&self, pid: u32) -> Result<u32, Refusal> {
        self.limits.lock().unwrap().get(&pid).copied().unwrap_or(Err(Refusal::NoNamespace))
    }

    fn set(&self, pid: u32, limit: u32) -> Result<(), Refusal> {
        let mut limits = self.limits.lock().unwrap();
        let old = limits.get_mut(&pid).ok_or(Refusal::NoNamespace)?;
        (*old)?;
        *old = Ok(limit);
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        self.limits.lock().unwrap().keys().copied().collect()
    }
}

/// A directory that users other than root can reach and that is unmounted whatever happens.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(directory.path().join("tree")).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    pub(crate) fn is_mounted(&self) -> bool {
        mount_line(&self.path()).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        while self.is_mounted() && unmount(self.path(), UnmountFlags::DETACH).is_ok() {}
    }
}

/// The mount table's line for `path`.
pub(crate) fn mount_line(path: &Path) -> Option<String> {
    let path = format!(" {} ", path.display());
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().find(|line| line.contains(&path)).map(str::to_owned)
}

/// A mounted tree. Fields go in their order: the mount before its place.
pub(crate) struct Stage {
    pub(crate) mounted: Option<Mounted>,
    pub(crate) place: Place,
}

impl Stage {
    pub(crate) fn new(limits: Arc<dyn Limits>) -> Self {
        let place = Place::new();
        let mounted = Some(LimitFs::mount(&place.path(), limits).unwrap());
        Self { mounted, place }
    }

    pub(crate) fn file(&self, pid: u32) -> PathBuf {
        self.place.path().join(pid.to_string()).join("audit_backlog_limit")
    }
}

/// A process that lives until it is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start() -> Self {
        // Reads a pipe that nobody writes to.
        Self(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `script` behind the words of `prefix`, with `file` as `$1`.
pub(crate) fn shell(prefix: &[&str], script: &str, file: &Path) -> Output {
    let words: Vec<&str> = prefix.iter().copied().chain(["sh", "-c", script, "sh"]).collect();
    Command::new(words[0]).args(&words[1..]).arg(file).env("LC_ALL", "C").output().unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

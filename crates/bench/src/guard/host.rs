//! The kernel's own audit, kept for a benchmark and then restored, with a folder that ends with it.

use super::Until;
use crate::client::{Client, LOGIN, USER_LOGIN};
use auditns_wire::message_type::SET;
use auditns_wire::payload::Status;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Everyone who changes the kernel's audit state on a machine takes this lock.
const LOCK: &str = "/run/lock/auditns-kernel-audit.lock";
/// How long somebody else's test may have it.
const LOCK_PATIENCE: Duration = Duration::from_secs(900);
/// How long an audit daemon, and programs that use the folder, may take to end.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(20);
/// What Debian's audit daemon sets.
const BACKLOG_LIMIT: u32 = 8192;
/// Where a supervisor mounts something below its folder.
const MOUNTED: &str = "run/proc";

/// Keeps the kernel's audit for us, disabled and with the backlog limit of an audit daemon's, and a folder, until `until`
/// comes. Calls `ready` with the folder.
///
/// # Errors
/// Nothing is changed if something of somebody else's is at work: an audit daemon, a locked configuration, another test.
pub fn hold(until: &Until, ready: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let lock = File::create(LOCK)?;
    if !locked(&lock, until)? {
        return Ok(());
    }
    let mut kernel = Client::open()?;
    let before = kernel.ask_status()?;
    if before.enabled > 1 {
        return Err(io::Error::other("the audit configuration is locked until the next boot"));
    }
    if before.pid != 0 {
        let text = format!("process {} is registered as audit daemon; stop it first", before.pid);
        return Err(io::Error::other(text));
    }
    let folder = tempfile::Builder::new().prefix("auditns-bench-").tempdir()?;
    let mask = Status::MASK_ENABLED | Status::MASK_BACKLOG_LIMIT;
    let ours = Status { mask, backlog_limit: BACKLOG_LIMIT, ..Status::default() };
    let held = kernel
        .say(SET, &ours.encode())
        .and_then(|()| ready(folder.path()))
        .and_then(|()| until.wait(None, None));
    // All three are tried, whatever fails.
    let alone = wait_for_the_end_of_the_daemon(&mut kernel);
    let restored = kernel.say(SET, &Status { mask, ..before }.encode());
    let removed = remove(folder);
    drop(lock);
    held.and(alone).and(restored).and(removed)
}

/// Whether the lock is taken; false when the end comes first.
fn locked(lock: &File, until: &Until) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) if start.elapsed() > LOCK_PATIENCE => {
                let minutes = LOCK_PATIENCE.as_secs() / 60;
                let text = format!("another test has kept {LOCK} locked for {minutes} minutes; end it");
                return Err(io::Error::other(text));
            }
            Err(Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
        if until.wait(None, Some(LOOK))? {
            return Ok(false);
        }
    }
}

fn wait_for_the_end_of_the_daemon(kernel: &mut Client) -> io::Result<()> {
    let start = Instant::now();
    loop {
        let pid = kernel.ask_status()?.pid;
        if pid == 0 {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("process {pid} is still registered as audit daemon")));
        }
        let gone =
            i32::try_from(pid).ok().and_then(Pid::from_raw).is_none_or(|pid| test_kill_process(pid).is_err());
        if gone {
            // The kernel notices when it has something for it.
            kernel.say(USER_LOGIN, LOGIN)?;
        }
        std::thread::sleep(LOOK);
    }
}

/// Removes the folder, into which programs that are about to end may still write.
fn remove(folder: TempDir) -> io::Result<()> {
    let path = folder.keep();
    let start = Instant::now();
    loop {
        let mut unmount = Command::new("umount");
        unmount.arg("--lazy").arg(path.join(MOUNTED)).stderr(Stdio::null());
        // What was not mounted need not be unmounted.
        let _ = unmount.status();
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                if start.elapsed() > PATIENCE {
                    return Err(error);
                }
                std::thread::sleep(LOOK);
            }
            _ => return Ok(()),
        }
    }
}

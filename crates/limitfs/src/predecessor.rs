//! What a process before this one may have left at the folder.

use crate::error::MountError;
use crate::mounting::{SUBTYPE, detach};
use rustix::fs::{AtFlags, Mode, OFlags, StatxAttributes, StatxFlags, open, statx};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// Mounts of killed processes that can lie above each other.
const LEFTOVERS: usize = 16;
/// How long a living process has for a sign of life.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the folder, after everything at it that a killed process has left is unmounted.
pub(crate) fn open_without(path: &Path) -> Result<OwnedFd, MountError> {
    let inspect = |error: io::Error| MountError::Inspect { path: path.to_owned(), error };
    let mut unmounted = 0;
    loop {
        // Opening it in this way asks nothing of whoever serves it.
        let folder = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| MountError::Folder { path: path.to_owned(), error: error.into() })?;
        if !is_ours(&folder).map_err(inspect)? {
            return Ok(folder);
        }
        let for_probe = folder.try_clone().map_err(inspect)?;
        if unmounted == LEFTOVERS || is_served(for_probe).map_err(inspect)? {
            return Err(MountError::InUse { path: path.to_owned() });
        }
        detach(folder.as_fd())
            .map_err(|error| MountError::Leftover { path: path.to_owned(), error: error.into() })?;
        unmounted += 1;
    }
}

/// Whether it is the root of a file system of this kind.
fn is_ours(folder: &OwnedFd) -> io::Result<bool> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = statx(folder, "", flags, StatxFlags::MNT_ID)?;
    if !stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(false);
    }
    let id = stat.stx_mnt_id.to_string();
    for line in BufReader::new(File::open("/proc/self/mountinfo")?).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if line.split(' ').next() == Some(&id) {
            let kind = line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next());
            return Ok(kind.and_then(|kind| kind.strip_prefix("fuse.")) == Some(SUBTYPE));
        }
    }
    Ok(false)
}

/// Whether a living process serves it; one that does not answer is one, too.
fn is_served(folder: OwnedFd) -> io::Result<bool> {
    let (tell, told) = sync_channel(1);
    // The kernel waits for a process that is stopped, for as long as that may be.
    thread::Builder::new().name("probe".to_owned()).spawn(move || {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
        let answer = statx(&folder, "", flags, StatxFlags::BASIC_STATS).err();
        drop(folder);
        let _ = tell.send(answer);
    })?;
    Ok(told.recv_timeout(PATIENCE) != Ok(Some(Errno::NOTCONN)))
}

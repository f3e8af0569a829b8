//! Paths as a member sees them.

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Attempts after the kernel says that a rename came in between.
const ATTEMPTS: usize = 8;

/// What stands at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link that was not followed.
    SymbolicLink,
    /// A device, socket or pipe.
    Other,
}

/// A file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: FileKind,
    /// Device number of its file system, in the layout of `stat(2)`.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The file itself, or the error number of the attempt (`ENOENT`, `EACCES`, `ELOOP`, `ENOTDIR`, `ENAMETOOLONG`).
    pub target: Result<Found, i32>,
    /// The directory that holds it, or the error number. The root directory holds itself.
    pub parent: Result<Found, i32>,
}

/// The root directory of a task, held open.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// Opens the root directory of the task with this id.
    ///
    /// # Errors
    /// `ESRCH` if there is no such task; `EACCES` or `EPERM` if this process may not look at it.
    pub fn of_pid(pid: u32) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match open(format!("/proc/{pid}/root"), flags, Mode::empty()) {
            Ok(fd) => Ok(Self(fd)),
            Err(Errno::NOENT) => Err(Errno::SRCH.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks `path` up below this root, which neither `..` nor symbolic links leave. The last component is followed if
    /// it is a symbolic link and `follow` says so. With this process's rights, not the task's. A relative path starts
    /// at the root.
    ///
    /// Looking up means asking the file systems on the way; one that the member serves itself (FUSE) may answer late or
    /// never, so this is nothing for a thread that others wait for.
    pub fn resolve(&self, path: &Path, follow: bool) -> Resolution {
        let target = self.find(path, follow);
        let parent = self.find(&parent_of(path), true);
        Resolution { target, parent }
    }

    fn find(&self, path: &Path, follow: bool) -> Result<Found, i32> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, !follow);
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut outcome = Err(Errno::AGAIN);
        for _ in 0..ATTEMPTS {
            outcome = openat2(self.0.as_fd(), path, flags, Mode::empty(), resolve);
            if !matches!(outcome, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        let stat = outcome.and_then(fstat).map_err(Errno::raw_os_error)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::SymbolicLink,
            _ => FileKind::Other,
        };
        Ok(Found { kind, device: stat.st_dev, inode: stat.st_ino })
    }
}

/// Everything before the last component, by text as the kernel does it: `a/..` is held by `a`.
fn parent_of(path: &Path) -> std::path::PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let start = bytes[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let parent = std::ffi::OsStr::from_bytes(&bytes[..start]);
    if parent.is_empty() { "/".into() } else { parent.into() }
}

#[cfg(test)]
mod tests;

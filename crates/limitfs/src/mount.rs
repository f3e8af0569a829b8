//! Mounting and unmounting.
//!
//! The mount calls are made here rather than by fuser, which falls back to a setuid helper and unmounts neither lazily
//! nor only what it has mounted.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::{BackgroundSession, Config, Session, SessionACL};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxAttributes, StatxFlags, statx};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::Limits;
use crate::admission::{MOST_FOR_ROOT, MOST_FOR_USERS};
use crate::mount_error::MountError;
use crate::tree::Tree;

/// Threads of a session: one for each call into [`Limits`] that may run, and two for what is answered at once.
const THREADS: usize = MOST_FOR_ROOT + MOST_FOR_USERS + 2;

/// The most trees that are removed from a mount point.
const MOST_TREES: usize = 16;

/// What the kernel tells as the source of the mount.
const SOURCE: &str = "auditns";

/// Has `statx` not ask FUSE: the threads that would answer may not run yet, or no more.
const UNASKED: AtFlags = AtFlags::STATX_DONT_SYNC.union(AtFlags::SYMLINK_NOFOLLOW);

/// The file system of backlog limits.
#[derive(Debug)]
pub struct LimitFs;

impl LimitFs {
    /// Mounts the tree at the directory `path` and serves it from threads of its own. Needs root of the host.
    ///
    /// Trees of these that are mounted there are unmounted first, and not asked anything: their servers may be gone, or be
    /// nothing but threads that do not end. So the caller makes sure that there is one server at a time. Another FUSE file
    /// system there is [`MountError::Occupied`].
    pub fn mount(path: &Path, limits: Arc<dyn Limits>) -> Result<Mounted, MountError> {
        detach_trees(path)?;
        let path =
            fs::canonicalize(path).map_err(|source| MountError::Inspect { path: path.to_owned(), source })?;
        if !path.is_dir() {
            return Err(MountError::NotADirectory { path });
        }
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .map_err(|source| MountError::OpenDevice { source })?;
        attach(&path, &device).map_err(|source| MountError::Mount { path: path.clone(), source })?;
        serve(&path, device, limits).inspect_err(|_| {
            let _ = rustix::mount::unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        })
    }
}

/// Serves what was mounted at the path, and opens it only then: where the kernel's audit has rules, opening the tree asks it
/// for an attribute, and whoever does that before it is served waits for ever.
fn serve(path: &Path, device: File, limits: Arc<dyn Limits>) -> Result<Mounted, MountError> {
    let ended = Arc::new(AtomicBool::new(false));
    let mut config = Config::default();
    config.acl = SessionACL::All;
    config.n_threads = Some(THREADS);
    let session =
        Session::from_fd(Tree::new(limits, Arc::clone(&ended)), device.into(), SessionACL::All, config)
            .map_err(|source| MountError::Handshake { path: path.to_owned(), source })?;
    let session =
        session.spawn().map_err(|source| MountError::StartThread { path: path.to_owned(), source })?;
    let root = pin(path).map_err(|source| MountError::Mount { path: path.to_owned(), source })?;
    // From here on the mount goes when this is dropped.
    Ok(Mounted { path: path.to_owned(), root, ended, _session: session })
}

/// A mounted tree. It keeps a descriptor of its root, so others unmount it lazily (`umount -l`) or not at all.
///
/// Dropping it unmounts lazily and does not wait: files that are still open answer `ENOTCONN`, and
/// [`Limits`] is asked no more but for calls that run already.
#[derive(Debug)]
#[must_use = "dropping this unmounts the tree"]
pub struct Mounted {
    path: PathBuf,
    // Keeps the number of the file system's device from being given to another one, so that it tells whose mount it is.
    root: OwnedFd,
    ended: Arc<AtomicBool>,
    _session: BackgroundSession,
}

impl Mounted {
    /// The mount point, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Somebody may have unmounted the tree and mounted something else.
        let own = device(&statx(&self.root, "", AtFlags::EMPTY_PATH | UNASKED, StatxFlags::TYPE));
        let there = device(&statx(CWD, &self.path, UNASKED, StatxFlags::TYPE));
        if own.is_some() && own == there {
            // There is nobody to tell; what stays mounted is dead and goes with the next mount.
            let _ = rustix::mount::unmount(&self.path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
    }
}

fn attach(path: &Path, device: &File) -> io::Result<()> {
    let options = CString::new(format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
        device.as_raw_fd()
    ))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(rustix::mount::mount(SOURCE, path, "fuse", flags, options.as_c_str())?)
}

/// What is mounted over a directory.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    Nothing,
    /// A tree of these.
    Tree,
    /// Another FUSE file system.
    OtherFuse,
    /// Another file system.
    Other,
}

/// Removes trees of predecessors. Nobody may answer for them, so they are not asked anything.
fn detach_trees(path: &Path) -> Result<(), MountError> {
    for _ in 0..MOST_TREES {
        match over(path)? {
            Over::Tree => rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
                .map_err(|error| MountError::Detach { path: path.to_owned(), source: error.into() })?,
            Over::OtherFuse => return Err(MountError::Occupied { path: path.to_owned() }),
            Over::Nothing | Over::Other => return Ok(()),
        }
    }
    Err(MountError::TooManyTrees { path: path.to_owned(), most: MOST_TREES })
}

fn over(path: &Path) -> Result<Over, MountError> {
    let told = |source: io::Error| MountError::Inspect { path: path.to_owned(), source };
    let status = statx(CWD, path, UNASKED, StatxFlags::TYPE).map_err(|error| told(error.into()))?;
    if !status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(Over::Nothing);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(told)?;
    Ok(kind(&mounts, status.stx_dev_major, status.stx_dev_minor))
}

/// The kind of the file system on that device, by the lines of `mountinfo`.
fn kind(mounts: &str, major: u32, minor: u32) -> Over {
    let device = format!("{major}:{minor}");
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&device));
    let mut words = line.and_then(|line| line.split_once(" - ")).map_or("", |(_, rest)| rest).split(' ');
    match (words.next(), words.next()) {
        (Some("fuse"), Some(SOURCE)) => Over::Tree,
        (Some(kind), _) if kind.starts_with("fuse") => Over::OtherFuse,
        _ => Over::Other,
    }
}

fn pin(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn device(status: &rustix::io::Result<Statx>) -> Option<(u32, u32)> {
    status.as_ref().ok().map(|status| (status.stx_dev_major, status.stx_dev_minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_told_by_its_device() {
        let mounts = "22 1 0:20 / /proc rw - proc proc rw\n30 1 0:41 / /run/a\\040b rw,nosuid shared:7 - fuse auditns rw\n\
                      31 1 0:42 / /mnt rw - fuse.sshfs host:/x rw\n32 1 0:43 / /mnt2 rw - fuse auditns2 rw\n33 1 0:44 / /x rw\n";
        let told: Vec<Over> = [20, 41, 42, 43, 44, 45].map(|minor| kind(mounts, 0, minor)).into();
        assert_eq!(
            told,
            [Over::Other, Over::Tree, Over::OtherFuse, Over::OtherFuse, Over::Other, Over::Other]
        );
    }
}

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

/// The most dead mounts that are removed from a mount point.
const MOST_DEAD: usize = 16;

/// Has `statx` not ask FUSE: the threads that would answer may not run yet, or no more.
const UNASKED: AtFlags = AtFlags::STATX_DONT_SYNC.union(AtFlags::SYMLINK_NOFOLLOW);

/// The value of `statfs` for FUSE.
const FUSE_MAGIC: u64 = 0x6573_5546;

/// The file system of backlog limits.
#[derive(Debug)]
pub struct LimitFs;

impl LimitFs {
    /// Mounts the tree at the directory `path` and serves it from threads of its own. Needs root of the host.
    ///
    /// What a killed predecessor left mounted there is unmounted first. A living FUSE file system there is
    /// [`MountError::Occupied`].
    pub fn mount(path: &Path, limits: Arc<dyn Limits>) -> Result<Mounted, MountError> {
        detach_dead(path)?;
        let path =
            fs::canonicalize(path).map_err(|source| MountError::Inspect { path: path.to_owned(), source })?;
        inspect(&path)?;
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
    Ok(rustix::mount::mount("auditns", path, "fuse", flags, options.as_c_str())?)
}

fn detach_dead(path: &Path) -> Result<(), MountError> {
    for _ in 0..MOST_DEAD {
        match fs::metadata(path) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOTCONN.raw_os_error()) => {
                rustix::mount::unmount(path, UnmountFlags::DETACH)
                    .map_err(|error| MountError::Detach { path: path.to_owned(), source: error.into() })?;
            }
            // Other errors are found, and told, by what comes next.
            _ => return Ok(()),
        }
    }
    Err(MountError::TooManyDead { path: path.to_owned(), most: MOST_DEAD })
}

fn inspect(path: &Path) -> Result<(), MountError> {
    let told = |source: io::Error| MountError::Inspect { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(told)?.is_dir() {
        return Err(MountError::NotADirectory { path: path.to_owned() });
    }
    let status = statx(CWD, path, UNASKED, StatxFlags::TYPE).map_err(|error| told(error.into()))?;
    let is_mount_root = status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    let file_system = rustix::fs::statfs(path).map_err(|error| told(error.into()))?;
    if is_mount_root && u64::try_from(file_system.f_type) == Ok(FUSE_MAGIC) {
        return Err(MountError::Occupied { path: path.to_owned() });
    }
    Ok(())
}

fn pin(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn device(status: &rustix::io::Result<Statx>) -> Option<(u32, u32)> {
    status.as_ref().ok().map(|status| (status.stx_dev_major, status.stx_dev_minor))
}

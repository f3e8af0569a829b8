//! Mounting and unmounting.
//!
//! The mount calls are made here rather than by fuser, which falls back to a setuid helper and unmounts neither lazily
//! nor only what it has mounted.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::{BackgroundSession, Config, Session, SessionACL};
use rustix::fs::{AtFlags, CWD, Statx, StatxAttributes, StatxFlags, statx};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::Limits;
use crate::admission::{MOST_FOR_ROOT, MOST_FOR_USERS};
use crate::filesystem::Tree;
use crate::mount_error::MountError;

/// Threads of a session: one for each call into [`Limits`] that may run, and two for what is answered at once.
const THREADS: usize = MOST_FOR_ROOT + MOST_FOR_USERS + 2;

/// The most dead mounts that are removed from a mount point.
const MOST_DEAD: usize = 16;

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
        // From here on the mount goes when this is dropped.
        let ended = Arc::new(AtomicBool::new(false));
        let mut mounted =
            Mounted { device: device_at(&path), path, ended: Arc::clone(&ended), session: None };
        let mut config = Config::default();
        config.acl = SessionACL::All;
        config.n_threads = Some(THREADS);
        let session = Session::from_fd(Tree::new(limits, ended), device.into(), SessionACL::All, config)
            .map_err(|source| MountError::Handshake { path: mounted.path.clone(), source })?;
        mounted.session = Some(
            session
                .spawn()
                .map_err(|source| MountError::StartThread { path: mounted.path.clone(), source })?,
        );
        Ok(mounted)
    }
}

/// A mounted tree. Dropping it unmounts lazily and does not wait: files that are still open answer `ENOTCONN`, and
/// [`Limits`] is asked no more but for calls that run already.
#[derive(Debug)]
#[must_use = "dropping this unmounts the tree"]
pub struct Mounted {
    path: PathBuf,
    device: Option<(u32, u32)>,
    ended: Arc<AtomicBool>,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// The mount point, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the session has ended because somebody else unmounted the tree or aborted its connection.
    pub fn has_ended(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.guard.is_finished())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Somebody may have unmounted the tree and mounted something else.
        if self.device.is_some() && device_at(&self.path) == self.device {
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
    let is_mount_root = statx_of(path).map_err(told)?.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    let file_system = rustix::fs::statfs(path).map_err(|error| told(error.into()))?;
    if is_mount_root && u64::try_from(file_system.f_type) == Ok(FUSE_MAGIC) {
        return Err(MountError::Occupied { path: path.to_owned() });
    }
    Ok(())
}

fn device_at(path: &Path) -> Option<(u32, u32)> {
    statx_of(path).ok().map(|status| (status.stx_dev_major, status.stx_dev_minor))
}

// Without synchronisation FUSE is not asked: the threads that would answer may not run yet, or no more.
fn statx_of(path: &Path) -> io::Result<Statx> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::SYMLINK_NOFOLLOW;
    Ok(statx(CWD, path, flags, StatxFlags::TYPE)?)
}

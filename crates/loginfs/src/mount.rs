//! Mounting.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::{BackgroundSession, Config, Session, SessionACL};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use crate::filesystem::Files;
use crate::kept;
use crate::logins::{Access, FileNumber, Logins};
use crate::mount_error::MountError;

/// Threads of a session. No request waits in them.
const THREADS: usize = 2;

/// What outlives the supervisor, so that descriptors which members have opened go on.
#[derive(Debug)]
pub struct Kept {
    /// The descriptor of `/dev/fuse`.
    pub connection: OwnedFd,
    /// The root of the mount.
    pub root: OwnedFd,
}

/// The files. They have no mount point: only this opens them.
///
/// After this is dropped, files that are open say `ENOTCONN`, and [`Logins`] is asked no more. The mount goes when nobody has
/// a descriptor of it.
#[derive(Debug)]
#[must_use = "dropping this ends the files"]
pub struct Mounted {
    kept: Kept,
    taken_over: bool,
    ended: Arc<AtomicBool>,
    _session: BackgroundSession,
}

/// Mounts the files and serves them from threads of their own. Needs `CAP_SYS_ADMIN`.
///
/// With what a killed predecessor has kept, its files go on: calls that it had not answered come again. If that is not
/// possible, as before Linux 6.9 ([`Mounted::is_taken_over`] tells), they are mounted anew; files opened before say `ENOTCONN`,
/// also to those who wait for an answer.
pub fn mount(logins: Arc<dyn Logins>, kept: Option<Kept>) -> Result<Mounted, MountError> {
    let kept = kept.filter(|kept| {
        let goes_on = kept::resend(kept.connection.as_fd()).is_ok();
        if !goes_on {
            kept::abort(kept.root.as_fd());
        }
        goes_on
    });
    let ended = Arc::new(AtomicBool::new(false));
    let files = Files::new(logins, Arc::clone(&ended));
    let taken_over = kept.is_some();
    let (kept, session) = if let Some(kept) = kept {
        let session = kept::session(files, duplicate(&kept.connection)?)?;
        (kept, session)
    } else {
        let kept = attach()?;
        let session = Session::from_fd(files, duplicate(&kept.connection)?, SessionACL::All, config());
        (kept, session.map_err(MountError::Handshake)?)
    };
    let session = session.spawn().map_err(MountError::StartThread)?;
    Ok(Mounted { kept, taken_over, ended, _session: session })
}

impl Mounted {
    /// Opens a file for a member. [`Logins`] is not asked, so this may be called with any lock held.
    ///
    /// # Errors
    /// `InvalidInput` for the numbers 0 and 1, and what open(2) says.
    pub fn open(&self, file: FileNumber, access: Access) -> io::Result<OwnedFd> {
        if file.0 <= 1 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let access = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::WRONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.kept.root, file.0.to_string(), flags, Mode::empty())?)
    }

    /// The descriptor of `/dev/fuse`, to be kept.
    pub fn connection(&self) -> BorrowedFd<'_> {
        self.kept.connection.as_fd()
    }

    /// The root of the mount, to be kept with the connection.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.kept.root.as_fd()
    }

    /// Whether these are the files of a predecessor. If not, numbers of calls begin again.
    pub fn is_taken_over(&self) -> bool {
        self.taken_over
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.acl = SessionACL::All;
    config.n_threads = Some(THREADS);
    config
}

fn duplicate(descriptor: &OwnedFd) -> Result<OwnedFd, MountError> {
    descriptor.try_clone().map_err(MountError::Handshake)
}

/// A mount that is nowhere to be seen.
fn attach() -> Result<Kept, MountError> {
    let device: File =
        OpenOptions::new().read(true).write(true).open("/dev/fuse").map_err(MountError::OpenDevice)?;
    let context = rustix::mount::fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)
        .map_err(|error| MountError::OpenFileSystem(error.into()))?;
    let options = [
        ("source", "auditns".to_owned()),
        ("fd", device.as_raw_fd().to_string()),
        ("rootmode", "40000".to_owned()),
        ("user_id", "0".to_owned()),
        ("group_id", "0".to_owned()),
    ];
    for (option, value) in options {
        rustix::mount::fsconfig_set_string(&context, option, value)
            .map_err(|error| MountError::Configure { option, source: error.into() })?;
    }
    // Members have other users than root.
    rustix::mount::fsconfig_set_flag(&context, "allow_other")
        .map_err(|error| MountError::Configure { option: "allow_other", source: error.into() })?;
    let refused = |error: rustix::io::Errno| MountError::Mount(error.into());
    rustix::mount::fsconfig_create(&context).map_err(refused)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let root =
        rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(refused)?;
    Ok(Kept { connection: device.into(), root })
}

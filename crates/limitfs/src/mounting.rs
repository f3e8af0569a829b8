//! Mounting, and what lasts as long as the mount.

use crate::error::MountError;
use crate::limits::Limits;
use crate::operations::Operations;
use crate::predecessor;
use fuser::{Config, Session, SessionACL};
use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};
use std::fmt::Display;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Threads that answer. One that waits for [`Limits`] does not hold up the others.
const THREADS: usize = 4;
/// Name of the file system in lists of mounts, there `fuse.auditns`.
pub(crate) const SUBTYPE: &str = "auditns";

/// The file system.
#[derive(Debug)]
pub struct LimitFs;

impl LimitFs {
    /// Mounts the file system over a folder that exists, with `nosuid`, `nodev` and `noexec`, and serves it from threads of
    /// its own. What a process left there that was killed is unmounted first.
    ///
    /// # Errors
    /// See [`MountError`]; nothing is mounted then. In particular [`MountError::InUse`] if a living process serves the folder.
    pub fn mount(path: &Path, limits: Arc<dyn Limits>) -> Result<Mounted, MountError> {
        let folder = predecessor::open_without(path)?;
        let device = open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| MountError::Device(error.into()))?;
        let root =
            create(&device).map_err(|(step, error)| MountError::Create { step, error: error.into() })?;
        let operations = Operations { limits, mounted: SystemTime::now() };
        let mut config = Config::default();
        config.n_threads = Some(THREADS);
        let session =
            Session::from_fd(operations, device, SessionACL::All, config).map_err(MountError::Handshake)?;
        session.spawn().map_err(MountError::Threads)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&root, "", &folder, "", flags)
            .map_err(|error| MountError::Attach { path: path.to_owned(), error: error.into() })?;
        Ok(Mounted { root })
    }
}

/// Makes the file system, which is nowhere yet.
fn create(device: &OwnedFd) -> Result<OwnedFd, (&'static str, rustix::io::Errno)> {
    let at = |step| move |error| (step, error);
    let context = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC).map_err(at("fsopen"))?;
    let options: [(&str, &dyn Display); 6] = [
        ("source", &SUBTYPE),
        ("subtype", &SUBTYPE),
        ("fd", &device.as_raw_fd()),
        ("rootmode", &"40555"),
        ("user_id", &0),
        ("group_id", &0),
    ];
    for (key, value) in options {
        fsconfig_set_string(&context, key, value.to_string()).map_err(at(key))?;
    }
    for key in ["default_permissions", "allow_other"] {
        fsconfig_set_flag(&context, key).map_err(at(key))?;
    }
    fsconfig_create(&context).map_err(at("fsconfig"))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(at("fsmount"))
}

/// Unmounts, and ends the connection with the kernel, so that nobody waits for an answer any more.
pub(crate) fn detach(root: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let path = format!("/proc/self/fd/{}", root.as_raw_fd());
    unmount(path, UnmountFlags::FORCE | UnmountFlags::DETACH)
}

/// A mounted file system. It is unmounted when this is dropped, whoever uses it then: files that are open fail with
/// `ENOTCONN` from then on. Its threads end by themselves, and nothing waits for them.
#[derive(Debug)]
pub struct Mounted {
    root: OwnedFd,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        use std::os::fd::AsFd;
        // It fails if somebody else has unmounted it.
        let _ = detach(self.root.as_fd());
    }
}

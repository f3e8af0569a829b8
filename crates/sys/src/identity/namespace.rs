//! User and pid namespaces of tasks, and ids across pid namespaces.

use super::process::Process;
use super::procfs;
use crate::raw;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// The kinds of namespace that identity depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamespaceKind {
    /// User namespaces: what capabilities and ids mean.
    User,
    /// Pid namespaces: what process ids mean.
    Pid,
}

/// What tells two namespaces of this boot apart while either is open or in use: device and inode of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamespaceId {
    /// Device number of the kernel's namespace file system.
    pub device: u64,
    /// Inode number; the initial user namespace has 4026531837, the initial pid namespace 4026531836.
    pub inode: u64,
}

/// Inode of the initial user namespace (kernel: `PROC_USER_INIT_INO`).
pub const INITIAL_USER_INODE: u64 = 0xEFFF_FFFD;
/// Inode of the initial pid namespace (kernel: `PROC_PID_INIT_INO`).
pub const INITIAL_PID_INODE: u64 = 0xEFFF_FFFC;

/// An open namespace. It keeps the namespace, and with it the meaning of its id, alive.
#[derive(Debug)]
pub struct NamespaceFile {
    fd: OwnedFd,
    id: NamespaceId,
}

impl NamespaceFile {
    /// The namespace of a process: from its pidfd (Linux 6.11), else from `/proc` with a check that the process still
    /// lives, so that a reused id cannot mislead. For [`NamespaceKind::Pid`] it is the one that the process is in.
    ///
    /// # Errors
    /// `ESRCH` if the process has ended; `EACCES` or `EPERM` if this process may not look at it.
    pub fn of_process(process: &Process, kind: NamespaceKind) -> io::Result<Self> {
        let operation = match kind {
            NamespaceKind::User => libc::PIDFD_GET_USER_NAMESPACE,
            NamespaceKind::Pid => libc::PIDFD_GET_PID_NAMESPACE,
        };
        // SAFETY: PIDFD_GET_*_NAMESPACE take a plain argument that must be 0.
        match unsafe { raw::ioctl_value(process.as_fd(), operation, 0) } {
            Ok(fd) => Self::from_raw(fd),
            Err(error) if unknown_operation(&error) => {
                let namespace = Self::of_pid(process.pid(), kind)?;
                if process.is_alive()? { Ok(namespace) } else { Err(gone()) }
            }
            Err(error) => Err(error),
        }
    }

    /// The namespace of the task that has this thread or process id at the moment.
    ///
    /// # Errors
    /// As [`NamespaceFile::of_process`].
    pub fn of_pid(pid: u32, kind: NamespaceKind) -> io::Result<Self> {
        Self::open(&procfs::path(pid, kind.proc_name()))
    }

    /// The namespace of this process.
    pub fn own(kind: NamespaceKind) -> io::Result<Self> {
        Self::open(&Path::new("/proc/self").join(kind.proc_name()))
    }

    /// What identifies it.
    pub fn id(&self) -> NamespaceId {
        self.id
    }

    /// The namespace in which it was created.
    ///
    /// # Errors
    /// `EPERM` if there is none, or if it is not this process's own or below it.
    pub fn parent(&self) -> io::Result<Self> {
        // SAFETY: NS_GET_PARENT takes no argument.
        Self::from_raw(unsafe { raw::ioctl_value(self.fd.as_fd(), libc::NS_GET_PARENT, 0) }?)
    }

    /// The user namespace that owns it; for a user namespace, its parent.
    ///
    /// # Errors
    /// As [`NamespaceFile::parent`].
    pub fn owning_user_namespace(&self) -> io::Result<Self> {
        // SAFETY: NS_GET_USERNS takes no argument.
        Self::from_raw(unsafe { raw::ioctl_value(self.fd.as_fd(), libc::NS_GET_USERNS, 0) }?)
    }

    /// The user, as seen here, who created it.
    ///
    /// # Errors
    /// `EINVAL` if it is not a user namespace.
    pub fn owner_uid(&self) -> io::Result<u32> {
        let mut uid: libc::uid_t = 0;
        // SAFETY: NS_GET_OWNER_UID writes a uid_t.
        unsafe { raw::ioctl_structure(self.fd.as_fd(), libc::NS_GET_OWNER_UID, &mut uid) }?;
        Ok(uid)
    }

    fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        Self::new(fd.map_err(|error| procfs::gone_as_esrch(error.into()))?)
    }

    fn from_raw(fd: libc::c_int) -> io::Result<Self> {
        // SAFETY: the ioctls that name a namespace return a new descriptor, owned by nobody else.
        Self::new(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    fn new(fd: OwnedFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&fd)?;
        Ok(Self { fd, id: NamespaceId { device: stat.st_dev, inode: stat.st_ino } })
    }
}

impl TryFrom<OwnedFd> for NamespaceFile {
    type Error = io::Error;

    /// A namespace that somebody else has opened.
    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Self::new(fd)
    }
}

impl AsFd for NamespaceFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl NamespaceKind {
    const fn proc_name(self) -> &'static str {
        match self {
            Self::User => "ns/user",
            Self::Pid => "ns/pid",
        }
    }
}

/// The thread-group id, in `pid_namespace`, of the task that has the id `pid` here.
///
/// # Errors
/// `ESRCH` if there is no such task, or if it is not visible in that namespace.
pub fn tgid_in(pid_namespace: &NamespaceFile, pid: u32) -> io::Result<u32> {
    match translate(pid_namespace, libc::NS_GET_TGID_IN_PIDNS, pid) {
        Err(error) if unknown_operation(&error) => tgid_in_by_proc(pid_namespace, pid),
        result => result,
    }
}

/// The thread-group id, here, of the task that has the id `pid` in `pid_namespace`.
///
/// # Errors
/// `ESRCH` if there is no such task, or if it is not visible here. Kernels before 6.11 have no call for this: there every
/// process of `/proc` is looked at, and a thread is found only by its process's id.
pub fn tgid_from(pid_namespace: &NamespaceFile, pid: u32) -> io::Result<u32> {
    match translate(pid_namespace, libc::NS_GET_TGID_FROM_PIDNS, pid) {
        Err(error) if unknown_operation(&error) => tgid_from_by_proc(pid_namespace, pid),
        result => result,
    }
}

fn translate(namespace: &NamespaceFile, operation: libc::Ioctl, pid: u32) -> io::Result<u32> {
    let pid = super::process::pid(pid)?.as_raw_nonzero().get();
    // SAFETY: the translating ioctls take the id as a plain argument and return the result.
    let translated = unsafe {
        raw::ioctl_value(namespace.fd.as_fd(), operation, libc::c_ulong::from(pid.cast_unsigned()))
    }?;
    u32::try_from(translated).ok().filter(|id| *id != 0).ok_or_else(gone)
}

/// Whether the kernel knows the translating ioctls (Linux 6.11).
pub(crate) fn kernel_translates_pids() -> bool {
    NamespaceFile::own(NamespaceKind::Pid)
        .is_ok_and(|own| translate(&own, libc::NS_GET_TGID_IN_PIDNS, std::process::id()).is_ok())
}

/// Whether the kernel knows the namespace ioctls of pidfds (Linux 6.11).
pub(crate) fn kernel_names_namespaces_of_pidfds() -> bool {
    Process::open(std::process::id()).is_ok_and(|own| {
        // SAFETY: PIDFD_GET_USER_NAMESPACE takes a plain argument that must be 0.
        let answer = unsafe { raw::ioctl_value(own.as_fd(), libc::PIDFD_GET_USER_NAMESPACE, 0) };
        answer.and_then(NamespaceFile::from_raw).is_ok()
    })
}

/// The same from `/proc`: the list of ids in `NStgid` runs from this pid namespace down to the task's own, and the
/// namespaces in between are found by walking up from the task's own.
pub(super) fn tgid_in_by_proc(wanted: &NamespaceFile, pid: u32) -> io::Result<u32> {
    let status = procfs::read_text(pid, "status")?;
    let ids: Vec<u32> = procfs::status_field(&status, "NStgid")?
        .split_ascii_whitespace()
        .map(|id| id.parse().map_err(|_| procfs::malformed("NStgid")))
        .collect::<io::Result<_>>()?;
    let mut level = NamespaceFile::of_pid(pid, NamespaceKind::Pid)?;
    for id in ids.iter().rev() {
        if level.id() == wanted.id() {
            return Ok(*id);
        }
        match level.parent() {
            Ok(parent) => level = parent,
            Err(_) => break,
        }
    }
    Err(gone())
}

/// Looks for the process that has the id `pid` in the namespace.
pub(super) fn tgid_from_by_proc(namespace: &NamespaceFile, pid: u32) -> io::Result<u32> {
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(candidate) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes come and go while we look, and not all of them may be looked at.
        if tgid_in_by_proc(namespace, candidate).is_ok_and(|inside| inside == pid) {
            return Ok(candidate);
        }
    }
    Err(gone())
}

/// The answers of kernels that do not know an operation: `ENOTTY`, and from pidfds of old `EINVAL`.
fn unknown_operation(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL | libc::ENOSYS))
}

fn gone() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

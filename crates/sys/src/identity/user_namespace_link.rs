//! The user namespace that a process is in right now, cheaply enough to ask for every message.

use super::namespace::NamespaceId;
use super::procfs;
use rustix::fs::{Mode, OFlags, fstat, open, readlinkat};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A process's directory in `/proc`, kept open. A process may leave its user namespace for a new one at any time, so
/// nothing read here may be remembered. The directory stays bound to the process: a successor with the same id is
/// never taken for it.
#[derive(Debug)]
pub struct UserNamespaceLink {
    directory: OwnedFd,
    /// Device of the kernel's namespace file system, the same for all of its files.
    device: u64,
}

impl UserNamespaceLink {
    /// Opens the directory of the process with this id.
    ///
    /// # Errors
    /// `ESRCH` if there is no such process.
    pub fn open(pid: u32) -> io::Result<UserNamespaceLink> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(procfs::path(pid, ""), flags, Mode::empty()).map_err(gone_as_esrch)?;
        let own = open("/proc/self/ns/user", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(UserNamespaceLink { directory, device: fstat(&own)?.st_dev })
    }

    /// The user namespace at this moment.
    ///
    /// # Errors
    /// `ESRCH` once the process is gone; `EACCES` if this process may not look at it.
    pub fn read(&self) -> io::Result<NamespaceId> {
        let link = readlinkat(&self.directory, "ns/user", Vec::with_capacity(32)).map_err(gone_as_esrch)?;
        let text = link.to_str().ok().and_then(|text| text.strip_prefix("user:[")?.strip_suffix(']'));
        match text.and_then(|number| number.parse().ok()) {
            Some(inode) => Ok(NamespaceId { device: self.device, inode }),
            None => Err(procfs::malformed("a user namespace")),
        }
    }
}

impl AsFd for UserNamespaceLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

fn gone_as_esrch(error: rustix::io::Errno) -> io::Error {
    if error == rustix::io::Errno::NOENT { rustix::io::Errno::SRCH.into() } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{NamespaceFile, NamespaceKind};
    use std::process::{Command, Stdio};

    #[test]
    fn agrees_with_the_namespace_file() {
        let own = NamespaceFile::own(NamespaceKind::User).unwrap().id();
        assert_eq!(UserNamespaceLink::open(std::process::id()).unwrap().read().unwrap(), own);
    }

    #[test]
    fn a_process_that_is_gone_is_no_longer_found() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let link = UserNamespaceLink::open(child.id()).unwrap();
        assert!(link.read().is_ok());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(link.read().unwrap_err().raw_os_error(), Some(libc::ESRCH));
        assert_eq!(UserNamespaceLink::open(child.id()).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}

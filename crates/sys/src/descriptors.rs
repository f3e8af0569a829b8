//! Descriptors in the table of a member that waits in a call.

use crate::identity::{THREAD, process};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The inode number of the socket at a number of the thread's table: it tells sockets apart as long as they are open.
/// `None` if there is no socket at that number.
///
/// # Errors
/// `ESRCH` if the thread is gone; `EACCES` if this process may not look.
pub fn socket_inode(tid: u32, number: u32) -> io::Result<Option<u64>> {
    match std::fs::read_link(format!("/proc/{tid}/fd/{number}")) {
        Ok(target) => Ok(inode_of(&target.to_string_lossy())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            process::thread_group_of(tid)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What `/proc` shows of a socket: `socket:[INODE]`.
fn inode_of(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The inode number of a socket of this process.
///
/// # Errors
/// None is expected.
pub fn inode(socket: impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(socket)?.st_ino)
}

/// Whether nothing is at a number of the thread's table, as is so of all numbers once it is gone.
pub fn is_free(tid: u32, number: u32) -> bool {
    let found = std::fs::symlink_metadata(format!("/proc/{tid}/fd/{number}"));
    found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// How many descriptors the thread's table holds; `None` before Linux 6.2, which does not say.
///
/// # Errors
/// `ENOENT` if the thread is gone.
pub fn count(tid: u32) -> io::Result<Option<u64>> {
    let folder = std::fs::metadata(format!("/proc/{tid}/fd"))?;
    Ok(Some(folder.len()).filter(|count| *count != 0))
}

/// A copy of the thread's descriptor of this number, if it is the socket with this inode number. If it is another file by
/// now, closing the copy may take as long as a member likes: not for a thread that others wait for.
///
/// # Errors
/// Those of `pidfd_open(2)` and `pidfd_getfd(2)`: the thread is gone, or this process may not (see `ptrace(2)`); `EBADF`
/// if it is another file by now.
pub fn copy(tid: u32, number: u32, socket: u64) -> io::Result<OwnedFd> {
    let open = |id: u32, flags| {
        let id = Pid::from_raw(id.cast_signed()).ok_or(rustix::io::Errno::SRCH)?;
        pidfd_open(id, flags)
    };
    // A thread may have a table of its own.
    let pidfd = match open(tid, THREAD) {
        // A kernel that does not know the flag; the whole process has one table then, as nearly every process does.
        Err(rustix::io::Errno::INVAL) => open(process::thread_group_of(tid)?, PidfdFlags::empty())?,
        other => other?,
    };
    let copy = pidfd_getfd(&pidfd, number.cast_signed(), PidfdGetfdFlags::empty())?;
    if inode(&copy)? == socket { Ok(copy) } else { Err(rustix::io::Errno::BADF.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_socket_is_told_from_other_files_and_copied() {
        let own = std::process::id();
        let (socket, other) = UnixDatagram::pair().unwrap();
        let number = |fd: &UnixDatagram| fd.as_raw_fd().cast_unsigned();
        let known = inode(&socket).unwrap();
        assert_eq!(socket_inode(own, number(&socket)).unwrap(), Some(known));
        assert_ne!(socket_inode(own, number(&other)).unwrap(), Some(known));
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(socket_inode(own, file.as_raw_fd().cast_unsigned()).unwrap(), None);
        assert_eq!(inode(copy(own, number(&socket), known).unwrap()).unwrap(), known);
        let wrong = copy(own, number(&other), known).unwrap_err();
        assert_eq!(wrong.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn numbers_are_free_where_nothing_is() {
        let own = std::process::id();
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert!(!is_free(own, file.as_raw_fd().cast_unsigned()));
        assert!(is_free(own, 1_000_000));
        assert_eq!(socket_inode(own, 1_000_000).unwrap(), None);
        assert!(is_free(0x3fff_fff0, 5));
        assert_eq!(count(0x3fff_fff0).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(count(own).unwrap().is_none_or(|count| (3..100_000).contains(&count)));
        assert_eq!(socket_inode(0x3fff_fff0, 5).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn only_sockets_have_a_socket_inode() {
        for text in ["socket:[]", "pipe:[5]", "/tmp/socket:[5]", "socket:[5] (deleted)", "socket:[x]", ""] {
            assert_eq!(inode_of(text), None, "{text}");
        }
        assert_eq!(inode_of("socket:[4711]"), Some(4711));
    }
}

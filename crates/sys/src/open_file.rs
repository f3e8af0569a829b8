//! Open files of this process, for which several descriptors can stand.

use std::os::fd::{AsRawFd, BorrowedFd};

/// `F_DUPFD_QUERY` of Linux 6.10.
const SAME_FILE_QUERY: libc::c_int = 1027;
const KCMP_FILE: libc::c_int = 0;

/// Whether two descriptors stand for one open file. No, if this kernel cannot tell.
pub fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let (one, other) = (one.as_raw_fd(), other.as_raw_fd());
    // SAFETY: the operation compares two numbers, both open for the length of the borrows.
    match unsafe { libc::fcntl(one, SAME_FILE_QUERY, other) } {
        0 => false,
        1 => true,
        _ => {
            let own = rustix::process::getpid().as_raw_nonzero().get();
            // SAFETY: compares two open files of this process; all arguments are numbers.
            unsafe { libc::syscall(libc::SYS_kcmp, own, own, KCMP_FILE, one, other) == 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsFd;

    #[test]
    fn copies_are_told_from_other_open_files() {
        let file = || open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let (one, other) = (file(), file());
        assert!(is_same(one.as_fd(), one.try_clone().unwrap().as_fd()));
        assert!(!is_same(one.as_fd(), other.as_fd()));
    }
}

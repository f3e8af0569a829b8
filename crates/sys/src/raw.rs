//! The few calls that rustix does not offer, each as small as it can be.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Turns the C convention "negative: look at errno" into a result.
pub(crate) fn check(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// `ioctl` whose argument is a plain number, not a pointer.
///
/// # Safety
/// `operation` must be one for which the kernel takes the argument as a value.
pub(crate) unsafe fn ioctl_value(
    fd: BorrowedFd<'_>,
    operation: libc::Ioctl,
    value: libc::c_ulong,
) -> io::Result<libc::c_int> {
    // SAFETY: the descriptor is open for the length of the borrow; the caller vouches for the operation.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), operation, value) })
}

/// `ioctl` whose argument points to a structure that the kernel reads, writes or both.
///
/// # Safety
/// `operation` must be one whose structure is exactly `T`, and every bit pattern must be a valid `T`.
pub(crate) unsafe fn ioctl_structure<T>(
    fd: BorrowedFd<'_>,
    operation: libc::Ioctl,
    structure: &mut T,
) -> io::Result<libc::c_int> {
    // SAFETY: the pointer comes from a live exclusive reference; the caller vouches that T is the operation's type.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), operation, std::ptr::from_mut(structure)) })
}

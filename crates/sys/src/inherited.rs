//! Descriptors that a program is given when it is executed: from number 3 on, one after the other, as service managers hand
//! them over.

use rustix::io::fcntl_dupfd_cloexec;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of the first one.
const FIRST: RawFd = 3;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes so many descriptors, once: later calls get none. Numbers that are not open are left out, and none stays open over
/// another exec. To be called before the program opens anything.
pub fn take(count: usize) -> Vec<Option<OwnedFd>> {
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    let numbers = (FIRST..).take(count);
    numbers
        .map(|number| {
            // SAFETY: the kernel only looks at flags of whatever has this number, if anything has.
            if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
                return None;
            }
            // SAFETY: it is open, and whoever executed this program gave it to be owned; it is taken only once.
            Some(unsafe { OwnedFd::from_raw_fd(number) })
        })
        .collect()
}

/// Lets a command be executed with copies of these descriptors, in this order.
///
/// # Errors
/// `EMFILE` if there is no room for a second copy of each.
pub fn give(command: &mut Command, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let count = RawFd::try_from(descriptors.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // Beyond the numbers that they get, so that none replaces another.
    let copies = descriptors.iter().map(|fd| fcntl_dupfd_cloexec(fd, FIRST + count));
    let copies: Vec<OwnedFd> = copies.collect::<Result<_, _>>()?;
    let place = move || {
        for (number, copy) in (FIRST..).zip(&copies) {
            // SAFETY: a system call on two numbers, with no effect on memory.
            if unsafe { libc::dup2(copy.as_raw_fd(), number) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls on memory prepared before the fork, and nothing else. If it replaces the pipe by
    // which the standard library tells that an exec has failed, that is not told, and the child just ends.
    unsafe { command.pre_exec(place) };
    Ok(())
}

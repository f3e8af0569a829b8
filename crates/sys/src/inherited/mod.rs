//! Descriptors that go through an exec, as service managers hand them over (`sd_listen_fds(3)`): at the numbers from 3
//! on, with their count in `LISTEN_FDS` and the receiver in `LISTEN_PID`.

mod placement;
mod program;

pub use program::Program;

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of the first descriptor.
pub const FIRST: RawFd = 3;
/// Most descriptors that are handed over or taken.
pub const MOST: usize = 16_384;
/// Name of the variable with the process id of the receiver.
pub const PID_VARIABLE: &str = "LISTEN_PID";
/// Name of the variable with the number of descriptors.
pub const COUNT_VARIABLE: &str = "LISTEN_FDS";

/// Takes the first `count` descriptors with which this program was started (at most [`MOST`]) and makes them
/// close-on-exec, once: later calls get none. `None` stands for a number that is not open or that this program has opened
/// itself.
pub fn take(count: usize) -> Vec<Option<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    (FIRST..).take(count.min(MOST)).map(take_one).collect()
}

fn take_one(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: asks for the flags of a number, which may be any.
    let flags = crate::raw::check(unsafe { libc::fcntl(number, libc::F_GETFD) }).ok()?;
    // What came through the exec is not close-on-exec; what this program opens always is.
    if flags & libc::FD_CLOEXEC != 0 {
        return None;
    }
    // SAFETY: the number is open and came through the exec, so that nothing in this program owns it; `take` gets here once.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some(fd)
}

#[cfg(test)]
mod tests;

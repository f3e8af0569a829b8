//! Signals as readable events.

use crate::raw::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// One signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// Id of the sending process in this pid namespace; 0 if the kernel or an invisible process sent it.
    pub sender: u32,
}

/// A descriptor from which blocked signals are read. Never blocks; readable when a signal waits.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks the signals in the calling thread, and thereby in threads started later, and opens a descriptor for
    /// them. Programs started by [`crate::launch::spawn`] get an empty mask.
    ///
    /// # Errors
    /// Those of `signalfd(2)`: the limit on descriptors.
    pub fn block(signals: &[i32]) -> io::Result<SignalFd> {
        let set = set_of(signals);
        // SAFETY: the set is initialized and outlives the call; no old mask is asked for.
        let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: the set is initialized and outlives the call.
        let fd =
            check(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: signalfd returned a new descriptor that nobody else owns.
        Ok(SignalFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal, or `None` when none waits.
    ///
    /// # Errors
    /// Those of `read(2)`; none is expected.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut bytes = [0; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.0, &mut bytes) {
            Ok(_) => Ok(Some(Signal { number: word(&bytes, 0).cast_signed(), sender: word(&bytes, 12) })),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `ssi_signo` stands at byte 0 of the structure, `ssi_pid` at byte 12.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset writes the whole set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialized on the line above.
    let mut set = unsafe { set.assume_init() };
    for signal in signals {
        // SAFETY: the set is initialized; a number out of range is refused without effect.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_becomes_readable_with_its_sender() {
        std::thread::spawn(|| {
            let fd = SignalFd::block(&[libc::SIGUSR2]).unwrap();
            assert_eq!(fd.read().unwrap(), None);
            // SAFETY: sends to the calling thread a signal that it blocks.
            unsafe { libc::raise(libc::SIGUSR2) };
            let signal = fd.read().unwrap().unwrap();
            assert_eq!((signal.number, signal.sender), (libc::SIGUSR2, std::process::id()));
            assert_eq!(fd.read().unwrap(), None);
        })
        .join()
        .unwrap();
    }
}

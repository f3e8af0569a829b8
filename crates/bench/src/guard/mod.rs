//! Processes that keep something for whoever runs a benchmark, and undo it when that ends, however it does.

pub mod host;
pub mod leash;
pub mod reader;

use auditns_sys::signals::SignalFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getppid, pidfd_open};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Until then something is kept: a signal, or the end of the process that has started this one.
#[derive(Debug)]
pub struct Until {
    parent: OwnedFd,
    signals: SignalFd,
}

impl Until {
    /// Of the process that `parent` names. Signals that end a process are taken from now on; programs that are started get
    /// them as ever.
    ///
    /// # Errors
    /// It has ended, or signals cannot be taken.
    pub fn ended(parent: i32) -> io::Result<Until> {
        let signals = SignalFd::block(&[Signal::TERM, Signal::INT, Signal::HUP].map(Signal::as_raw))?;
        let pid = Pid::from_raw(parent).filter(|pid| getppid() == Some(*pid));
        let pid = pid.ok_or_else(|| io::Error::other("whoever has started this has ended"))?;
        Ok(Until { parent: pidfd_open(pid, PidfdFlags::empty())?, signals })
    }

    /// Waits for the end, or for something to read from `other`, for so long. Whether the end has come.
    ///
    /// # Errors
    /// What waiting failed with.
    pub fn wait(&self, other: Option<&dyn AsFdObject>, at_most: Option<Duration>) -> io::Result<bool> {
        let timeout = at_most.and_then(|time| Timespec::try_from(time).ok());
        let mut waiting =
            vec![PollFd::new(&self.parent, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
        waiting.extend(other.map(|other| PollFd::from_borrowed_fd(other.borrow(), PollFlags::IN)));
        poll(&mut waiting, timeout.as_ref())?;
        Ok(waiting.iter().take(2).any(|one| !one.revents().is_empty()))
    }
}

/// Anything with a descriptor.
pub trait AsFdObject {
    /// The descriptor.
    fn borrow(&self) -> std::os::fd::BorrowedFd<'_>;
}

impl<T: AsFd> AsFdObject for T {
    fn borrow(&self) -> std::os::fd::BorrowedFd<'_> {
        self.as_fd()
    }
}

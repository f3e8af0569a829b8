//! The socket of an endpoint, as threads share it that send on it.

use auditns_sys::SentBy;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// A socket, and how many answers are on their way to it without the namespace's lock. Nothing overtakes them.
#[derive(Debug)]
pub(super) struct Line {
    fd: OwnedFd,
    sent_by: SentBy,
    on_their_way: AtomicUsize,
    refused: AtomicBool,
}

impl Line {
    pub(super) fn new(fd: OwnedFd, sent_by: SentBy) -> Line {
        Line { fd, sent_by, on_their_way: AtomicUsize::new(0), refused: AtomicBool::new(false) }
    }

    pub(super) fn sent_by(&self) -> SentBy {
        self.sent_by
    }

    /// One more answer is on its way.
    pub(super) fn depart(&self) {
        self.on_their_way.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer was sent, or waits where nothing overtakes it.
    pub(super) fn arrive(&self) {
        self.on_their_way.fetch_sub(1, Ordering::Release);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.on_their_way.load(Ordering::Acquire) > 0
    }

    /// Closes the socket in the calling thread, which may take long, and in no other one that still sends on it.
    pub(super) fn close(mut line: Arc<Line>) {
        while let Err(shared) = Arc::try_unwrap(line) {
            line = shared;
            thread::yield_now();
        }
    }

    /// There was no room for an answer, which its thread keeps until it has the lock.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// Whether there are such answers since the last time.
    pub(super) fn take_refused(&self) -> bool {
        self.refused.swap(false, Ordering::AcqRel)
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

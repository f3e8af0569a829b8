//! The supervisor's end of one audit socket.

use auditns_core::{Delivery, EndpointId};
use auditns_sys::{Sent, endpoint};
use rustix::event::epoll::{self, EventData, EventFlags};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Answers wait here while the member's socket is full; nothing is read meanwhile, so what waits are the answers to one
/// datagram.
#[derive(Debug)]
pub(super) struct Connection {
    fd: OwnedFd,
    opener: u32,
    unsent: VecDeque<Vec<u8>>,
    paused: bool,
    awaits_writable: bool,
    /// What epoll watches for; `None` while the descriptor is not in its set at all, because epoll reports a hang-up
    /// even to those who watch for nothing.
    interest: Option<EventFlags>,
}

impl Connection {
    pub(super) fn new(fd: OwnedFd, opener: u32) -> Connection {
        Connection {
            fd,
            opener,
            unsent: VecDeque::new(),
            paused: false,
            awaits_writable: false,
            interest: None,
        }
    }

    /// Thread-group id of the process that opened the socket.
    pub(super) fn opener(&self) -> u32 {
        self.opener
    }

    pub(super) fn may_read(&self) -> bool {
        !self.paused && self.unsent.is_empty()
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(super) fn await_writable(&mut self) {
        self.awaits_writable = true;
    }

    pub(super) fn take_awaited_writable(&mut self) -> bool {
        self.unsent.is_empty() && std::mem::take(&mut self.awaits_writable)
    }

    /// Sends an answer now or later, in order.
    pub(super) fn reply(&mut self, frame: Vec<u8>) {
        self.unsent.push_back(frame);
        self.flush();
    }

    /// Sends a record now or not at all.
    pub(super) fn offer(&mut self, frame: &[u8]) -> Delivery {
        if !self.unsent.is_empty() {
            return Delivery::Full;
        }
        match endpoint::send(&self.fd, frame) {
            Ok(Sent::Sent) => Delivery::Sent,
            Ok(Sent::WouldBlock) => Delivery::Full,
            Ok(Sent::Closed) | Err(_) => Delivery::Closed,
        }
    }

    pub(super) fn flush(&mut self) {
        while let Some(frame) = self.unsent.front() {
            match endpoint::send(&self.fd, frame) {
                Ok(Sent::WouldBlock) => return,
                Ok(Sent::Sent) => {
                    self.unsent.pop_front();
                }
                // Nobody is there to read it. What was sent before is still to be read from our end.
                Ok(Sent::Closed) | Err(_) => self.unsent.clear(),
            }
        }
    }

    pub(super) fn update_interest(&mut self, epoll: &OwnedFd, endpoint: EndpointId) -> io::Result<()> {
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, self.may_read());
        wanted.set(EventFlags::OUT, self.awaits_writable || !self.unsent.is_empty());
        let wanted = (!wanted.is_empty()).then_some(wanted);
        if wanted == self.interest {
            return Ok(());
        }
        let data = EventData::new_u64(endpoint.0);
        match (self.interest, wanted) {
            (None, Some(flags)) => epoll::add(epoll, &self.fd, data, flags)?,
            (Some(_), Some(flags)) => epoll::modify(epoll, &self.fd, data, flags)?,
            (_, None) => epoll::delete(epoll, &self.fd)?,
        }
        self.interest = wanted;
        Ok(())
    }

    pub(super) fn unregister(&self, epoll: &OwnedFd) {
        if self.interest.is_some() {
            let _ = epoll::delete(epoll, &self.fd);
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

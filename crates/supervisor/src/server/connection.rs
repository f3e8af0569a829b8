//! The supervisor's end of one audit socket.

use super::line::Line;
use super::threads::{Course, Watcher};
use crate::identity::Opener;
use crate::state::{ConnectionState, Entry, Journal, MESSAGE};
use auditns_bpf::{Identity, Steering, Watched};
use auditns_core::{Delivery, EndpointId};
use auditns_sys::{Received, Sent, SentBy, endpoint};
use rustix::event::epoll::{self, EventData, EventFlags};
use std::cell::OnceCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// What an answer that waits costs beyond its bytes.
const OVERHEAD: usize = 64;

/// Answers wait here while the member's socket is full; nothing is read meanwhile, so what waits are the answers to one
/// datagram.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct Connection {
    id: EndpointId,
    line: Arc<Line>,
    journal: Option<Arc<Journal>>,
    state: ConnectionState,
    /// Records are left out until everything before them is received (kernel: `NETLINK_S_CONGESTED`).
    congested: bool,
    /// Whoever receives next is to be told that records were left out.
    overrun: bool,
    unsent_bytes: usize,
    looking_up: bool,
    /// It is not read until there is a token for it.
    out_of_tokens: bool,
    /// Notes of the kernel's about its senders, once there are any; `None` inside where there is no room for one more.
    watched: OnceCell<Option<Watched>>,
    /// What epoll watches for; `None` while the descriptor is not in its set at all, because epoll reports a hang-up
    /// even to those who watch for nothing.
    interest: Option<EventFlags>,
    /// Who watches.
    watcher: Watcher,
    /// Where its clients run.
    course: Course,
}

impl Connection {
    /// The socket of an endpoint, in that state.
    pub(super) fn new(
        id: EndpointId,
        fd: OwnedFd,
        sent_by: SentBy,
        journal: Option<Arc<Journal>>,
        state: ConnectionState,
    ) -> Connection {
        let unsent_bytes = state.unsent.iter().map(|frame| frame.len() + OVERHEAD).sum();
        Connection {
            id,
            line: Arc::new(Line::new(fd, sent_by)),
            journal,
            state,
            congested: false,
            overrun: false,
            unsent_bytes,
            looking_up: false,
            out_of_tokens: false,
            watched: OnceCell::new(),
            interest: None,
            watcher: Watcher::Main,
            course: Course::default(),
        }
    }

    /// The socket alone.
    pub(super) fn into_line(self) -> Arc<Line> {
        self.line
    }

    /// The socket, as threads share it.
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// What the next supervisor needs to know.
    pub(super) fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// The process that opened the socket.
    pub(super) fn opener(&self) -> &Opener {
        &self.state.opener
    }

    /// Inode number of the member's end.
    pub(super) fn inode(&self) -> u64 {
        self.state.inode
    }

    /// The member may have switched `SO_PASSCRED` on.
    pub(super) fn note_credentials_wanted(&mut self) {
        self.state.credentials_wanted = true;
        self.note(&Entry::CredentialsWanted(self.id));
    }

    pub(super) fn are_credentials_wanted(&self) -> bool {
        self.state.credentials_wanted
    }

    /// The thread that watches it.
    pub(super) fn watcher(&self) -> Watcher {
        self.watcher
    }

    /// Another thread watches it. It must not be registered with the one before.
    pub(super) fn set_watcher(&mut self, watcher: Watcher) {
        self.watcher = watcher;
    }

    /// Where its clients run.
    pub(super) fn course_mut(&mut self) -> &mut Course {
        &mut self.course
    }

    /// Whether whoever receives next is to be told that records were left out.
    pub(super) fn has_overrun(&self) -> bool {
        self.overrun
    }

    /// Whether whoever receives now is to be told, once, that records were left out.
    pub(super) fn take_overrun(&mut self) -> bool {
        std::mem::take(&mut self.overrun)
    }

    /// Whether no answer waits.
    pub(super) fn has_no_unsent(&self) -> bool {
        self.state.unsent.is_empty()
    }

    pub(super) fn may_read(&self) -> bool {
        !self.state.paused && !self.looking_up && !self.out_of_tokens && self.state.unsent.is_empty()
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.state.paused = paused;
    }

    /// Nothing is read while the paths of the last datagram are looked up.
    pub(super) fn set_looking_up(&mut self, looking_up: bool) {
        self.looking_up = looking_up;
    }

    /// Nothing is read until there is a token for it.
    pub(super) fn set_out_of_tokens(&mut self, out_of_tokens: bool) {
        self.out_of_tokens = out_of_tokens;
    }

    /// Whether the next message brings descriptors along; see [`endpoint::carries_descriptors`].
    pub(super) fn carries_descriptors(&self) -> bool {
        !self.state.refuses_descriptors && endpoint::carries_descriptors(&*self.line)
    }

    pub(super) fn is_raised(&self) -> bool {
        self.state.raised
    }

    /// Makes room for what an audit daemon gets while it is busy.
    pub(super) fn raise_send_buffer(&mut self) {
        // Without it everything works, with less patience.
        self.state.raised = endpoint::raise_send_buffer(&*self.line).is_ok();
        self.note(&Entry::Raised(self.id));
    }

    pub(super) fn await_writable(&mut self) {
        self.state.awaits_writable = true;
    }

    pub(super) fn take_awaited_writable(&mut self) -> bool {
        self.state.unsent.is_empty() && std::mem::take(&mut self.state.awaits_writable)
    }

    /// Bytes of answers that wait.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// When answers began to wait; `None` if none do.
    pub(super) fn unsent_since(&self) -> Option<u64> {
        (!self.state.unsent.is_empty()).then_some(self.state.unsent_since)
    }

    /// Drops the answers that wait.
    pub(super) fn drop_unsent(&mut self) {
        if !self.state.unsent.is_empty() {
            self.note(&Entry::Dropped(self.id));
        }
        self.state.unsent.clear();
        self.unsent_bytes = 0;
    }

    /// Sends an answer now or later, in order. `now` counts events of the server.
    pub(super) fn reply(&mut self, frame: Vec<u8>, now: u64) {
        if self.state.unsent.is_empty() {
            match self.send(&frame) {
                Ok(Sent::WouldBlock) => {}
                // Nobody is there to read it, or it is longer than the whole buffer.
                Ok(Sent::Sent | Sent::Closed) | Err(_) => return,
            }
        }
        self.note(&Entry::Unsent(self.id, now));
        self.unsent_bytes += frame.len() + OVERHEAD;
        self.state.wait_with(frame, now);
    }

    /// An answer that was on its way, as that action, has to wait.
    pub(super) fn wait_with(&mut self, frame: &[u8], action: u64, now: u64) {
        self.note(&Entry::Returned(self.id, now, action, frame));
        self.unsent_bytes += frame.len() + OVERHEAD;
        self.state.wait_with(frame.to_vec(), now);
    }

    /// Sends a record now or not at all.
    pub(super) fn offer(&mut self, frame: &[u8]) -> Delivery {
        if !self.state.unsent.is_empty() {
            return Delivery::Full;
        }
        match self.send(frame) {
            Ok(Sent::Sent) => Delivery::Sent,
            Ok(Sent::WouldBlock) => Delivery::Full,
            Ok(Sent::Closed) | Err(_) => Delivery::Closed,
        }
    }

    fn send(&self, frame: &[u8]) -> io::Result<Sent> {
        match &self.journal {
            Some(journal) => journal.send(&*self.line, frame, self.line.sent_by()),
            None => endpoint::send(&*self.line, frame, self.line.sent_by()),
        }
    }

    /// Has its senders noted. Without room for one more connection they are looked up.
    pub(super) fn watch(&self, steering: &Steering) {
        self.watched.get_or_init(|| steering.attach(self.line.as_fd()).ok());
    }

    fn watched(&self) -> Option<&Watched> {
        self.watched.get()?.as_ref()
    }

    /// The processor on which the last message was sent, if that was noted.
    pub(super) fn last_cpu(&self) -> Option<u32> {
        self.watched()?.cpu()
    }

    /// As [`endpoint::receive`], and who sent the message if that was noted.
    pub(super) fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<(Received, Option<Identity>)> {
        let watched = self.watched().map(|watched| (watched, watched.mark()));
        let received = if let Some(journal) = &self.journal {
            journal.receive(self.id, &*self.line, buffer)
        } else {
            buffer.resize(MESSAGE, 0);
            endpoint::receive(&*self.line, buffer)
        }?;
        let noted = watched.and_then(|(watched, mark)| watched.sender(mark));
        Ok((received, noted))
    }

    fn note(&self, entry: &Entry<'_>) {
        if let Some(journal) = &self.journal {
            journal.note(entry);
        }
    }

    /// Sends a listener a record now or not at all; once one was left out, the following are too until the listener has
    /// caught up, unless it wants to hear of none that it misses (`NETLINK_NO_ENOBUFS`). Returns whether it was sent.
    pub(super) fn offer_record(&mut self, frame: &[u8], wants_error: bool) -> bool {
        self.congested &= wants_error && endpoint::has_unread(&*self.line);
        let left_out = self.congested || self.offer(frame) == Delivery::Full;
        if left_out && wants_error && !self.congested {
            self.congested = true;
            self.overrun = true;
        }
        !left_out
    }

    pub(super) fn flush(&mut self) {
        while let Some(frame) = self.state.unsent.front() {
            let (sent, number) = match &self.journal {
                Some(journal) => journal.send_late(self.id, &*self.line, frame, self.line.sent_by()),
                None => (endpoint::send(&*self.line, frame, self.line.sent_by()), 0),
            };
            match sent {
                Ok(Sent::WouldBlock) => return,
                // An error is about this answer alone: it is longer than the whole buffer.
                Ok(Sent::Sent) | Err(_) => {
                    self.note(&Entry::Flushed(self.id, number));
                    if let Some(frame) = self.state.unsent.pop_front() {
                        self.unsent_bytes -= frame.len() + OVERHEAD;
                    }
                }
                // Nobody is there to read it. What was sent before is still to be read from our end.
                Ok(Sent::Closed) => self.drop_unsent(),
            }
        }
    }

    pub(super) fn update_interest(&mut self, epoll: &OwnedFd, endpoint: EndpointId) -> io::Result<()> {
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, self.may_read());
        wanted.set(EventFlags::OUT, self.state.awaits_writable || !self.state.unsent.is_empty());
        let wanted = (!wanted.is_empty()).then_some(wanted);
        if wanted == self.interest {
            return Ok(());
        }
        let data = EventData::new_u64(endpoint.0);
        match (self.interest, wanted) {
            (None, Some(flags)) => epoll::add(epoll, &*self.line, data, flags)?,
            (Some(_), Some(flags)) => epoll::modify(epoll, &*self.line, data, flags)?,
            (_, None) => epoll::delete(epoll, &*self.line)?,
        }
        self.interest = wanted;
        Ok(())
    }

    pub(super) fn unregister(&mut self, epoll: &OwnedFd) {
        if self.interest.take().is_some() {
            let _ = epoll::delete(epoll, &*self.line);
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

#[cfg(test)]
mod tests;

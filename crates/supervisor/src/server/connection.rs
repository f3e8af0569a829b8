//! The supervisor's end of one audit socket.

use crate::identity::Opener;
use auditns_core::{Delivery, EndpointId};
use auditns_sys::{Sent, SentBy, endpoint};
use rustix::event::epoll::{self, EventData, EventFlags};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What an answer that waits costs beyond its bytes.
const OVERHEAD: usize = 64;

/// Answers wait here while the member's socket is full; nothing is read meanwhile, so what waits are the answers to one
/// datagram.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct Connection {
    fd: OwnedFd,
    /// Of the member's end.
    inode: u64,
    opener: Opener,
    refuses_descriptors: bool,
    sent_by: SentBy,
    raised: bool,
    credentials_wanted: bool,
    /// Records are left out until everything before them is received (kernel: `NETLINK_S_CONGESTED`).
    congested: bool,
    /// Whoever receives next is to be told that records were left out.
    overrun: bool,
    unsent: VecDeque<Vec<u8>>,
    unsent_bytes: usize,
    /// When answers began to wait, on the server's count of such events.
    unsent_since: u64,
    paused: bool,
    looking_up: bool,
    awaits_writable: bool,
    /// What epoll watches for; `None` while the descriptor is not in its set at all, because epoll reports a hang-up
    /// even to those who watch for nothing.
    interest: Option<EventFlags>,
}

impl Connection {
    /// `inode` is that of the member's end; for the others see [`auditns_sys::EndpointPair`].
    pub(super) fn new(
        fd: OwnedFd,
        inode: u64,
        refuses_descriptors: bool,
        sent_by: SentBy,
        opener: Opener,
    ) -> Connection {
        Connection {
            fd,
            inode,
            opener,
            refuses_descriptors,
            raised: false,
            credentials_wanted: false,
            congested: false,
            overrun: false,
            sent_by,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            unsent_since: 0,
            paused: false,
            looking_up: false,
            awaits_writable: false,
            interest: None,
        }
    }

    /// The process that opened the socket.
    pub(super) fn opener(&self) -> &Opener {
        &self.opener
    }

    /// Inode number of the member's end.
    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// The member may have switched `SO_PASSCRED` on.
    pub(super) fn note_credentials_wanted(&mut self) {
        self.credentials_wanted = true;
    }

    pub(super) fn are_credentials_wanted(&self) -> bool {
        self.credentials_wanted
    }

    /// Whether whoever receives next is to be told that records were left out.
    pub(super) fn has_overrun(&self) -> bool {
        self.overrun
    }

    /// Whether whoever receives now is to be told, once, that records were left out.
    pub(super) fn take_overrun(&mut self) -> bool {
        std::mem::take(&mut self.overrun)
    }

    pub(super) fn may_read(&self) -> bool {
        !self.paused && !self.looking_up && self.unsent.is_empty()
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Nothing is read while the paths of the last datagram are looked up.
    pub(super) fn set_looking_up(&mut self, looking_up: bool) {
        self.looking_up = looking_up;
    }

    /// Whether the next message brings descriptors along; see [`endpoint::carries_descriptors`].
    pub(super) fn carries_descriptors(&self) -> bool {
        !self.refuses_descriptors && endpoint::carries_descriptors(&self.fd)
    }

    pub(super) fn is_raised(&self) -> bool {
        self.raised
    }

    /// Makes room for what an audit daemon gets while it is busy.
    pub(super) fn raise_send_buffer(&mut self) {
        // Without it everything works, with less patience.
        self.raised = endpoint::raise_send_buffer(&self.fd).is_ok();
    }

    pub(super) fn await_writable(&mut self) {
        self.awaits_writable = true;
    }

    pub(super) fn take_awaited_writable(&mut self) -> bool {
        self.unsent.is_empty() && std::mem::take(&mut self.awaits_writable)
    }

    /// Bytes of answers that wait.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// When answers began to wait; `None` if none do.
    pub(super) fn unsent_since(&self) -> Option<u64> {
        (!self.unsent.is_empty()).then_some(self.unsent_since)
    }

    /// Drops the answers that wait.
    pub(super) fn drop_unsent(&mut self) {
        self.unsent.clear();
        self.unsent_bytes = 0;
    }

    /// Sends an answer now or later, in order. `now` counts events of the server.
    pub(super) fn reply(&mut self, frame: Vec<u8>, now: u64) {
        if self.unsent.is_empty() {
            self.unsent_since = now;
        }
        self.unsent_bytes += frame.len() + OVERHEAD;
        self.unsent.push_back(frame);
        self.flush();
    }

    /// Sends a record now or not at all.
    pub(super) fn offer(&mut self, frame: &[u8]) -> Delivery {
        if !self.unsent.is_empty() {
            return Delivery::Full;
        }
        match endpoint::send(&self.fd, frame, self.sent_by) {
            Ok(Sent::Sent) => Delivery::Sent,
            Ok(Sent::WouldBlock) => Delivery::Full,
            Ok(Sent::Closed) | Err(_) => Delivery::Closed,
        }
    }

    /// Sends a listener a record now or not at all; once one was left out, the following are too until the listener has
    /// caught up, unless it wants to hear of none that it misses (`NETLINK_NO_ENOBUFS`). Returns whether it was sent.
    pub(super) fn offer_record(&mut self, frame: &[u8], wants_error: bool) -> bool {
        self.congested &= wants_error && endpoint::has_unread(&self.fd);
        let left_out = self.congested || self.offer(frame) == Delivery::Full;
        if left_out && wants_error && !self.congested {
            self.congested = true;
            self.overrun = true;
        }
        !left_out
    }

    pub(super) fn flush(&mut self) {
        while let Some(frame) = self.unsent.front() {
            match endpoint::send(&self.fd, frame, self.sent_by) {
                Ok(Sent::WouldBlock) => return,
                // An error is about this answer alone: it is longer than the whole buffer.
                Ok(Sent::Sent) | Err(_) => {
                    self.unsent_bytes -= frame.len() + OVERHEAD;
                    self.unsent.pop_front();
                }
                // Nobody is there to read it. What was sent before is still to be read from our end.
                Ok(Sent::Closed) => self.drop_unsent(),
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

    pub(super) fn unregister(&mut self, epoll: &OwnedFd) {
        if self.interest.take().is_some() {
            let _ = epoll::delete(epoll, &self.fd);
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Owner, Resolver};
    use auditns_sys::{EndpointPair, Endpoints};

    fn pair() -> (Connection, OwnedFd) {
        let pid = std::process::id();
        let owner = Owner::of_first_opener(pid).unwrap();
        let opener = Resolver::new(1).learn(pid, &owner).unwrap();
        let EndpointPair { server, client, refuses_descriptors, .. } = Endpoints::new().pair(true).unwrap();
        (Connection::new(server, 1, refuses_descriptors, SentBy::Supervisor, opener), client)
    }

    /// Answers until some wait.
    fn fill(connection: &mut Connection) {
        for number in 0.. {
            connection.reply(vec![b'a'; 4000], number);
            if connection.unsent_since().is_some() {
                return;
            }
            assert!(number < 100_000, "no bound");
        }
    }

    fn reads(client: &OwnedFd) -> usize {
        let mut buffer = [0; 5000];
        (0..10_000)
            .take_while(|_| rustix::io::read(client, &mut buffer).is_ok_and(|length| length > 0))
            .count()
    }

    #[test]
    fn answers_wait_in_order_and_stop_reading() {
        let (mut connection, client) = pair();
        fill(&mut connection);
        assert!(!connection.may_read());
        assert_eq!(connection.unsent_bytes(), 4000 + OVERHEAD);
        assert_eq!(connection.offer(b"x"), Delivery::Full, "nothing overtakes an answer");
        let since = connection.unsent_since();
        connection.reply(vec![b'b'; 10], 1 << 40);
        assert_eq!(connection.unsent_since(), since);
        assert!(reads(&client) > 10);
        connection.flush();
        assert_eq!((connection.unsent_bytes(), connection.unsent_since()), (0, None));
        assert!(connection.may_read());
        assert_eq!(reads(&client), 2);
    }

    #[test]
    fn a_listener_that_misses_records_is_told_once_and_hears_again_when_it_has_caught_up() {
        let (mut connection, client) = pair();
        let record = [b'r'; 4000];
        for wants_error in [true, false] {
            while connection.offer_record(&record, wants_error) {}
            let mut byte = [0; 5000];
            assert!(rustix::io::read(&client, &mut byte).is_ok());
            assert_eq!(connection.offer_record(&record, wants_error), !wants_error, "{wants_error}");
            assert_eq!([connection.take_overrun(), connection.take_overrun()], [wants_error, false]);
            assert!(reads(&client) > 10);
            assert!(connection.offer_record(&record, wants_error));
            assert_eq!(reads(&client), 1);
        }
    }

    #[test]
    fn an_answer_that_can_never_be_sent_is_dropped_alone() {
        let (mut connection, client) = pair();
        connection.reply(vec![0; 64 << 20], 1);
        connection.reply(vec![b'b'; 10], 2);
        assert_eq!((connection.unsent_bytes(), reads(&client)), (0, 1));
    }

    #[test]
    fn answers_to_nobody_are_dropped() {
        let (mut connection, client) = pair();
        fill(&mut connection);
        drop(client);
        connection.flush();
        assert_eq!((connection.unsent_bytes(), connection.may_read()), (0, true));
        assert_eq!(connection.offer(b"x"), Delivery::Closed);
    }

    #[test]
    fn what_is_not_to_be_read_makes_no_events_even_when_it_hangs_up() {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let waiting = || {
            let mut events = Vec::with_capacity(4);
            let none = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&none)).unwrap()
        };
        let holds: [fn(&mut Connection, bool); 2] = [Connection::set_paused, Connection::set_looking_up];
        for hold in holds {
            let (mut connection, client) = pair();
            connection.update_interest(&epoll, EndpointId(20)).unwrap();
            rustix::io::write(&client, b"message").unwrap();
            assert_eq!(waiting(), 1);
            hold(&mut connection, true);
            connection.update_interest(&epoll, EndpointId(20)).unwrap();
            assert_eq!(waiting(), 0);
            drop(client);
            assert_eq!(waiting(), 0);
            hold(&mut connection, false);
            connection.update_interest(&epoll, EndpointId(20)).unwrap();
            assert_eq!(waiting(), 1);
            connection.unregister(&epoll);
            assert_eq!(waiting(), 0);
        }
    }
}

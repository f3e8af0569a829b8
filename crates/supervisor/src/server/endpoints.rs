//! Reading from endpoints, answering on them, closing them.

use super::Server;
use super::connection::Connection;
use super::limits::RAISED_BUFFERS;
use super::line::Line;
use super::nest::{Whose, owner_entry};
use super::threads::Busy;
use crate::identity::{Opener, answers};
use crate::observer::Event;
use crate::state::{Entry, LookingUp};
use crate::time::now;
use auditns_bpf::Identity;
use auditns_core::{Action, Delivery, EndpointId, Input, Standing};
use auditns_sys::{Credentials, Received};
use auditns_wire::header::{FLAG_ACK, Header};
use auditns_wire::message_type::CREATE_NS;
use rustix::event::epoll::EventFlags;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Most bytes of answers that wait for room in members' sockets, of all of them together: a list of the most rules fits
/// in more than thrice.
const UNSENT_MAX: usize = 32 << 20;

/// Most messages that are read of one sender in a turn.
const BURST: usize = 16;

/// A thread that closes a descriptor needs next to nothing.
const CLOSING_STACK: usize = 64 * 1024;

impl Server<'_> {
    /// `alone`: nobody else has something to say.
    pub(super) fn endpoint_ready(&mut self, endpoint: EndpointId, flags: EventFlags, alone: bool) {
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            let Some(()) = self.with_answers(endpoint, Connection::flush) else { return };
            if self.connections.get_mut(&endpoint).is_some_and(Connection::take_awaited_writable) {
                self.feed(Input::Writable { endpoint });
                self.perform();
            }
        }
        // Another thread has not finished with the last message. It comes up again.
        if self.connections.get(&endpoint).is_some_and(|connection| connection.line().is_busy()) {
            return;
        }
        // One message a turn, so that no sender keeps others waiting; some more of one that waits for no answers, if there
        // are no others.
        if flags.intersects(EventFlags::IN | EventFlags::HUP) {
            for _ in 0..if alone { BURST } else { 1 } {
                let may_read = self.connections.get(&endpoint).is_some_and(Connection::may_read);
                if !may_read
                    || !self.has_token(endpoint)
                    || !self.read_message(endpoint)
                    || asks_for_answer(&self.buffer)
                    || self.has_to_wait()
                {
                    break;
                }
            }
        }
        self.update_interest(endpoint);
    }

    /// Whether somebody is about to be paused.
    fn has_to_wait(&self) -> bool {
        self.namespace.waiting_actions().any(|action| matches!(action, Action::Pause { .. }))
    }

    /// Reads and handles one message. Returns whether there may be more.
    pub(super) fn read_message(&mut self, endpoint: EndpointId) -> bool {
        let Some(connection) = self.connections.get(&endpoint) else { return false };
        if let Some(steering) = self.steering.get() {
            connection.watch(steering);
        }
        if connection.carries_descriptors() {
            self.close_aside(endpoint);
            return false;
        }
        let opener = *connection.opener();
        let (length, credentials, noted) = match connection.receive(&mut self.buffer) {
            Ok((Received::Message { length, credentials, .. }, noted)) => {
                (length.min(self.buffer.len()), credentials, noted)
            }
            Ok((Received::WouldBlock, _)) => return false,
            Ok((Received::Closed, _)) | Err(_) => {
                self.close(endpoint);
                return false;
            }
        };
        self.handle_message(endpoint, length, credentials, noted.as_ref(), &opener)
    }

    /// Handles a message in the buffer. Returns whether there may be more.
    pub(super) fn handle_message(
        &mut self,
        endpoint: EndpointId,
        length: usize,
        credentials: Credentials,
        noted: Option<&Identity>,
        opener: &Opener,
    ) -> bool {
        self.take_token();
        if self.buffer.get(..length).is_some_and(asks_for_namespace) {
            self.wait_for_mover();
        }
        let whose = self.whose_message(credentials, noted);
        let namespace = whose.number(self.namespace.root());
        let is_alone = self.nest.is_empty();
        let identity = self.nest.identity(namespace, &mut self.owner, &mut self.resolver);
        let Some((owner, resolver)) = identity else { return false };
        let opener = &if is_alone { *opener } else { opener.towards(owner) };
        let mut sender = resolver.either_sender(credentials, noted, opener, owner);
        let pid = sender.ids.host.pid;
        if let Some(mapped) = resolver.learn_maps(pid, owner) {
            self.namespace.note(&owner_entry(whose, owner.facts()));
            self.namespace.handle_in(namespace, Input::OwnerMapped(mapped), now());
            sender = resolver.either_sender(credentials, noted, opener, owner);
        }
        if whose == Whose::Unknown {
            sender.standing = Standing::Unknown;
        } else {
            self.settle_login(namespace, &mut sender, noted.map(|noted| noted.tag));
        }
        let identity = self.nest.identity(namespace, &mut self.owner, &mut self.resolver);
        let Some((owner, resolver)) = identity else { return false };
        let bytes = &self.buffer[..length];
        let mut inquiry = self.namespace.family().inquire(namespace, bytes);
        let mut answers = answers(&inquiry, &sender, owner);
        if inquiry.creation {
            let permitted = resolver.controls_own_user_namespace(pid, opener);
            answers.creation = Some(self.nest.creation(permitted));
        }
        // Requests about rules of anybody else are refused before a path of theirs matters.
        if sender.standing == Standing::Served && sender.capabilities.control && !inquiry.paths.is_empty() {
            let questions = std::mem::take(&mut inquiry.paths);
            let waiting = LookingUp { namespace, endpoint, sender, bytes: bytes.to_vec(), answers };
            self.namespace.note(&Entry::LookingUp(&waiting));
            let Some(refused) = self.aside.look_up(waiting, questions) else {
                if let Some(connection) = self.connections.get_mut(&endpoint) {
                    connection.set_looking_up(true);
                }
                return false;
            };
            answers = refused.answers;
        }
        let input = Input::Datagram { endpoint, sender: &sender, bytes, answers: &answers };
        let now = now();
        self.namespace.handle_in(namespace, input, now);
        let waits = asks_for_answer(bytes);
        self.note_where(endpoint, pid, waits, now.since_boot);
        true
    }

    /// A message of that process came at that time. Has it served on the processor where it is, if several are busy.
    fn note_where(&mut self, endpoint: EndpointId, pid: u32, waits: bool, at: Duration) {
        let Some(connection) = self.connections.get_mut(&endpoint) else { return };
        let noted = connection.last_cpu();
        match self.crowd.message(endpoint, noted, waits, at) {
            Busy::Nobody => self.sharing.now_and_then(noted, at),
            Busy::One if waits => self.sharing.busy(noted, at),
            Busy::One => self.sharing.nowhere(),
            Busy::Several => {
                self.sharing.nowhere();
                if let Some(processor) = connection.course_mut().message(noted, pid, at) {
                    self.move_to(endpoint, processor, at);
                }
            }
        }
    }

    /// Looks up the paths of a datagram of which another supervisor was looking them up.
    pub(super) fn look_up_again(&mut self, waiting: LookingUp) {
        let endpoint = waiting.endpoint;
        let questions = self.namespace.family().inquire(waiting.namespace, &waiting.bytes).paths;
        match self.aside.look_up(waiting, questions) {
            None => {
                if let Some(connection) = self.connections.get_mut(&endpoint) {
                    connection.set_looking_up(true);
                }
            }
            Some(refused) => {
                let LookingUp { namespace, sender, bytes, answers, .. } = refused;
                let input = Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers };
                self.namespace.feed_in(namespace, input);
            }
        }
    }

    /// Sends an answer now or later.
    pub(super) fn reply(&mut self, endpoint: EndpointId, frame: Vec<u8>) {
        let Some(frame) = self.gather(endpoint, frame) else { return };
        self.send_gathered_before(endpoint);
        self.let_wait(endpoint, |connection, now| connection.reply(frame, now));
    }

    /// Does something to a connection after which an answer may wait, since the event that it is given, and keeps what waits
    /// within bounds.
    pub(super) fn let_wait(&mut self, endpoint: EndpointId, work: impl FnOnce(&mut Connection, u64)) {
        self.unsent_events += 1;
        let now = self.unsent_events;
        let Some(()) = self.with_answers(endpoint, |connection| work(connection, now)) else { return };
        while self.unsent_bytes > UNSENT_MAX {
            self.drop_longest_unsent();
        }
        self.update_interest(endpoint);
    }

    /// Hands a record to an audit daemon.
    pub(super) fn deliver(&mut self, endpoint: EndpointId, frame: &[u8]) -> Delivery {
        self.send_gathered_before(endpoint);
        let raised = |connection: &&Connection| connection.is_raised();
        if self.connections.get(&endpoint).is_some_and(|connection| !connection.is_raised())
            && self.connections.values().filter(raised).count() < RAISED_BUFFERS
            && let Some(connection) = self.connections.get_mut(&endpoint)
        {
            connection.raise_send_buffer();
        }
        let connection = self.connections.get_mut(&endpoint);
        connection.map_or(Delivery::Closed, |connection| connection.offer(frame))
    }

    /// Hands a member a copy, if there is room. A listener that misses one is told so when it receives next (kernel:
    /// `netlink_overrun`), unless it wants no such error.
    pub(super) fn offer(&mut self, namespace: u64, endpoint: EndpointId, frame: &[u8]) {
        self.send_gathered_before(endpoint);
        let Some(connection) = self.connections.get_mut(&endpoint) else { return };
        if !self.namespace.is_in_group(endpoint) {
            connection.offer(frame);
        } else if !connection.offer_record(frame, !self.namespace.wants_no_overrun_error(endpoint)) {
            self.namespace.feed_in(namespace, Input::ListenerMissed);
        }
    }

    /// Whoever has let answers lie for longest does not read them.
    fn drop_longest_unsent(&mut self) {
        let waiting = self.connections.iter();
        let waiting = waiting.filter_map(|(id, connection)| Some((connection.unsent_since()?, *id)));
        let Some((_, endpoint)) = waiting.min() else {
            self.unsent_bytes = 0;
            return;
        };
        let before = self.unsent_bytes;
        self.with_answers(endpoint, Connection::drop_unsent);
        let bytes = before - self.unsent_bytes;
        self.show(&Event::AnswersDropped { bytes });
        self.update_interest(endpoint);
    }

    /// Does something to a connection that may change how many answers wait.
    pub(super) fn with_answers(
        &mut self,
        endpoint: EndpointId,
        work: impl FnOnce(&mut Connection),
    ) -> Option<()> {
        let connection = self.connections.get_mut(&endpoint)?;
        let before = connection.unsent_bytes();
        work(connection);
        self.unsent_bytes = self.unsent_bytes - before + connection.unsent_bytes();
        Some(())
    }

    fn remove(&mut self, endpoint: EndpointId) -> Option<Connection> {
        self.with_answers(endpoint, Connection::drop_unsent);
        let mut connection = self.connections.remove(&endpoint)?;
        connection.unregister(self.watchers.of(connection.watcher()));
        if let Some(keeping) = &self.keeping {
            keeping.remove_socket();
        }
        if self.inodes.get(&connection.inode()) == Some(&endpoint) {
            self.inodes.remove(&connection.inode());
        }
        Some(connection)
    }

    pub(super) fn close(&mut self, endpoint: EndpointId) {
        if let Some(connection) = self.remove(endpoint) {
            // It is noted before, so that no successor looks for it.
            self.feed(Input::EndpointClosed { endpoint });
            connection.state().kept_as.inspect(|kept_as| self.sockets.give_up(kept_as.number));
        }
    }

    /// Closes an endpoint on which a message with descriptors waits, which may block for long.
    fn close_aside(&mut self, endpoint: EndpointId) {
        let Some(connection) = self.remove(endpoint) else { return };
        self.feed(Input::EndpointClosed { endpoint });
        // Whoever keeps it should not be the last one that has it.
        connection.state().kept_as.inspect(|kept_as| self.sockets.give_up_at_once(kept_as.number));
        let line = connection.into_line();
        self.show(&Event::EndpointClosed { reason: "it sent descriptors, which no audit client does" });
        self.closing.fetch_add(1, Ordering::Relaxed);
        let closing = Arc::clone(&self.closing);
        let (hand_over, handed_over) = channel::<Arc<Line>>();
        let placement = self.watchers.placement();
        let close = move || {
            if let Some(placement) = placement {
                placement.release();
            }
            auditns_sys::placement::give_up_boost();
            if let Ok(line) = handed_over.recv() {
                Line::close(line);
            }
            closing.fetch_sub(1, Ordering::Relaxed);
        };
        let thread = thread::Builder::new().name("close".to_owned()).stack_size(CLOSING_STACK);
        if thread.spawn(close).is_ok() {
            let _ = hand_over.send(line);
        } else {
            // It stays open and counted, which harms nobody but its owner.
            std::mem::forget(line);
        }
    }

    pub(super) fn update_interest(&mut self, endpoint: EndpointId) {
        if let Some(connection) = self.connections.get_mut(&endpoint)
            && connection.update_interest(self.watchers.of(connection.watcher()), endpoint).is_err()
        {
            self.close(endpoint);
        }
    }
}

/// Whether a datagram begins with a request for a namespace.
fn asks_for_namespace(datagram: &[u8]) -> bool {
    Header::decode(datagram).is_some_and(|header| header.message_type == CREATE_NS)
}

/// Whether the sender of a datagram waits for an answer to it, so that nothing more is to be expected of it now.
fn asks_for_answer(datagram: &[u8]) -> bool {
    Header::decode(datagram).is_none_or(|header| header.flags & FLAG_ACK != 0)
}

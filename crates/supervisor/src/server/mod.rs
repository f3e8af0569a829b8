//! The event loop of one namespace.

mod actions;
mod connection;
mod limits;
mod notifications;
mod storage;

use crate::identity::{Owner, Resolver, answers};
use crate::log::LogFile;
use crate::observer::{Event, Observer};
use auditns_core::{EndpointId, Input, Namespace, Now};
use auditns_sys::{Listener, Received, clock, endpoint};
use connection::Connection;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::Timespec;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use storage::Storage;

/// Largest datagram read whole, in bytes: more than the kernel's default send buffer lets through. Of a longer one the
/// beginning is handled.
const DATAGRAM_MAX: usize = 256 * 1024;

/// Events taken from the kernel at once.
const EVENTS: usize = 64;

/// Notifications answered before endpoints get their turn.
const NOTIFICATIONS_PER_TURN: usize = 16;

/// Messages still read from each endpoint when the last member is gone.
const LAST_MESSAGES: usize = 100_000;

/// Event data of the listener; those of endpoints begin above [`FOREIGN_TOKENS`].
const LISTENER_TOKEN: u64 = 0;
/// Tokens below this, other than the listener's, belong to whoever runs the loop.
pub(crate) const FOREIGN_TOKENS: u64 = 16;

/// What a turn of the loop came to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Descriptors of the caller that are ready, by token.
    pub(crate) ready: Vec<u64>,
    /// The last member is gone.
    pub(crate) ended: bool,
}

/// Serves one namespace: its listener, its endpoints, its log.
pub(crate) struct Server<'o> {
    namespace: Namespace,
    listener: Listener,
    epoll: OwnedFd,
    connections: BTreeMap<EndpointId, Connection>,
    last_endpoint: u64,
    owner: Option<Owner>,
    resolver: Resolver,
    storage: Storage,
    observer: &'o mut dyn Observer,
    buffer: Vec<u8>,
}

impl<'o> Server<'o> {
    pub(crate) fn new(
        namespace: Namespace,
        listener: Listener,
        log: LogFile,
        observer: &'o mut dyn Observer,
    ) -> io::Result<Server<'o>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER_TOKEN), EventFlags::IN)?;
        listener.enable_sync_wake_up();
        Ok(Server {
            namespace,
            listener,
            epoll,
            connections: BTreeMap::new(),
            last_endpoint: FOREIGN_TOKENS,
            owner: None,
            resolver: Resolver::default(),
            storage: Storage::new(log),
            observer,
            buffer: vec![0; DATAGRAM_MAX],
        })
    }

    /// Watches a descriptor of the caller. `token` is 1 to 15.
    pub(crate) fn watch(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), EventFlags::IN)?)
    }

    pub(crate) fn unwatch(&self, fd: impl AsFd) {
        let _ = epoll::delete(&self.epoll, fd);
    }

    pub(crate) fn show(&mut self, event: &Event<'_>) {
        self.observer.observe(event);
    }

    /// Waits for events, at most `longest`, and handles them.
    pub(crate) fn turn(&mut self, longest: Option<Duration>) -> io::Result<Turn> {
        self.perform();
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = self.timeout(longest);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut turn = Turn::default();
        for event in &events {
            let (token, flags) = (event.data.u64(), event.flags);
            match token {
                LISTENER_TOKEN => turn.ended |= self.listener_ready(flags)?,
                _ if token < FOREIGN_TOKENS => turn.ready.push(token),
                _ => self.endpoint_ready(EndpointId(token), flags),
            }
            self.perform();
        }
        if self.namespace.next_deadline().is_some_and(|deadline| deadline <= clock::since_boot()) {
            self.feed(Input::Tick);
            self.perform();
        }
        Ok(turn)
    }

    /// Handles what members left behind, and ends the namespace.
    pub(crate) fn finish(&mut self) {
        let endpoints: Vec<EndpointId> = self.connections.keys().copied().collect();
        for endpoint in endpoints {
            for _ in 0..LAST_MESSAGES {
                if !self.read_message(endpoint) {
                    break;
                }
                self.perform();
            }
        }
        self.feed(Input::Ended);
        self.perform();
    }

    fn timeout(&self, longest: Option<Duration>) -> Option<Timespec> {
        let deadline = self.namespace.next_deadline().map(|at| at.saturating_sub(clock::since_boot()));
        let wait = [deadline, longest].into_iter().flatten().min()?;
        Timespec::try_from(wait).ok()
    }

    fn feed(&mut self, input: Input<'_>) {
        self.namespace.handle(input, now());
    }

    /// Returns whether the last member is gone.
    fn listener_ready(&mut self, flags: EventFlags) -> io::Result<bool> {
        if flags.contains(EventFlags::IN) {
            for _ in 0..NOTIFICATIONS_PER_TURN {
                match self.listener.receive()? {
                    Some(notification) => self.answer(&notification),
                    None => break,
                }
            }
        }
        Ok(flags.contains(EventFlags::HUP) && self.listener.is_hung_up()?)
    }

    fn endpoint_ready(&mut self, endpoint: EndpointId, flags: EventFlags) {
        let Some(connection) = self.connections.get_mut(&endpoint) else { return };
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            connection.flush();
            if connection.take_awaited_writable() {
                self.feed(Input::Writable { endpoint });
                self.perform();
            }
        }
        // One message a turn, so that no sender keeps others waiting.
        if flags.intersects(EventFlags::IN | EventFlags::HUP)
            && self.connections.get(&endpoint).is_some_and(Connection::may_read)
        {
            self.read_message(endpoint);
        }
        self.update_interest(endpoint);
    }

    /// Reads and handles one message. Returns whether there may be more.
    fn read_message(&mut self, endpoint: EndpointId) -> bool {
        let Some(connection) = self.connections.get(&endpoint) else { return false };
        let opener = connection.opener();
        let (length, credentials) = match endpoint::receive(connection, &mut self.buffer) {
            Ok(Received::Message { length, credentials, .. }) => (length.min(self.buffer.len()), credentials),
            Ok(Received::WouldBlock) => return false,
            Ok(Received::Closed) | Err(_) => {
                self.close(endpoint);
                return false;
            }
        };
        let Some(owner) = &mut self.owner else { return false };
        let mut sender = self.resolver.sender(credentials, opener, owner);
        if let Some(mapped) = self.resolver.learn_maps(credentials.pid, owner) {
            self.namespace.handle(Input::OwnerMapped(mapped), now());
            sender = self.resolver.sender(credentials, opener, owner);
        }
        let bytes = &self.buffer[..length];
        let answers = answers(&self.namespace.inquire(bytes), &sender, owner);
        let input = Input::Datagram { endpoint, sender: &sender, bytes, answers: &answers };
        self.namespace.handle(input, now());
        true
    }

    fn close(&mut self, endpoint: EndpointId) {
        if let Some(connection) = self.connections.remove(&endpoint) {
            connection.unregister(&self.epoll);
            self.feed(Input::EndpointClosed { endpoint });
        }
    }

    fn update_interest(&mut self, endpoint: EndpointId) {
        if let Some(connection) = self.connections.get_mut(&endpoint)
            && connection.update_interest(&self.epoll, endpoint).is_err()
        {
            self.close(endpoint);
        }
    }
}

fn now() -> Now {
    let wall = clock::wall();
    Now { seconds: wall.seconds, milliseconds: wall.milliseconds, since_boot: clock::since_boot() }
}

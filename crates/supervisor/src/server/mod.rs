//! The event loop of one namespace.

mod actions;
mod aside;
mod callers_memory;
mod connection;
mod endpoints;
mod limits;
mod notifications;
mod numbers;
mod on_socket;
mod open;
mod receive;
mod receivers;
mod storage;
mod worked;

use crate::identity::{Clients, Owner, Resolver};
use crate::log::LogFile;
use crate::observer::{Event, Observer};
use crate::time::now;
use aside::{Aside, Done, LAST_WAIT};
use auditns_core::{EndpointId, Input, Namespace};
use auditns_sys::{Endpoints, Listener, clock};
use connection::Connection;
use limits::Limits;
use numbers::Numbers;
use receive::Parked;
use receivers::Receivers;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::Timespec;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};
use storage::Storage;
use worked::Worked;

/// Largest datagram read whole, in bytes: more than the kernel's default send buffer lets through. Of a longer one the
/// beginning is handled.
const DATAGRAM_MAX: usize = 256 * 1024;

/// Events taken from the kernel at once.
const EVENTS: usize = 64;

/// Notifications answered before endpoints get their turn.
const NOTIFICATIONS_PER_TURN: usize = 16;

/// How long what members left behind is handled when the last one is gone: somebody else may hold an endpoint and go on
/// sending.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Event data of the listener; those of endpoints begin above [`FOREIGN_TOKENS`].
const LISTENER_TOKEN: u64 = 0;
/// Event data of what is done aside.
const ASIDE_TOKEN: u64 = 15;
/// Tokens below this, other than the listener's and the last one, belong to whoever runs the loop.
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
    listener: Arc<Listener>,
    epoll: OwnedFd,
    connections: BTreeMap<EndpointId, Connection>,
    /// Endpoints by the inode numbers of their members' ends.
    inodes: HashMap<u64, EndpointId>,
    last_endpoint: u64,
    owner: Option<Owner>,
    resolver: Resolver,
    clients: Clients,
    endpoints: Endpoints,
    numbers: Numbers,
    receivers: Receivers,
    limits: Limits,
    aside: Aside<Worked>,
    parked: Parked,
    /// Signals do not take calls away from us that we have received; see [`auditns_sys::Launched::wait_killable`].
    calls_are_ours: bool,
    /// Endpoints that are being closed in threads.
    closing: Arc<AtomicUsize>,
    /// Bytes of answers that wait for room, of all connections.
    unsent_bytes: usize,
    /// Counts how often answers began to wait.
    unsent_events: u64,
    storage: Storage,
    observer: &'o mut dyn Observer,
    buffer: Vec<u8>,
}

impl<'o> Server<'o> {
    /// `clients` tells strict audit clients from others, `endpoints` makes sockets; `descriptors` is how many this process may have open.
    pub(crate) fn new(
        namespace: Namespace,
        listener: Listener,
        log: LogFile,
        clients: Clients,
        mut endpoints: Endpoints,
        observer: &'o mut dyn Observer,
        descriptors: usize,
    ) -> io::Result<Server<'o>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER_TOKEN), EventFlags::IN)?;
        listener.enable_sync_wake_up();
        let limits = Limits::for_descriptors(descriptors);
        endpoints.set_advance(limits.advance);
        let listener = Arc::new(listener);
        let asked = Arc::clone(&listener);
        let aside = Aside::new(limits.calls, move |notification| asked.is_valid(notification.id))?;
        epoll::add(&epoll, &aside, EventData::new_u64(ASIDE_TOKEN), EventFlags::IN)?;
        Ok(Server {
            namespace,
            listener,
            epoll,
            connections: BTreeMap::new(),
            inodes: HashMap::new(),
            last_endpoint: FOREIGN_TOKENS,
            owner: None,
            resolver: Resolver::new(limits.processes),
            clients,
            endpoints,
            numbers: Numbers::default(),
            receivers: Receivers::default(),
            limits,
            aside,
            parked: Parked::default(),
            calls_are_ours: true,
            closing: Arc::default(),
            unsent_bytes: 0,
            unsent_events: 0,
            storage: Storage::new(log),
            observer,
            buffer: vec![0; DATAGRAM_MAX],
        })
    }

    /// A signal may take a call away while it is worked on (before Linux 5.19). Then nothing is received for a member: the
    /// datagram would be lost with the call.
    pub(crate) fn leave_receiving_to_members(&mut self) {
        self.calls_are_ours = false;
    }

    /// Watches a descriptor of the caller. `token` is 1 to 14.
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
                ASIDE_TOKEN => self.aside_ready(),
                _ if token < FOREIGN_TOKENS => turn.ready.push(token),
                _ => self.endpoint_ready(EndpointId(token), flags),
            }
            self.perform();
        }
        self.serve_parked();
        if self.namespace.next_deadline().is_some_and(|deadline| deadline <= clock::since_boot()) {
            self.feed(Input::Tick);
            self.perform();
        }
        Ok(turn)
    }

    /// Handles what members left behind, and ends the namespace.
    pub(crate) fn finish(&mut self) {
        let until = Instant::now() + LAST_WAIT;
        while let Some(done) = self.aside.next_until(until) {
            self.complete(done);
            self.perform();
        }
        let until = Instant::now() + LAST_WORDS;
        let endpoints: Vec<EndpointId> = self.connections.keys().copied().collect();
        for endpoint in endpoints {
            while Instant::now() < until && self.read_message(endpoint) {
                self.perform();
            }
        }
        self.feed(Input::Ended);
        self.perform();
    }

    fn aside_ready(&mut self) {
        self.aside.acknowledge();
        while let Some(done) = self.aside.next() {
            self.complete(done);
            self.perform();
        }
    }

    fn complete(&mut self, done: Done<Worked>) {
        match done {
            Done::LookedUp(waiting) => {
                let aside::Waiting { endpoint, sender, bytes, answers } = *waiting;
                if let Some(connection) = self.connections.get_mut(&endpoint) {
                    connection.set_looking_up(false);
                }
                let input = Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers };
                self.feed(input);
                self.update_interest(endpoint);
            }
            Done::Worked(worked) => self.go_on(worked),
            Done::NoThread(notification) => self.answer_without_thread(&notification),
        }
    }

    fn timeout(&self, longest: Option<Duration>) -> Option<Timespec> {
        let deadline = self.namespace.next_deadline().map(|at| at.saturating_sub(clock::since_boot()));
        let wait = [deadline, longest, self.parked.rest()].into_iter().flatten().min()?;
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
}

#[cfg(test)]
mod tests;

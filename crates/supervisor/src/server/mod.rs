//! The event loop of one namespace.

mod actions;
mod aside;
mod callers_memory;
pub(crate) mod calls;
mod connection;
pub(crate) mod durable;
mod endpoints;
mod following;
pub(crate) mod limits;
mod notifications;
mod numbers;
mod on_socket;
mod open;
mod proxied;
mod receive;
mod receivers;
pub(crate) mod restore;
pub(crate) mod storage;
mod worked;

use crate::identity::{Clients, Owner, Place, Resolver};
use crate::keeping::Keeping;
use crate::observer::{Event, Observer};
use crate::origin::Origin;
use crate::settings::Settings;
use crate::state::{Entry, ListenerState, LookingUp};
use aside::{Aside, Done, LAST_WAIT};
use auditns_bpf::Steering;
use auditns_core::{EndpointId, Input};
use auditns_sys::{Endpoints, Listener, Notification, clock};
use calls::Calls;
use connection::Connection;
use durable::Durable;
use following::Following;
use limits::Limits;
use numbers::Numbers;
use receive::Parked;
use receivers::Receivers;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use storage::Storage;
use worked::Worked;

/// Events taken from the kernel at once.
const EVENTS: usize = 64;

/// Actions of several messages that wait until they are performed together: some twenty messages, or one list of rules.
const ACTIONS_MAX: usize = 64;

/// Notifications answered before endpoints get their turn.
const NOTIFICATIONS_PER_TURN: usize = 16;

/// How long what members left behind is handled when the last one is gone: somebody else may hold an endpoint and go on
/// sending.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Event data of listeners is their number above this; that of endpoints begins above [`FOREIGN_TOKENS`].
const LISTENER_TOKENS: u64 = 1 << 62;
/// Most listeners of one namespace: each program that joins it brings one.
pub(crate) const LISTENERS_MAX: usize = 256;
/// Event data of what is done aside.
const ASIDE_TOKEN: u64 = 15;
/// Tokens below this, other than the last one, belong to whoever runs the loop.
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
    namespace: Durable,
    calls: Arc<Calls>,
    listeners: Vec<ListenerState>,
    epoll: OwnedFd,
    connections: BTreeMap<EndpointId, Connection>,
    /// Endpoints by the inode numbers of their members' ends.
    inodes: HashMap<u64, EndpointId>,
    last_endpoint: u64,
    owner: Option<Owner>,
    resolver: Resolver,
    clients: Clients,
    endpoints: Arc<Mutex<Endpoints>>,
    numbers: Numbers,
    receivers: Receivers,
    limits: Limits,
    aside: Aside<Worked>,
    parked: Parked,
    /// Signals do not take calls away from us that we have received; see [`auditns_sys::Launched::wait_killable`].
    calls_are_ours: bool,
    /// The call that the namespace is about to answer.
    requested: Option<Notification>,
    origin: Origin,
    settings: Settings,
    /// What keeps the sockets if this process is killed.
    keeping: Option<Keeping>,
    /// Endpoints that are being closed in threads.
    closing: Arc<AtomicUsize>,
    /// Bytes of answers that wait for room, of all connections.
    unsent_bytes: usize,
    /// Counts how often answers began to wait.
    unsent_events: u64,
    storage: Storage,
    following: Following,
    /// Notes senders, if it could be loaded.
    steering: Arc<OnceLock<Steering>>,
    observer: &'o mut dyn Observer,
    buffer: Vec<u8>,
}

/// What a server is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) namespace: Durable,
    /// Without a listener so far.
    pub(crate) calls: Calls,
    pub(crate) storage: Storage,
    /// Tells strict audit clients from others.
    pub(crate) clients: Clients,
    /// Makes sockets, and says whom members see as their sender.
    pub(crate) endpoints: Arc<Mutex<Endpoints>>,
    /// How many descriptors the namespace may have open.
    pub(crate) descriptors: usize,
    pub(crate) origin: Origin,
    pub(crate) settings: Settings,
    pub(crate) keeping: Option<Keeping>,
    /// What notes senders, from when it is loaded on.
    pub(crate) steering: Arc<OnceLock<Steering>>,
}

impl<'o> Server<'o> {
    pub(crate) fn new(parts: Parts, observer: &'o mut dyn Observer) -> io::Result<Server<'o>> {
        let Parts {
            namespace,
            calls,
            mut storage,
            clients,
            endpoints,
            descriptors,
            origin,
            settings,
            keeping,
            steering,
        } = parts;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut limits = Limits::for_descriptors(descriptors);
        limits.sockets = limits.sockets.min(settings.sockets);
        let calls = Arc::new(calls);
        let asked = Arc::clone(&calls);
        let aside = Aside::new(limits.calls, move |notification| asked.is_valid(notification))?;
        epoll::add(&epoll, &aside, EventData::new_u64(ASIDE_TOKEN), EventFlags::IN)?;
        if let Some(journal) = namespace.journal() {
            storage.set_journal(Rc::clone(journal), keeping.clone());
        }
        Ok(Server {
            namespace,
            calls,
            listeners: Vec::new(),
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
            requested: None,
            origin,
            settings,
            keeping,
            closing: Arc::default(),
            unsent_bytes: 0,
            unsent_events: 0,
            storage,
            following: Following::new(),
            steering,
            observer,
            buffer: Vec::new(),
        })
    }

    /// Serves the calls of one more listener; with a place, of those who are there. Without `wait_killable` a signal may take a
    /// call away while it is worked on (before Linux 5.19). Then nothing is received for a member: the datagram would be lost
    /// with the call.
    ///
    /// # Errors
    /// `EMFILE` if there are [`LISTENERS_MAX`]; those of `epoll_ctl(2)`.
    pub(crate) fn add_listener(
        &mut self,
        listener: Listener,
        wait_killable: bool,
        place: Option<Place>,
    ) -> io::Result<()> {
        let taken = |number: &u32| self.listeners.iter().any(|state| state.number == *number);
        let Some(number) = (0..).take(LISTENERS_MAX).find(|number| !taken(number)) else {
            return Err(Errno::MFILE.into());
        };
        let proxied = listener.is_proxied();
        if let Some(keeping) = &self.keeping {
            keeping.listener(number, &listener, proxied);
        }
        self.serve_listener(listener, ListenerState { number, wait_killable, place, proxied })
    }

    fn serve_listener(&mut self, listener: Listener, state: ListenerState) -> io::Result<()> {
        let token = LISTENER_TOKENS + u64::from(state.number);
        epoll::add(&self.epoll, &listener, EventData::new_u64(token), EventFlags::IN)?;
        if !state.proxied {
            listener.enable_sync_wake_up();
        }
        self.calls_are_ours &= state.wait_killable;
        self.calls.add(state.number as usize, listener);
        self.listeners.push(state);
        self.namespace.note(&Entry::Listener(&state));
        Ok(())
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
        if self.namespace.journal().is_some_and(|journal| journal.is_long()) {
            self.save();
        }
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = self.timeout(longest);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut turn = Turn::default();
        for event in &events {
            let (token, flags) = (event.data.u64(), event.flags);
            if !(FOREIGN_TOKENS..LISTENER_TOKENS).contains(&token) {
                // A call finds the answers to what was sent before it.
                self.perform();
            }
            match token {
                ASIDE_TOKEN => self.aside_ready(),
                _ if token >= LISTENER_TOKENS => {
                    turn.ended |= self.listener_ready(token - LISTENER_TOKENS, flags)?;
                }
                _ if token < FOREIGN_TOKENS => turn.ready.push(token),
                _ => {
                    self.endpoint_ready(EndpointId(token), flags, events.len() == 1);
                    // Several messages' records are written in one piece.
                    if self.namespace.waiting_actions().len() < ACTIONS_MAX {
                        continue;
                    }
                }
            }
            self.perform();
        }
        self.perform();
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
        self.storage.write_later(self.observer);
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
                let LookingUp { endpoint, sender, bytes, answers } = *waiting;
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
        let deadlines = [self.namespace.next_deadline(), self.storage.later_deadline()];
        let deadline = deadlines.into_iter().flatten().min().map(|at| at.saturating_sub(clock::since_boot()));
        let wait = [deadline, longest, self.parked.rest()].into_iter().flatten().min()?;
        Timespec::try_from(wait).ok()
    }

    fn feed(&mut self, input: Input<'_>) {
        self.namespace.feed(input);
    }

    /// Returns whether the last member is gone.
    fn listener_ready(&mut self, number: u64, flags: EventFlags) -> io::Result<bool> {
        let Ok(number) = usize::try_from(number) else { return Ok(false) };
        if flags.contains(EventFlags::IN) {
            for _ in 0..NOTIFICATIONS_PER_TURN {
                match self.calls.receive(number)? {
                    Some(notification) => self.answer(&notification),
                    None => break,
                }
            }
        }
        let Some(listener) = self.calls.listener(number) else { return Ok(false) };
        let may_be_over = flags.contains(EventFlags::HUP) || listener.is_proxied();
        if !may_be_over || !listener.is_hung_up()? {
            return Ok(false);
        }
        let _ = epoll::delete(&self.epoll, &listener);
        if self.calls.count() > 1 {
            self.calls.remove(number);
            self.listeners.retain(|state| state.number as usize != number);
            if let Some(keeping) = &self.keeping {
                keeping.forget_listener(number);
            }
            return Ok(false);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;

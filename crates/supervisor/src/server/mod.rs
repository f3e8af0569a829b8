//! Serving one namespace.

mod actions;
mod answers;
mod aside;
mod bucket;
mod callers_memory;
pub(crate) mod calls;
mod connection;
pub(crate) mod durable;
mod endpoints;
mod handing_over;
pub(crate) mod limits;
mod line;
pub(crate) mod login_files;
mod membership;
pub(crate) mod nest;
mod notifications;
mod numbers;
mod on_socket;
mod open;
mod proxied;
mod receive;
mod receivers;
pub(crate) mod restore;
pub(crate) mod storage;
pub(crate) mod threads;
mod worked;

use crate::identity::{Clients, Owner, Place, Resolver};
use crate::keeping::Keeping;
use crate::observer::{Event, Observer};
use crate::origin::Origin;
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::state::{AnswerTable, Entry, ListenerState, LookingUp};
use answers::Answers;
use aside::{Aside, Done, LAST_WAIT};
use auditns_bpf::{Membership, Steering};
use auditns_core::{EndpointId, Input};
use auditns_sys::{Listener, Notification, clock};
use bucket::Bucket;
use calls::Calls;
use connection::Connection;
use durable::Durable;
use handing_over::HandingOver;
use limits::Limits;
use login_files::{FilesOfLogins, LoginFiles};
use nest::{Nest, Nesting};
use numbers::Numbers;
use receive::Parked;
use receivers::Receivers;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use storage::Storage;
use threads::{Crowd, Sharing, Watchers};
use worked::Worked;

/// Events taken from the kernel at once. They are handled under the namespace's lock, for which others may wait.
const EVENTS: usize = 32;

/// Actions of several messages that wait until they are performed together: some twenty messages, or one list of rules.
const ACTIONS_MAX: usize = 64;

/// Notifications answered before endpoints get their turn.
const NOTIFICATIONS_PER_TURN: usize = 16;

/// Of a namespace that has saved nothing for so long, the journal's spare memory is given back.
const REST: Duration = Duration::from_secs(1);

/// How long what members left behind is handled when the last one is gone: somebody else may hold an endpoint and go on
/// sending.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Event data of listeners is their number above this; that of endpoints begins above [`FOREIGN_TOKENS`].
const LISTENER_TOKENS: u64 = 1 << 62;
/// Most listeners of one namespace: each program that joins it brings one.
pub(crate) const LISTENERS_MAX: usize = 256;
/// Event data of what is done aside.
const ASIDE_TOKEN: u64 = 15;
/// Tokens below this, other than the last two, belong to whoever runs the loop.
pub(crate) const FOREIGN_TOKENS: u64 = 16;

/// Serves one namespace: its listener, its endpoints, its log.
pub(crate) struct Server<'o> {
    namespace: Durable,
    /// What the namespaces that members have made need here.
    nest: Nest,
    calls: Arc<Calls>,
    listeners: Vec<ListenerState>,
    connections: BTreeMap<EndpointId, Connection>,
    /// Endpoints by the inode numbers of their members' ends.
    inodes: HashMap<u64, EndpointId>,
    last_endpoint: u64,
    owner: Option<Owner>,
    resolver: Resolver,
    clients: Clients,
    sockets: Arc<Sockets>,
    numbers: Numbers,
    receivers: Receivers,
    limits: Limits,
    handing_over: HandingOver,
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
    watchers: Watchers,
    crowd: Crowd,
    sharing: Sharing,
    answers: Answers,
    bucket: Bucket,
    /// When the journal's spare memory is given back, if there is some: on the clock of the time since boot.
    spare_until: Option<Duration>,
    /// Notes senders, if it could be loaded.
    steering: Arc<OnceLock<Steering>>,
    /// Tells which task is in which namespace.
    membership: Arc<Membership>,
    /// Files of login user ids that members have open.
    login_files: LoginFiles,
    /// As of which process of [`Membership`] listeners are noted, by their numbers.
    noted: BTreeMap<u32, u32>,
    observer: &'o mut (dyn Observer + Send),
    buffer: Vec<u8>,
}

/// What a server is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) namespace: Durable,
    /// Of the namespaces that members make; `None` where they cannot.
    pub(crate) nesting: Option<Nesting>,
    /// Where answers are noted, if there is a journal.
    pub(crate) answers: Option<AnswerTable>,
    /// Without a listener so far.
    pub(crate) calls: Calls,
    pub(crate) storage: Storage,
    /// Tells strict audit clients from others.
    pub(crate) clients: Clients,
    /// Has sockets, and says whom members see as their sender.
    pub(crate) sockets: Arc<Sockets>,
    /// How many descriptors the namespace may have open.
    pub(crate) descriptors: usize,
    pub(crate) origin: Origin,
    pub(crate) settings: Settings,
    pub(crate) keeping: Option<Keeping>,
    /// What notes senders, from when it is loaded on.
    pub(crate) steering: Arc<OnceLock<Steering>>,
    /// Tells which task is in which namespace.
    pub(crate) membership: Arc<Membership>,
    /// Makes files of login user ids for members; `None` where nobody does.
    pub(crate) login_files: Option<Box<dyn FilesOfLogins>>,
}

impl<'o> Server<'o> {
    pub(crate) fn new(parts: Parts, observer: &'o mut (dyn Observer + Send)) -> io::Result<Server<'o>> {
        let Parts {
            namespace,
            nesting,
            answers,
            calls,
            mut storage,
            clients,
            sockets,
            descriptors,
            origin,
            settings,
            keeping,
            steering,
            membership,
            login_files,
        } = parts;
        let watchers = Watchers::new()?;
        let bucket = Bucket::new(settings.read_rate);
        let nest = Nest::new(nesting);
        let mut limits = Limits::for_descriptors(descriptors.saturating_sub(nest.descriptors_max()));
        limits.sockets = limits.sockets.min(settings.sockets);
        let calls = Arc::new(calls);
        let asked = Arc::clone(&calls);
        let aside = Aside::new(limits.calls, move |notification| asked.is_valid(notification))?;
        epoll::add(&**watchers.main(), &aside, EventData::new_u64(ASIDE_TOKEN), EventFlags::IN)?;
        if let Some(journal) = namespace.journal() {
            storage.set_journal(Arc::clone(journal), keeping.clone());
        }
        Ok(Server {
            namespace,
            nest,
            calls,
            listeners: Vec::new(),
            connections: BTreeMap::new(),
            inodes: HashMap::new(),
            last_endpoint: FOREIGN_TOKENS,
            owner: None,
            resolver: Resolver::new(limits.processes),
            clients,
            sockets,
            numbers: Numbers::default(),
            receivers: Receivers::default(),
            limits,
            handing_over: HandingOver::default(),
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
            watchers,
            crowd: Crowd::default(),
            sharing: Sharing::default(),
            answers: Answers::new(answers),
            bucket,
            spare_until: None,
            steering,
            membership,
            login_files: LoginFiles::new(login_files),
            noted: BTreeMap::new(),
            observer,
            buffer: Vec::new(),
        })
    }

    /// Serves the calls of one more listener; with a place, of those who are there. Without `wait_killable` a signal may take a
    /// call away while it is worked on (before Linux 5.19). Then nothing is received for a member: the datagram would be lost
    /// with the call. One that is served already changes nothing: whoever joins asks again if the supervisor ends before it has
    /// answered.
    ///
    /// # Errors
    /// `EMFILE` if there are [`LISTENERS_MAX`]; those of `epoll_ctl(2)`.
    pub(crate) fn add_listener(
        &mut self,
        listener: Listener,
        wait_killable: bool,
        place: Option<Place>,
    ) -> io::Result<()> {
        if self.calls.has(&listener) {
            return Ok(());
        }
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
        epoll::add(&**self.watchers.main(), &listener, EventData::new_u64(token), EventFlags::IN)?;
        if !state.proxied {
            listener.enable_sync_wake_up();
        }
        self.calls_are_ours &= state.wait_killable;
        let listener = self.calls.add(state.number as usize, listener);
        self.note_listener(&listener, state.number);
        self.listeners.push(state);
        self.namespace.note(&Entry::Listener(&state));
        Ok(())
    }

    /// Watches a descriptor of the caller. `token` is 1 to 12.
    pub(crate) fn watch(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&**self.watchers.main(), fd, EventData::new_u64(token), EventFlags::IN)?)
    }

    pub(crate) fn unwatch(&self, fd: impl AsFd) {
        let _ = epoll::delete(&**self.watchers.main(), fd);
    }

    pub(crate) fn show(&mut self, event: &Event<'_>) {
        self.observer.observe(event);
    }

    /// Handles an event of an endpoint. `alone`: nobody else has something to say.
    fn endpoint_event(&mut self, event: &epoll::Event, alone: bool) {
        self.endpoint_ready(EndpointId(event.data.u64()), event.flags, alone);
        // Several messages' records are written in one piece.
        if self.namespace.waiting_actions().len() >= ACTIONS_MAX {
            self.perform();
        }
    }

    /// Tells the namespace the time, if it wants to hear it by now.
    fn tick(&mut self) {
        if self.namespace.family().next_deadline().is_some_and(|deadline| deadline <= clock::since_boot()) {
            self.feed(Input::Tick);
            self.perform();
        }
    }

    /// Saves a long journal, and gives back what one before it has left once the namespace rests.
    fn save_if_long(&mut self) {
        let Some(journal) = self.namespace.journal() else { return };
        if journal.is_long() {
            self.save();
        } else if self.spare_until.is_some_and(|until| until <= clock::since_boot()) {
            journal.give_back();
            self.spare_until = None;
        }
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
        self.end_all_nested();
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
                let LookingUp { namespace, endpoint, sender, bytes, answers } = *waiting;
                if let Some(connection) = self.connections.get_mut(&endpoint) {
                    connection.set_looking_up(false);
                }
                let input = Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers };
                self.namespace.feed_in(namespace, input);
                self.update_interest(endpoint);
            }
            Done::Worked(worked) => self.go_on(worked),
            Done::NoThread(notification) => self.answer_without_thread(&notification),
        }
    }

    /// When something is due, on the clock of the time since boot.
    fn due(&self) -> Option<Duration> {
        let parked = self.parked.rest().map(|rest| clock::since_boot() + rest);
        let deadlines = [
            self.namespace.family().next_deadline(),
            self.later_deadline(),
            parked,
            self.bucket.due(),
            self.spare_until,
        ];
        deadlines.into_iter().flatten().min()
    }

    fn feed(&mut self, input: Input<'_>) {
        self.namespace.feed(input);
    }

    /// A listener has hung up. Returns whether it was the last one.
    fn lose_listener(&mut self, number: usize, listener: &Listener) -> bool {
        self.unwatch(listener);
        if self.calls.count() <= 1 {
            return true;
        }
        self.forget_listener(listener, number);
        self.calls.remove(number);
        self.listeners.retain(|state| state.number as usize != number);
        if let Some(keeping) = &self.keeping {
            keeping.forget_listener(number);
        }
        false
    }
}

#[cfg(test)]
mod tests;

//! One namespace, the model of it, and an edge: sockets with scripted room, a log, a clock from outside.

mod actions;

use crate::books::{Books, Broken};
use crate::model::{Model, Moment, Request};
use crate::people::{PROCESSES, details, process};
use crate::seen::Seen;
use crate::step::{Act, Message, Setup};
use crate::tally::Tally;
use auditns_core::socket::{Caller, SocketRequest, option};
use auditns_core::{Answers, Config, EndpointId, Entrance, Input, Namespace, Now, Policy};
use auditns_wire::address::Address;
use auditns_wire::record::{Ids, Viewed};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A member's socket.
#[derive(Debug, Default)]
struct Socket {
    owner: u8,
    room: u16,
    /// The namespace is to be told when there is room.
    awaited: bool,
    /// Nobody has the other end, but the supervisor has yet to see that.
    vanished: bool,
    /// Datagrams that nobody reads while their sender has to wait.
    unread: VecDeque<(u8, Vec<Message>)>,
}

#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) namespace: Namespace,
    setup: Setup,
    contid: u64,
    model: Model,
    books: Books,
    sockets: BTreeMap<EndpointId, Socket>,
    opened: u64,
    calls: u64,
    sequence: u32,
    /// Which of the next stores fail, the lowest bit first.
    failing: u8,
    /// After so many more inputs and actions another supervisor takes over.
    restarts_in: Option<u32>,
    seen: Vec<Seen>,
    missed: u64,
    now: Moment,
    pub(crate) tally: Tally,
}

impl Edge {
    pub(crate) fn new(contid: u64, setup: Setup, now: Moment) -> Edge {
        let config = Config {
            contid,
            name: format!("namespace {contid}").into_bytes(),
            policy: policy(setup.strict),
            backlog_limit: setup.backlog_limit,
            queue_bytes: setup.queue_bytes,
            starter: Ids { pid: 1, uid: 0, auid: 1000, ses: 2 },
            labels: Vec::new(),
            parents: Vec::new(),
            start_fields: Vec::new(),
            rules_max: Config::RULES_MAX,
            inside_log: setup.inside_log,
            delivery_delay: Duration::from_micros(setup.delivery_delay),
            own_logins: false,
        };
        Edge {
            namespace: Namespace::new(config, core_now(now)),
            setup,
            contid,
            model: Model::new(contid, setup, now),
            books: Books::new(contid),
            sockets: BTreeMap::new(),
            opened: 0,
            calls: 0,
            sequence: 0,
            failing: 0,
            restarts_in: None,
            seen: Vec::new(),
            missed: 0,
            now,
            tally: Tally::default(),
        }
    }

    /// Another supervisor takes over after so many more inputs and actions.
    pub(crate) fn restart_in(&mut self, moments: u32) {
        self.restarts_in = Some(moments);
    }

    /// Lets the namespace know the time.
    pub(crate) fn tick(&mut self, now: Moment) -> Result<(), Broken> {
        (self.now, self.model.now) = (now, now);
        self.give(Input::Tick, |_| {})?;
        self.finish_step()
    }

    /// Looks whether everything is as it should be, now that time has passed.
    pub(crate) fn look(&mut self, now: Moment) -> Result<(), Broken> {
        (self.now, self.model.now) = (now, now);
        self.finish_step()
    }

    /// Sockets that vanished are seen to be closed.
    pub(crate) fn notice_vanished(&mut self, now: Moment) -> Result<(), Broken> {
        (self.now, self.model.now) = (now, now);
        while let Some((socket, _)) = self.sockets.iter().find(|(_, known)| known.vanished) {
            self.close(*socket)?;
            self.finish_step()?;
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, act: &Act, now: Moment) -> Result<(), Broken> {
        (self.now, self.model.now) = (now, now);
        match act {
            Act::Open(number) => self.open(*number)?,
            Act::Close(socket) => {
                if let Some(socket) = self.socket(*socket) {
                    self.close(socket)?;
                }
            }
            Act::Vanish(socket) => {
                if let Some(known) = self.socket(*socket).and_then(|socket| self.sockets.get_mut(&socket)) {
                    known.vanished = true;
                }
            }
            Act::Exit(number) => self.exit(*number % PROCESSES)?,
            Act::Send { socket, heir, messages } => {
                if let Some(socket) = self.socket(*socket) {
                    self.send(socket, *heir, messages.clone())?;
                }
            }
            Act::Listen(socket, joins) => {
                if let Some(socket) = self.socket(*socket) {
                    self.listen(socket, *joins)?;
                }
            }
            Act::Room(socket, room) => {
                if let Some(socket) = self.socket(*socket) {
                    self.make_room(socket, *room)?;
                }
            }
            Act::Rouse(socket) => {
                if let Some(endpoint) = self.socket(*socket) {
                    self.give(Input::Writable { endpoint }, |model| model.writable(endpoint))?;
                }
            }
            Act::FailStores(bits) => self.failing = *bits,
            Act::HostLimit(limit) => {
                self.give(Input::HostSetsBacklogLimit(*limit), |model| model.host_limit(*limit))?;
            }
            Act::HostRate(limit) => {
                self.give(Input::HostSetsRateLimit(*limit), |model| model.host_rate(*limit))?;
            }
            Act::HostStrict(strict) => {
                self.give(Input::HostSetsPolicy(policy(*strict)), |model| model.host_strict(*strict))?;
            }
            Act::Login(number, success) => self.login(*number, *success)?,
            Act::LetIn => {
                let by = Ids { pid: 2, uid: 0, auid: 1000, ses: 2 };
                self.give(Input::LetIn { operation: Entrance::Join, by, fields: &[] }, Model::lifetime)?;
            }
        }
        self.finish_step()
    }

    /// Whether somebody has to wait.
    pub(crate) fn has_waiters(&self) -> bool {
        self.books.anybody_is_paused()
    }

    /// The last member is gone, and time enough has passed that nobody waits.
    pub(crate) fn end(&mut self) -> Result<(), Broken> {
        if self.has_waiters() {
            return Err("Somebody waits after everything has ended.".to_owned());
        }
        self.give(Input::Ended, Model::lifetime)?;
        self.finish_step()?;
        self.books.close(self.model.counts().over_rate)
    }

    /// The socket of a number, of those that are open.
    fn socket(&self, number: u8) -> Option<EndpointId> {
        let count = self.sockets.len().max(1);
        self.sockets.keys().nth(usize::from(number) % count).copied()
    }

    fn open(&mut self, number: u8) -> Result<(), Broken> {
        self.opened += 1;
        let (endpoint, owner) = (EndpointId(self.opened), number % PROCESSES);
        let pid = process(self.contid, owner).own_pid;
        self.sockets.insert(endpoint, Socket { owner, room: u16::MAX, ..Socket::default() });
        self.give(Input::EndpointOpened { endpoint, kind: 3, pid }, |_| {})?;
        self.give(Input::EndpointHandedOver { reserved_number: true }, |_| {})
    }

    fn close(&mut self, endpoint: EndpointId) -> Result<(), Broken> {
        self.sockets.remove(&endpoint);
        self.books.closed(endpoint);
        self.give(Input::EndpointClosed { endpoint }, |model| model.closed(endpoint))
    }

    fn exit(&mut self, number: u8) -> Result<(), Broken> {
        let sockets = self.sockets.iter().filter(|(_, known)| known.owner == number);
        for socket in sockets.map(|(socket, _)| *socket).collect::<Vec<_>>() {
            self.close(socket)?;
        }
        Ok(())
    }

    fn send(&mut self, socket: EndpointId, heir: Option<u8>, messages: Vec<Message>) -> Result<(), Broken> {
        let Some(known) = self.sockets.get_mut(&socket).filter(|known| !known.vanished) else {
            return Ok(());
        };
        known.unread.push_back((heir.unwrap_or(known.owner), messages));
        self.read(socket)
    }

    fn make_room(&mut self, endpoint: EndpointId, room: u16) -> Result<(), Broken> {
        let Some(known) = self.sockets.get_mut(&endpoint) else { return Ok(()) };
        known.room = room;
        if room > 0 && std::mem::take(&mut known.awaited) {
            self.give(Input::Writable { endpoint }, |model| model.writable(endpoint))?;
        }
        Ok(())
    }

    /// Reads what is there, unless the sender has to wait.
    fn read(&mut self, endpoint: EndpointId) -> Result<(), Broken> {
        while !self.books.is_paused(endpoint)
            && let Some((from, messages)) =
                self.sockets.get_mut(&endpoint).and_then(|it| it.unread.pop_front())
        {
            let (sender, first) = (process(self.contid, from), self.sequence + 1);
            let requests = messages.iter().zip(first..).map(|(message, sequence)| {
                let Message { ask, asked } = *message;
                Request { ask, asked, sequence }
            });
            let requests: Vec<_> = requests.collect();
            self.sequence += u32::try_from(requests.len()).unwrap_or(u32::MAX);
            let bytes = crate::request::datagram(self.contid, &sender, &requests);
            self.books.asked(endpoint, &requests);
            let answers = &Answers::default();
            let datagram = Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers };
            self.give(datagram, |model| model.datagram(endpoint, &sender, &requests))?;
        }
        Ok(())
    }

    fn listen(&mut self, endpoint: EndpointId, joins: bool) -> Result<(), Broken> {
        let Some(known) = self.sockets.get(&endpoint) else { return Ok(()) };
        let sender = process(self.contid, known.owner);
        let caller = Caller { sender, details: Some(details()), net_admin: false, net_broadcast: false };
        let option = if joins { option::ADD_MEMBERSHIP } else { option::DROP_MEMBERSHIP };
        let (address, value) = (Address::default().encode(), 1_u32.to_ne_bytes());
        let requests = [
            SocketRequest::Connect { address: &address },
            SocketRequest::SetOption { option, value: &value },
        ];
        for (at, request) in requests.into_iter().enumerate() {
            self.calls += 1;
            let call = self.calls;
            let input = Input::SocketRequested { endpoint, call, caller: &caller, request };
            self.give(input, |model| {
                let error = if at == 0 { 0 } else { model.listen(endpoint, &sender, joins) };
                model.seen.push(Seen::Called { call, error });
            })?;
        }
        Ok(())
    }

    fn login(&mut self, number: u8, success: bool) -> Result<(), Broken> {
        let sender = process(self.contid, number);
        let old_auid = Viewed { namespace: Ids::UNSET, host: Ids::UNSET };
        let (old_ses, tty) = (Ids::UNSET, b"(none)");
        let input = Input::LoginuidSet { sender: &sender, old_auid, old_ses, tty, success };
        self.give(input, |model| model.login(&sender, success))
    }
}

fn policy(strict: bool) -> Policy {
    if strict { Policy::Strict } else { Policy::Normal }
}

fn core_now(now: Moment) -> Now {
    let milliseconds = u16::try_from(now.wall % 1000).unwrap_or(0);
    Now { seconds: now.wall / 1000, milliseconds, since_boot: now.clock }
}

//! A family, and an edge that does everything at once.

use super::Count;
use super::books::{Books, Member};
use super::history::{History, Step};
use crate::books::Broken;
use crate::people::{details, process};
use crate::text::marker;
use auditns_core::socket::{Caller, SocketRequest, option};
use auditns_core::{
    Action, Answers, Config, Created, Creation, Delivery, EndpointId, Family, Input, Namespace, Nesting, Now,
    Policy, Sender, Standing,
};
use auditns_wire::Errno;
use auditns_wire::address::Address;
use auditns_wire::header::{FLAG_ACK, HEADER_LENGTH, Header};
use auditns_wire::message_type::{CREATE_NS, GET, SET};
use auditns_wire::payload::Status;
use auditns_wire::record::Ids;
use std::time::Duration;

const ROOT: u64 = 3;
/// Namespaces that may be made within a second.
const PACE: u32 = 32;

pub(super) struct Rig {
    family: Family,
    books: Books,
    nesting: Nesting,
    sockets: Vec<EndpointId>,
    opened: u64,
    sequence: u32,
    next: u64,
    clock: Duration,
    /// What becomes of the next move.
    moves: bool,
    /// Since when how many were made.
    pace: (Duration, u32),
    unknown: u64,
    count: Count,
}

impl Rig {
    pub(super) fn new(history: &History) -> Result<Rig, Broken> {
        let History { limit, depth, number, share, .. } = *history;
        let nesting = Nesting { depth, number, share };
        let config = Config {
            contid: ROOT,
            name: b"root".to_vec(),
            policy: Policy::Normal,
            backlog_limit: limit,
            queue_bytes: 1 << 20,
            starter: Ids { pid: 1, uid: 0, auid: 1000, ses: 2 },
            labels: Vec::new(),
            parents: Vec::new(),
            start_fields: Vec::new(),
            rules_max: 64,
            inside_log: false,
            delivery_delay: Duration::ZERO,
            own_logins: false,
        };
        let clock = Duration::from_secs(100);
        let mut books = Books::default();
        books.members.insert(ROOT, Member { parents: Vec::new(), limit, daemon: None, serial: 0 });
        let mut rig = Rig {
            family: Family::new(Namespace::new(config, now(clock)), nesting),
            books,
            nesting,
            sockets: Vec::new(),
            opened: 16,
            sequence: 0,
            next: ROOT,
            clock,
            moves: true,
            pace: (Duration::ZERO, 0),
            unknown: 0,
            count: Count::default(),
        };
        rig.perform()?;
        rig.look()?;
        Ok(rig)
    }

    pub(super) fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Open(from) => {
                self.opened += 1;
                let endpoint = EndpointId(self.opened);
                self.sockets.push(endpoint);
                self.give(self.namespace(from), Input::EndpointOpened { endpoint, kind: 3, pid: 20 })?;
            }
            Step::Close(number) => {
                if let Some(endpoint) = self.socket(number) {
                    self.sockets.retain(|other| *other != endpoint);
                    let listened = self.books.listening.get(&endpoint).copied();
                    let daemons = self.books.members.values_mut().filter(|it| it.daemon == Some(endpoint));
                    daemons.for_each(|it| it.daemon = None);
                    self.give(listened.unwrap_or(ROOT), Input::EndpointClosed { endpoint })?;
                    self.books.listening.remove(&endpoint);
                }
            }
            Step::Create { from, socket, permitted, supported, moves } => {
                self.create(from, socket, permitted, supported, moves)?;
            }
            Step::Say(from, socket) => self.say(self.namespace(from), socket, Standing::Served)?,
            Step::SayUnknown(socket) => {
                self.unknown += u64::from(self.socket(socket).is_some());
                self.say(ROOT, socket, Standing::Unknown)?;
            }
            Step::Get(from, socket) => {
                let namespace = self.namespace(from);
                self.send(namespace, socket, Standing::Served, GET, &[], 0, None)?;
            }
            Step::Register(from, socket) => self.register(self.namespace(from), socket)?,
            Step::Listen(from, socket) => self.listen(self.namespace(from), socket)?,
            Step::Limit(from, limit) => {
                let namespace = self.namespace(from);
                if let Some(member) = self.books.members.get_mut(&namespace) {
                    member.limit = limit;
                }
                self.give(namespace, Input::HostSetsBacklogLimit(limit))?;
            }
            Step::End(from) => {
                let namespace = self.namespace(from);
                if namespace != ROOT {
                    self.end_of(namespace)?;
                }
            }
            Step::Restart => {
                self.count.restarts += 1;
                let bytes = postcard::to_stdvec(&self.family).map_err(|error| error.to_string())?;
                self.family = postcard::from_bytes(&bytes).map_err(|error| error.to_string())?;
            }
            Step::Wait(time) => {
                self.clock += Duration::from_millis(time.into());
                self.give(ROOT, Input::Tick)?;
            }
        }
        self.look()
    }

    pub(super) fn end(mut self) -> Result<Count, Broken> {
        self.books.ending = std::mem::take(&mut self.books.members);
        self.give(ROOT, Input::Ended)?;
        self.books.balance()?;
        self.count.delivered = self.books.delivered;
        Ok(self.count)
    }

    fn end_of(&mut self, namespace: u64) -> Result<(), Broken> {
        if let Some(member) = self.books.members.remove(&namespace) {
            self.books.ending.insert(namespace, member);
        }
        self.give(namespace, Input::Ended)
    }

    fn namespace(&self, number: u8) -> u64 {
        let all: Vec<u64> = self.books.members.keys().copied().collect();
        all[usize::from(number) % all.len()]
    }

    fn socket(&self, number: u8) -> Option<EndpointId> {
        let count = self.sockets.len().max(1);
        self.sockets.get(usize::from(number) % count).copied()
    }

    fn create(
        &mut self,
        from: u8,
        socket: u8,
        permitted: bool,
        supported: bool,
        moves: bool,
    ) -> Result<(), Broken> {
        let parent = self.namespace(from);
        if self.socket(socket).is_none() {
            return Ok(());
        }
        self.next += 2;
        let contid = self.next;
        let (depth, number) = (self.nesting.depth as usize, self.nesting.number as usize);
        let outer = self.books.members.get(&parent).cloned().ok_or("There is no parent.")?;
        let nested = self.books.members.len() - 1;
        let error = if !supported {
            Errno::EOPNOTSUPP.0
        } else if !permitted {
            Errno::EPERM.0
        } else if outer.parents.len() >= depth || nested >= number {
            Errno::ENOSPC.0
        } else if !self.is_within_pace() {
            Errno::EAGAIN.0
        } else if !moves {
            self.books.moving.insert(contid);
            Errno::ESRCH.0
        } else {
            self.books.moving.insert(contid);
            let parents = [vec![parent], outer.parents].concat();
            let limit = u64::from(outer.limit) * u64::from(self.nesting.share) / 100;
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            self.books.members.insert(contid, Member { parents, limit, daemon: None, serial: 0 });
            self.count.made += 1;
            0
        };
        self.count.refused += u64::from(error != 0);
        self.moves = moves;
        let creation = Some(Creation { contid: supported.then_some(contid), permitted });
        self.send(parent, socket, Standing::Served, CREATE_NS, &[], -error, creation)
    }

    fn is_within_pace(&mut self) -> bool {
        let (since, count) = &mut self.pace;
        if self.clock >= *since + Duration::from_secs(1) {
            (*since, *count) = (self.clock, 0);
        }
        *count += 1;
        *count <= PACE
    }

    fn say(&mut self, namespace: u64, socket: u8, standing: Standing) -> Result<(), Broken> {
        if self.socket(socket).is_none() {
            return Ok(());
        }
        let sequence = self.sequence + 1;
        let text = marker(namespace, sequence) + "\0";
        let open = standing == Standing::Served
            && self.books.members.get(&namespace).is_some_and(|it| it.limit != 0);
        if open {
            self.books.records.push((namespace, sequence));
            self.count.nested += u64::from(namespace != ROOT);
        }
        let error = if open { 0 } else { -Errno::ECONNREFUSED.0 };
        self.send(namespace, socket, standing, 1112, text.as_bytes(), error, None)
    }

    fn register(&mut self, namespace: u64, socket: u8) -> Result<(), Broken> {
        let Some(endpoint) = self.socket(socket) else { return Ok(()) };
        let Some(member) = self.books.members.get_mut(&namespace) else { return Ok(()) };
        // A registration whose socket is closed makes room for another one.
        let error = if member.daemon.is_some() { -Errno::EEXIST.0 } else { 0 };
        member.daemon.get_or_insert(endpoint);
        let pid = process(namespace, 0).ids.namespace.pid;
        let status = Status { mask: Status::MASK_PID, pid, ..Status::default() };
        self.send(namespace, socket, Standing::Served, SET, &status.encode(), error, None)
    }

    fn listen(&mut self, namespace: u64, socket: u8) -> Result<(), Broken> {
        let Some(endpoint) = self.socket(socket) else { return Ok(()) };
        let sender = process(namespace, 0);
        let caller = Caller { sender, details: Some(details()), net_admin: true, net_broadcast: true };
        self.books.listening.insert(endpoint, namespace);
        let address = Address::default().encode();
        let value = &1_u32.to_ne_bytes();
        let join = SocketRequest::SetOption { option: option::ADD_MEMBERSHIP, value };
        for request in [SocketRequest::Connect { address: &address }, join] {
            self.give(namespace, Input::SocketRequested { endpoint, call: 1, caller: &caller, request })?;
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of a datagram and of what is to come of it"
    )]
    fn send(
        &mut self,
        namespace: u64,
        socket: u8,
        standing: Standing,
        kind: u16,
        payload: &[u8],
        error: i32,
        creation: Option<Creation>,
    ) -> Result<(), Broken> {
        let Some(endpoint) = self.socket(socket) else { return Ok(()) };
        self.sequence += 1;
        let sequence = self.sequence;
        self.books.answers.entry(endpoint).or_default().push_back((sequence, error));
        let length = u32::try_from(HEADER_LENGTH + payload.len()).unwrap_or(u32::MAX);
        let header = Header { length, message_type: kind, flags: 1 | FLAG_ACK, sequence, port: 0 };
        let mut bytes = [&header.encode(), payload].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let sender = Sender { standing, ..process(namespace, 0) };
        let answers = Answers { creation, ..Answers::default() };
        self.give(namespace, Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers })
    }

    fn give(&mut self, namespace: u64, input: Input<'_>) -> Result<(), Broken> {
        self.family.handle(namespace, input, now(self.clock));
        self.perform()
    }

    fn perform(&mut self) -> Result<(), Broken> {
        while let Some((whose, action)) = self.family.poll_action() {
            self.books.enter(whose, &action)?;
            let now = now(self.clock);
            match action {
                Action::MoveThreadGroup { contid, .. } => {
                    self.books.moving.remove(&contid);
                    let created = Created { name: format!("n{contid}").into_bytes(), ..Created::default() };
                    let outcome = if self.moves { Ok(&created) } else { Err(Errno::ESRCH) };
                    self.family.handle(whose, Input::ThreadGroupMoved { contid, outcome }, now);
                }
                Action::Deliver { endpoint, .. } => {
                    let outcome = Delivery::Sent;
                    self.family.handle(whose, Input::Delivered { endpoint, outcome }, now);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether everything is as it should be.
    fn look(&self) -> Result<(), Broken> {
        self.books.balance()?;
        let nested: Vec<u64> = self.family.nested().map(Namespace::contid).collect();
        let wanted: Vec<u64> = self.books.members.keys().copied().filter(|number| *number != ROOT).collect();
        if nested != wanted {
            return Err(format!("There are {nested:?}, and there should be {wanted:?}."));
        }
        for (number, member) in &self.books.members {
            let Some(namespace) = self.family.get(*number) else {
                return Err(format!("{number} is not there."));
            };
            let is = (namespace.status().backlog_limit, namespace.gate_open(), namespace.parent());
            let should_be = (member.limit, member.limit != 0, member.parents.first().copied());
            if is != should_be {
                return Err(format!("Limit, gate and parent of {number} are {is:?}, and not {should_be:?}."));
            }
            let listeners = self.books.listening.values().filter(|other| *other == number).count();
            if self.family.listeners_count(*number) != listeners {
                return Err(format!("{number} has not {listeners} listeners."));
            }
        }
        if self.family.root().counters().unknown_senders != self.unknown {
            return Err(format!("Of {} unknown senders some are not counted.", self.unknown));
        }
        Ok(())
    }
}

fn now(clock: Duration) -> Now {
    Now { seconds: 1_700_000_000 + clock.as_secs(), milliseconds: 0, since_boot: clock }
}

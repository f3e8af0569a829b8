//! A namespace with a fake edge: sockets with scripted room, a log, a clock.

use super::super::Namespace;
use super::keeping::Keeping;
use super::request::{ASK, Frame, errors, message};
use crate::action::{Action, EndpointId, Notice};
use crate::rules::{FileId, PathAnswer};
use crate::sender::{Capabilities, ProcessId, Sender, Standing, TaskDetails};
use crate::socket::{Caller, SocketRequest, option};
use crate::{Answers, Config, Delivery, Input, LoginSource, Now, Policy};
use auditns_wire::Errno;
use auditns_wire::address::Address;
use auditns_wire::message_type::GET;
use auditns_wire::payload::Status;
use auditns_wire::record::{Ids, TaskIds, Viewed};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub(super) const CONTID: u64 = 7;

/// A process with one audit socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) endpoint: EndpointId,
    pub(super) sender: Sender,
}

impl Member {
    pub(super) fn pid(&self) -> u32 {
        self.sender.ids.namespace.pid
    }

    /// The same process with other capabilities.
    pub(super) fn with(mut self, capabilities: Capabilities) -> Member {
        self.sender.capabilities = capabilities;
        self
    }

    /// The same process on another socket.
    pub(super) fn on(mut self, endpoint: EndpointId) -> Member {
        self.endpoint = endpoint;
        self
    }
}

pub(super) const ALL: Capabilities = Capabilities { control: true, write: true, read: true };

/// A process with full capabilities whose ids are the same inside and on the host.
pub(super) fn process(pid: u32) -> Sender {
    let ids = Ids { pid, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET };
    Sender {
        process: ProcessId { pid, started: Duration::from_secs(u64::from(pid)) },
        ids: Viewed { namespace: ids, host: ids },
        own_pid: pid,
        gid: 0,
        standing: Standing::Served,
        in_owner_pid_namespace: true,
        capabilities: ALL,
        login: LoginSource::Kernel,
    }
}

pub(super) fn details() -> TaskDetails {
    let task = TaskIds { ppid: 1, ..TaskIds::default() };
    TaskDetails {
        task: Viewed { namespace: task, host: task },
        tty: b"(none)".to_vec(),
        comm: b"auditctl".to_vec(),
        exe: Some(b"/sbin/auditctl".to_vec()),
    }
}

/// Namespace and edge. Every action is performed at once and kept in `trace`; a `Deliver` only once it arrived.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) namespace: Namespace,
    pub(super) clock: Duration,
    pub(super) trace: Vec<Action>,
    pub(super) paused: BTreeSet<EndpointId>,
    pub(super) ancestors: BTreeMap<u32, Vec<ProcessId>>,
    pub(super) exe: Option<FileId>,
    pub(super) lookup: fn(&[u8]) -> PathAnswer,
    /// Outcomes of the next stores; when it is empty they succeed.
    pub(super) stores: VecDeque<Result<(), Errno>>,
    /// Whether the edge breaks the rule that nothing is read from a paused endpoint.
    pub(super) reads_from_paused: bool,
    /// Attempts to deliver so far.
    pub(super) attempts: usize,
    inboxes: BTreeMap<EndpointId, Vec<Frame>>,
    room: BTreeMap<EndpointId, usize>,
    closed: BTreeSet<EndpointId>,
    waited_for: BTreeSet<EndpointId>,
    lines_read: usize,
    opened: u64,
    calls: u64,
    /// Whether callers have the capabilities of network administrators.
    pub(super) net_admin: bool,
    /// How the namespace and its inputs are saved on the way.
    pub(super) keeping: Keeping,
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::with(|_| {})
    }

    pub(super) fn with(configure: impl FnOnce(&mut Config)) -> Rig {
        let mut config = Config {
            contid: CONTID,
            name: b"web".to_vec(),
            policy: Policy::Normal,
            backlog_limit: Config::BACKLOG_LIMIT,
            queue_bytes: Config::QUEUE_BYTES,
            starter: Ids { pid: 1, uid: 0, auid: 1000, ses: 2 },
            labels: Vec::new(),
            parents: Vec::new(),
            start_fields: vec![("runtime".into(), "runc".to_owned())],
            rules_max: Config::RULES_MAX,
            inside_log: false,
            delivery_delay: std::time::Duration::ZERO,
            own_logins: false,
        };
        configure(&mut config);
        let clock = Duration::from_secs(100);
        let mut rig = Rig {
            namespace: Namespace::new(config, now(clock)),
            clock,
            trace: Vec::new(),
            paused: BTreeSet::new(),
            ancestors: BTreeMap::new(),
            exe: None,
            lookup: |_| Ok(Some(FileId { device: 1, inode: 1 })),
            stores: VecDeque::new(),
            reads_from_paused: false,
            attempts: 0,
            inboxes: BTreeMap::new(),
            room: BTreeMap::new(),
            closed: BTreeSet::new(),
            waited_for: BTreeSet::new(),
            lines_read: 0,
            opened: 0,
            calls: 0,
            net_admin: true,
            keeping: Keeping::Off,
        };
        rig.perform();
        rig.lines_read = rig.trace.len();
        rig
    }

    /// One more socket of a process.
    pub(super) fn open(&mut self, pid: u32) -> EndpointId {
        self.opened += 1;
        let endpoint = EndpointId(self.opened);
        self.input(Input::EndpointOpened { endpoint, kind: 3, pid });
        self.input(Input::EndpointHandedOver { reserved_number: true });
        endpoint
    }

    pub(super) fn member(&mut self, pid: u32) -> Member {
        Member { endpoint: self.open(pid), sender: process(pid) }
    }

    pub(super) fn close(&mut self, endpoint: EndpointId) {
        self.closed.insert(endpoint);
        self.paused.remove(&endpoint);
        self.input(Input::EndpointClosed { endpoint });
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.handle(input);
        self.perform();
    }

    fn handle(&mut self, input: Input<'_>) {
        self.keeping.handle(&mut self.namespace, input, now(self.clock));
    }

    /// Sends a datagram and returns what the sender can read after it.
    pub(super) fn send(&mut self, member: &Member, bytes: &[u8]) -> Vec<Frame> {
        let paused = !self.reads_from_paused && self.paused.contains(&member.endpoint);
        assert!(!paused, "the edge reads nothing from a paused endpoint");
        let answers = self.answers(member, bytes);
        let Member { endpoint, sender } = *member;
        self.input(Input::Datagram { endpoint, sender: &sender, bytes, answers: &answers });
        self.take(endpoint)
    }

    fn answers(&self, member: &Member, bytes: &[u8]) -> Answers {
        let inquiry = self.namespace.inquire(bytes);
        let ancestors = self.ancestors.get(&member.pid()).filter(|_| inquiry.ancestors);
        Answers {
            details: inquiry.details.then(details),
            ancestors: ancestors.cloned().unwrap_or_default(),
            creation: None,
            exe: self.exe.filter(|_| inquiry.exe),
            paths: inquiry
                .paths
                .into_iter()
                .map(|question| {
                    let answer = (self.lookup)(&question.path);
                    (question, answer)
                })
                .collect(),
        }
    }

    /// Sends one message that asks for an acknowledgement and returns its error field.
    pub(super) fn ask(&mut self, member: &Member, message_type: u16, payload: &[u8]) -> i32 {
        let frames = self.send(member, &message(message_type, ASK, 1, payload));
        let errors = errors(&frames);
        assert_eq!(errors.len(), 1, "one acknowledgement for type {message_type}: {frames:?}");
        errors[0]
    }

    /// Sends an `AUDIT_SET` and returns the error field.
    pub(super) fn set(&mut self, member: &Member, status: &Status) -> i32 {
        self.ask(member, auditns_wire::message_type::SET, &status.encode())
    }

    pub(super) fn set_pid(&mut self, member: &Member, pid: u32) -> i32 {
        self.set(member, &Status { mask: Status::MASK_PID, pid, ..Status::default() })
    }

    pub(super) fn status(&mut self, member: &Member) -> Status {
        let frames = self.send(member, &message(GET, 0, 1, &[]));
        Status::decode(&frames.last().expect("a status").body)
    }

    /// A user message whose record says `text`, sent without asking for an acknowledgement.
    pub(super) fn say(&mut self, member: &Member, text: &str) -> Vec<Frame> {
        self.send(member, &message(1112, 0, 1, &[text.as_bytes(), b"\0"].concat()))
    }

    /// A member that joins or leaves a group, on a socket that is bound.
    pub(super) fn membership(&mut self, member: &Member, group: u32, join: bool) -> Result<(), Errno> {
        self.request(member, SocketRequest::Connect { address: &Address::default().encode() })?;
        let option = if join { option::ADD_MEMBERSHIP } else { option::DROP_MEMBERSHIP };
        self.request(member, SocketRequest::SetOption { option, value: &group.to_ne_bytes() })
    }

    /// A member that joins READLOG on a socket that is not bound.
    pub(super) fn join_unbound(&mut self, member: &Member) {
        let value = &1_u32.to_ne_bytes();
        self.request(member, SocketRequest::SetOption { option: option::ADD_MEMBERSHIP, value }).unwrap();
    }

    /// A call of a member on its socket.
    pub(super) fn request(&mut self, member: &Member, request: SocketRequest<'_>) -> Result<(), Errno> {
        let Member { endpoint, sender } = *member;
        let details = request.changes_groups().then(details);
        let caller = Caller { sender, details, net_admin: self.net_admin, net_broadcast: self.net_admin };
        self.calls += 1;
        let call = self.calls;
        self.input(Input::SocketRequested { endpoint, call, caller: &caller, request });
        let answers = self.trace.iter().filter_map(|action| match action {
            Action::SocketAnswer { call: to, result } if *to == call => Some(*result),
            _ => None,
        });
        let answers: Vec<_> = answers.collect();
        assert_eq!(answers.len(), 1, "one answer");
        answers[0]
    }

    /// What came to an endpoint since the last call.
    pub(super) fn take(&mut self, endpoint: EndpointId) -> Vec<Frame> {
        self.inboxes.remove(&endpoint).unwrap_or_default()
    }

    /// Texts of the records that came to an endpoint since the last call.
    pub(super) fn texts(&mut self, endpoint: EndpointId) -> Vec<String> {
        let frames = self.take(endpoint).into_iter();
        frames
            .filter(|frame| frame.kind() >= 1100 && frame.kind() != 1329)
            .map(|frame| frame.text())
            .collect()
    }

    /// How many more records an endpoint takes before it is full.
    pub(super) fn set_room(&mut self, endpoint: EndpointId, room: usize) {
        self.room.insert(endpoint, room);
        if room > 0 && self.waited_for.remove(&endpoint) {
            self.input(Input::Writable { endpoint });
        }
    }

    /// Moves the clock, with a tick at every deadline on the way.
    pub(super) fn advance(&mut self, by: Duration) {
        let until = self.clock + by;
        while let Some(deadline) = self.namespace.next_deadline().filter(|deadline| *deadline <= until) {
            assert!(deadline > self.clock, "a deadline that has passed needs no tick");
            self.clock = deadline;
            self.input(Input::Tick);
        }
        self.clock = until;
    }

    /// Log lines since the last call, without stamp and `contid=`, for example `CONFIG_CHANGE op=set ...`.
    pub(super) fn stored(&mut self) -> Vec<String> {
        let lines = self.trace[self.lines_read..].iter().filter_map(|action| match action {
            Action::Store { line, .. } => Some(line),
            _ => None,
        });
        let lines = lines.map(|line| {
            let (kind, rest) = line.split_once(" msg=audit(").expect("a stamp");
            let (_, text) = rest.split_once(&format!("): contid={CONTID} ")).expect("a contid");
            format!("{} {text}", kind.trim_start_matches("type="))
        });
        let lines = lines.collect();
        self.lines_read = self.trace.len();
        lines
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        let notices = self.trace.iter().filter_map(|action| match action {
            Action::Notice(notice) => Some(notice.clone()),
            _ => None,
        });
        notices.collect()
    }

    fn perform(&mut self) {
        while let Some(action) = self.keeping.poll_action(&mut self.namespace) {
            match &action {
                Action::Store { serial, .. } => {
                    let serial = *serial;
                    let outcome = self.stores.pop_front().unwrap_or(Ok(()));
                    self.trace.push(action);
                    if let Err(errno) = outcome {
                        self.handle(Input::StoreFailed { serial, errno });
                    }
                    continue;
                }
                Action::Reply { endpoint, frame } => {
                    self.inboxes.entry(*endpoint).or_default().push(Frame::new(frame));
                }
                Action::Offer { endpoint, frame } => {
                    if self.room.get(endpoint) != Some(&0) {
                        self.inboxes.entry(*endpoint).or_default().push(Frame::new(frame));
                    }
                }
                Action::Deliver { endpoint, frame } => {
                    let endpoint = *endpoint;
                    let outcome = self.deliver(endpoint, frame);
                    if outcome == Delivery::Sent {
                        self.trace.push(action);
                    }
                    self.handle(Input::Delivered { endpoint, outcome });
                    continue;
                }
                Action::AwaitWritable { endpoint } => {
                    self.waited_for.insert(*endpoint);
                }
                Action::Pause { endpoint } => {
                    let fresh = self.paused.insert(*endpoint);
                    assert!(fresh || self.reads_from_paused, "paused twice: {endpoint:?}");
                }
                Action::Resume { endpoint } => {
                    let paused = self.paused.remove(endpoint);
                    assert!(paused || self.reads_from_paused, "resumed without a pause: {endpoint:?}");
                }
                Action::StoreInside { .. }
                | Action::SocketAnswer { .. }
                | Action::MoveThreadGroup { .. }
                | Action::KeepLogin { .. }
                | Action::LoginuidAnswer { .. }
                | Action::Notice(_) => {}
            }
            self.trace.push(action);
        }
    }

    fn deliver(&mut self, endpoint: EndpointId, frame: &[u8]) -> Delivery {
        self.attempts += 1;
        if self.closed.contains(&endpoint) {
            return Delivery::Closed;
        }
        let room = self.room.entry(endpoint).or_insert(usize::MAX);
        if *room == 0 {
            return Delivery::Full;
        }
        *room -= 1;
        self.inboxes.entry(endpoint).or_default().push(Frame::new(frame));
        Delivery::Sent
    }
}

pub(super) fn now(clock: Duration) -> Now {
    let milliseconds = u16::try_from(clock.subsec_millis()).expect("below 1000");
    Now { seconds: 1_700_000_000 + clock.as_secs(), milliseconds, since_boot: clock }
}

//! Families by hand: who asks for a namespace, what it begins with, and whose everything is afterwards.

use super::{Creation, Family};
use crate::action::{Action, EndpointId};
use crate::sender::{Capabilities, ProcessId, Sender, Standing, TaskDetails};
use crate::socket::{Caller, SocketRequest, option};
use crate::{Answers, Config, Created, Delivery, Input, Namespace, Nesting, Now, Policy};
use auditns_wire::Errno;
use auditns_wire::header::{FLAG_ACK, HEADER_LENGTH, Header};
use auditns_wire::message_type::{CREATE_NS, GET, NLMSG_ERROR, SET};
use auditns_wire::payload::Status;
use auditns_wire::record::{Ids, Viewed};
use std::collections::BTreeSet;
use std::time::Duration;

const ROOT: u64 = 3;
const ALL: Capabilities = Capabilities { control: true, write: true, read: true };

/// A family, and an edge that does everything at once.
struct Rig {
    family: Family,
    clock: Duration,
    /// What was done, and for whom.
    trace: Vec<(u64, Action)>,
    /// What becomes of thread groups that are to be moved.
    moves: Result<(), Errno>,
    /// The number of the next namespace.
    next: u64,
    opened: u64,
}

fn sender(pid: u32) -> Sender {
    let ids = Ids { pid, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET };
    Sender {
        process: ProcessId { pid, started: Duration::from_secs(1) },
        ids: Viewed { namespace: ids, host: ids },
        own_pid: pid,
        gid: 0,
        standing: Standing::Served,
        in_owner_pid_namespace: true,
        capabilities: ALL,
        login: crate::LoginSource::Kernel,
    }
}

fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_LENGTH + payload.len()).unwrap();
    let header = Header { length, message_type: kind, flags: 1 | FLAG_ACK, sequence: 9, port: 0 };
    let mut bytes = [&header.encode(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

impl Rig {
    fn new(nesting: Nesting) -> Rig {
        let config = Config {
            contid: ROOT,
            name: b"web".to_vec(),
            policy: Policy::Normal,
            backlog_limit: 64,
            queue_bytes: 1 << 20,
            starter: Ids { pid: 1, uid: 0, auid: 1000, ses: 2 },
            labels: vec![("k8s-ns".into(), "prod".to_owned())],
            parents: Vec::new(),
            start_fields: Vec::new(),
            rules_max: 64,
            inside_log: false,
            delivery_delay: Duration::ZERO,
            own_logins: false,
        };
        let clock = Duration::from_secs(100);
        let family = Family::new(Namespace::new(config, now(clock)), nesting);
        let mut rig = Rig { family, clock, trace: Vec::new(), moves: Ok(()), next: 7, opened: 16 };
        rig.perform();
        rig
    }

    fn usual() -> Rig {
        Rig::new(Nesting { depth: 2, number: 4, share: 0 })
    }

    fn input(&mut self, namespace: u64, input: Input<'_>) {
        self.family.handle(namespace, input, now(self.clock));
        self.perform();
    }

    fn perform(&mut self) {
        while let Some((namespace, action)) = self.family.poll_action() {
            self.trace.push((namespace, action.clone()));
            match action {
                Action::MoveThreadGroup { contid, .. } => {
                    let created =
                        Created { name: format!("web.{contid}").into_bytes(), ..Created::default() };
                    let outcome = self.moves.map(|()| &created);
                    let now = now(self.clock);
                    self.family.handle(namespace, Input::ThreadGroupMoved { contid, outcome }, now);
                }
                Action::Deliver { endpoint, .. } => {
                    let outcome = Delivery::Sent;
                    self.family.handle(namespace, Input::Delivered { endpoint, outcome }, now(self.clock));
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, namespace: u64, pid: u32) -> EndpointId {
        self.opened += 1;
        let endpoint = EndpointId(self.opened);
        self.input(namespace, Input::EndpointOpened { endpoint, kind: 3, pid });
        self.input(namespace, Input::EndpointHandedOver { reserved_number: true });
        endpoint
    }

    /// Sends a datagram from a namespace and returns the error of its last acknowledgement.
    fn send(&mut self, namespace: u64, endpoint: EndpointId, sender: &Sender, bytes: &[u8]) -> Option<i32> {
        let creation = self.family.inquire(namespace, bytes).creation;
        let contid = Some(self.next);
        let creation = creation.then_some(Creation { contid, permitted: sender.capabilities.control });
        let answers = Answers { creation, ..Answers::default() };
        let before = self.trace.len();
        self.input(namespace, Input::Datagram { endpoint, sender, bytes, answers: &answers });
        let error = |(_, action): &(u64, Action)| match action {
            Action::Reply { endpoint: to, frame } if *to == endpoint => {
                let header = Header::decode(frame)?;
                let error = frame.get(HEADER_LENGTH..)?.first_chunk()?;
                (header.message_type == NLMSG_ERROR).then(|| i32::from_ne_bytes(*error))
            }
            _ => None,
        };
        self.trace[before..].iter().filter_map(error).next_back()
    }

    /// Has a member make a namespace. Returns its number.
    fn create(&mut self, namespace: u64, endpoint: EndpointId, pid: u32) -> u64 {
        let contid = self.next;
        assert_eq!(self.send(namespace, endpoint, &sender(pid), &message(CREATE_NS, &[])), Some(0));
        self.next += 2;
        contid
    }

    fn say(&mut self, namespace: u64, endpoint: EndpointId, text: &str) -> Option<i32> {
        self.send(namespace, endpoint, &sender(50), &message(1112, &[text.as_bytes(), b"\0"].concat()))
    }

    fn status(&mut self, namespace: u64, endpoint: EndpointId) -> Status {
        assert_eq!(self.send(namespace, endpoint, &sender(50), &message(GET, &[])), Some(0));
        let Some((_, Action::Reply { frame, .. })) = self.trace.last() else { panic!("no status") };
        Status::decode(&frame[HEADER_LENGTH..])
    }

    /// Lines that were stored, and in whose log.
    fn lines(&self) -> Vec<(u64, &str)> {
        let lines = self.trace.iter().filter_map(|(namespace, action)| match action {
            Action::Store { line, .. } => Some((*namespace, line.as_str())),
            _ => None,
        });
        lines.collect()
    }

    fn lines_with(&self, text: &str) -> Vec<u64> {
        self.lines()
            .into_iter()
            .filter(|(_, line)| line.contains(text))
            .map(|(namespace, _)| namespace)
            .collect()
    }
}

fn now(clock: Duration) -> Now {
    Now { seconds: clock.as_secs(), milliseconds: 0, since_boot: clock }
}

#[test]
fn a_member_makes_a_namespace_that_begins_with_nothing() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    assert_eq!(rig.say(ROOT, endpoint, "before"), Some(0));
    let nested = rig.create(ROOT, endpoint, 50);
    let status = rig.status(nested, endpoint);
    assert_eq!((status.pid, status.backlog_limit, status.lost, status.enabled), (0, 0, 0, 1));
    assert_eq!(rig.status(ROOT, endpoint).backlog_limit, 64, "the sibling's is unchanged");
    let (whose, line) = *rig.lines().last().unwrap();
    assert_eq!(whose, nested);
    assert!(line.contains("): contid=7 parent=3 k8s-ns=prod pid=50 uid=0 "), "{line}");
    assert!(line.contains(" op=create vm=\"web.7\" policy=normal backlog_limit=0 "), "{line}");
}

#[test]
fn the_acknowledgement_comes_after_the_move_and_the_record() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let before = rig.trace.len();
    rig.create(ROOT, endpoint, 50);
    let kinds: Vec<&str> = rig.trace[before..]
        .iter()
        .map(|(_, action)| match action {
            Action::MoveThreadGroup { process, .. } if process.pid == 50 => "move",
            Action::Store { .. } => "store",
            Action::Reply { .. } => "reply",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["move", "store", "reply"]);
}

#[test]
fn records_stand_in_the_log_of_the_senders_namespace_whoever_has_opened_the_socket() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let nested = rig.create(ROOT, endpoint, 50);
    rig.input(nested, Input::HostSetsBacklogLimit(8));
    let other = rig.create(ROOT, endpoint, 51);
    rig.input(other, Input::HostSetsBacklogLimit(8));
    let theirs = rig.open(other, 51);
    for (namespace, socket, text) in [
        (ROOT, endpoint, "one"),
        (nested, endpoint, "two"),
        (nested, theirs, "three"),
        (other, endpoint, "four"),
        (ROOT, theirs, "five"),
    ] {
        assert_eq!(rig.say(namespace, socket, text), Some(0));
        assert_eq!(rig.lines_with(&format!("msg='{text}'")), [namespace]);
    }
    let serials = |number: u64| rig.family.get(number).unwrap().counters().records;
    assert_eq!([ROOT, nested, other].map(serials), [2, 2, 1]);
}

#[test]
fn until_the_host_raises_the_limit_nothing_is_stored_and_the_inside_cannot() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let nested = rig.create(ROOT, endpoint, 50);
    assert_eq!(rig.say(nested, endpoint, "shut"), Some(-Errno::ECONNREFUSED.0));
    let status = Status { mask: Status::MASK_BACKLOG_LIMIT, backlog_limit: 64, ..Status::default() };
    let set = message(SET, &status.encode());
    assert_eq!(rig.send(nested, endpoint, &sender(50), &set), Some(-Errno::EPERM.0));
    rig.input(nested, Input::HostSetsBacklogLimit(64));
    assert_eq!(rig.say(nested, endpoint, "open"), Some(0));
    assert_eq!((rig.lines_with("shut").len(), rig.lines_with("open")), (0, vec![nested]));
}

#[test]
fn the_policy_may_grant_a_share_of_the_limit_of_an_open_namespace() {
    for (share, limits) in [(0, [0, 0]), (50, [32, 16]), (100, [64, 64])] {
        let mut rig = Rig::new(Nesting { depth: 3, number: 4, share });
        let endpoint = rig.open(ROOT, 50);
        let nested = rig.create(ROOT, endpoint, 50);
        let deeper = rig.create(nested, endpoint, 50);
        assert_eq!([nested, deeper].map(|number| rig.status(number, endpoint).backlog_limit), limits);
    }
}

#[test]
fn memory_of_all_is_bounded_by_that_of_the_root() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let nested = rig.create(ROOT, endpoint, 50);
    let config = |number: u64| rig.family.get(number).unwrap().config().clone();
    let (root, inner) = (config(ROOT), config(nested));
    assert_eq!((inner.queue_bytes * 4, inner.rules_max * 4), (root.queue_bytes, root.rules_max));
    rig.input(nested, Input::HostSetsBacklogLimit(u32::MAX));
    for _ in 0..10_000 {
        rig.say(
            nested,
            endpoint,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        );
        assert!(rig.family.get(nested).unwrap().queued().bytes <= inner.queue_bytes);
    }
    assert!(rig.status(nested, endpoint).lost > 0 && rig.status(ROOT, endpoint).lost == 0);
}

#[test]
fn who_may_not_gets_no_namespace_and_what_is_no_request_makes_none() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let request = message(CREATE_NS, &[]);
    let powerless = Sender { capabilities: Capabilities { control: false, ..ALL }, ..sender(50) };
    assert_eq!(rig.send(ROOT, endpoint, &powerless, &request), Some(-Errno::EPERM.0));
    assert_eq!(rig.send(ROOT, endpoint, &sender(50), &message(CREATE_NS, b"x")), Some(-Errno::EINVAL.0));
    let two = [request.clone(), request.clone()].concat();
    assert_eq!(rig.send(ROOT, endpoint, &sender(50), &two), Some(-Errno::EINVAL.0));
    let unknown = Sender { standing: Standing::Unknown, ..sender(50) };
    assert_eq!(rig.send(ROOT, endpoint, &unknown, &request), Some(-Errno::ECONNREFUSED.0));
    assert_eq!(rig.family.nested().len(), 0);
    // Whoever has a user namespace of its own is foreign, and can have its own audit.
    let foreign = Sender { standing: Standing::Foreign, ..sender(50) };
    assert_eq!(rig.send(ROOT, endpoint, &foreign, &request), Some(0));
    assert_eq!(rig.family.nested().len(), 1);
}

#[test]
fn where_nothing_moves_tasks_there_is_no_such_message() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let answers =
        Answers { creation: Some(Creation { contid: None, permitted: true }), ..Answers::default() };
    let (sender, bytes) = (sender(50), message(CREATE_NS, &[]));
    rig.input(ROOT, Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers });
    let Some((_, Action::Reply { frame, .. })) = rig.trace.last() else { panic!("no answer") };
    assert_eq!(frame[HEADER_LENGTH..][..4], (-Errno::EOPNOTSUPP.0).to_ne_bytes());
}

#[test]
fn depth_number_and_pace_have_limits() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let full = -Errno::ENOSPC.0;
    let inner = rig.create(ROOT, endpoint, 50);
    let deepest = rig.create(inner, endpoint, 50);
    let request = message(CREATE_NS, &[]);
    assert_eq!(rig.send(deepest, endpoint, &sender(50), &request), Some(full), "too deep");
    rig.create(ROOT, endpoint, 50);
    let last = rig.create(ROOT, endpoint, 50);
    assert_eq!(rig.send(ROOT, endpoint, &sender(50), &request), Some(full), "too many");
    rig.input(last, Input::Ended);
    rig.create(inner, endpoint, 50);
    assert_eq!(rig.send(ROOT, endpoint, &sender(50), &request), Some(full));

    let mut rig = Rig::new(Nesting { depth: 1, number: u32::MAX, share: 0 });
    let endpoint = rig.open(ROOT, 50);
    for _ in 0..32 {
        rig.create(ROOT, endpoint, 50);
    }
    assert_eq!(rig.send(ROOT, endpoint, &sender(50), &request), Some(-Errno::EAGAIN.0));
    rig.clock += Duration::from_secs(1);
    rig.create(ROOT, endpoint, 50);
    let mut none = Rig::new(Nesting::default());
    let endpoint = none.open(ROOT, 50);
    assert_eq!(none.send(ROOT, endpoint, &sender(50), &request), Some(full));
}

#[test]
fn a_move_that_fails_is_the_answer_and_leaves_nothing() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    rig.moves = Err(Errno::ESRCH);
    let request = message(CREATE_NS, &[]);
    for _ in 0..10 {
        assert_eq!(rig.send(ROOT, endpoint, &sender(50), &request), Some(-Errno::ESRCH.0));
    }
    assert_eq!((rig.family.nested().len(), rig.lines().len()), (0, 1));
    rig.moves = Ok(());
    rig.create(ROOT, endpoint, 50);
}

#[test]
fn deeper_ones_name_the_whole_line() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let inner = rig.create(ROOT, endpoint, 50);
    let deeper = rig.create(inner, endpoint, 50);
    assert_eq!(rig.lines_with("): contid=9 parent=7 chain=9,^7,^3 "), [deeper]);
    // It goes on when the one in between has ended.
    rig.input(inner, Input::Ended);
    rig.input(deeper, Input::HostSetsBacklogLimit(1));
    assert_eq!(rig.say(deeper, endpoint, "still"), Some(0));
    assert_eq!(rig.lines_with("still"), [deeper]);
}

#[test]
fn each_has_its_own_audit_daemon_and_hears_of_its_own_records_alone() {
    let mut rig = Rig::usual();
    let (one, two) = (rig.open(ROOT, 60), rig.open(ROOT, 61));
    let nested = rig.create(ROOT, two, 61);
    rig.input(nested, Input::HostSetsBacklogLimit(8));
    for (namespace, endpoint, pid) in [(ROOT, one, 60), (nested, two, 61)] {
        let status = Status { mask: Status::MASK_PID, pid, ..Status::default() };
        let set = message(SET, &status.encode());
        assert_eq!(rig.send(namespace, endpoint, &sender(pid), &set), Some(0));
        assert_eq!(rig.family.of_daemon(pid), Some(namespace));
    }
    rig.trace.clear();
    let talker = rig.open(ROOT, 50);
    rig.say(ROOT, talker, "outer");
    rig.say(nested, talker, "inner");
    let delivered: Vec<_> = rig
        .trace
        .iter()
        .filter_map(|(whose, action)| match action {
            Action::Deliver { endpoint, frame } => {
                Some((*whose, *endpoint, frame.windows(5).any(|window| window == b"outer")))
            }
            _ => None,
        })
        .collect();
    assert_eq!(delivered, [(ROOT, one, true), (nested, two, false)]);
    rig.input(ROOT, Input::EndpointClosed { endpoint: two });
    assert_eq!(rig.family.of_daemon(61), None, "both have heard that it is closed");
    assert_eq!(rig.family.of_daemon(60), Some(ROOT));
}

#[test]
fn a_listener_hears_the_namespace_in_which_it_has_joined() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 60);
    let nested = rig.create(ROOT, endpoint, 60);
    rig.input(nested, Input::HostSetsBacklogLimit(8));
    let listening = |rig: &mut Rig, namespace: u64, request: SocketRequest<'_>| {
        let details = Some(TaskDetails::default());
        let caller = Caller { sender: sender(60), details, net_admin: true, net_broadcast: true };
        rig.input(namespace, Input::SocketRequested { endpoint, call: 1, caller: &caller, request });
    };
    let join = SocketRequest::SetOption { option: option::ADD_MEMBERSHIP, value: &1_u32.to_ne_bytes() };
    listening(&mut rig, nested, join);
    let counts = |rig: &Rig| [ROOT, nested].map(|number| rig.family.listeners_count(number));
    assert_eq!(counts(&rig), [0, 1]);
    rig.trace.clear();
    rig.say(ROOT, endpoint, "outer");
    rig.say(nested, endpoint, "inner");
    let offers: BTreeSet<u64> = rig
        .trace
        .iter()
        .filter_map(|(whose, action)| matches!(action, Action::Offer { .. }).then_some(*whose))
        .collect();
    assert_eq!(offers, [nested].into());
    // Whoever joins again elsewhere is there.
    listening(&mut rig, ROOT, join);
    assert_eq!(counts(&rig), [1, 0]);
    let before = rig.lines_with("type=EVENT_LISTENER").len();
    rig.input(nested, Input::EndpointClosed { endpoint });
    assert_eq!(counts(&rig), [0, 0]);
    let told = rig.lines_with("type=EVENT_LISTENER");
    assert_eq!(told[before..], [ROOT], "its end is recorded once, where it was");
}

#[test]
fn an_end_is_recorded_once_and_lets_those_go_who_wait() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let inner = rig.create(ROOT, endpoint, 50);
    let other = rig.create(ROOT, endpoint, 50);
    rig.input(inner, Input::Ended);
    assert_eq!((rig.lines_with(" op=stop "), rig.family.nested().len()), (vec![inner], 1));
    for late in [Input::Ended, Input::Tick, Input::HostSetsBacklogLimit(1)] {
        rig.input(inner, late);
    }
    assert_eq!(rig.lines_with(" op=stop "), [inner]);
    rig.input(ROOT, Input::Ended);
    assert_eq!(rig.lines_with(" op=stop "), [inner, other, ROOT], "with the root all end");
}

#[test]
fn senders_of_whom_nothing_is_known_are_refused_and_counted() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    rig.create(ROOT, endpoint, 50);
    let unknown = Sender { standing: Standing::Unknown, ..sender(50) };
    let refused = Some(-Errno::ECONNREFUSED.0);
    assert_eq!(rig.send(ROOT, endpoint, &unknown, &message(1112, b"who")), refused);
    assert!(rig.lines_with("who").is_empty());
    assert_eq!(rig.family.root().counters().unknown_senders, 1);
    rig.input(ROOT, Input::Ended);
    assert_eq!(rig.lines_with(" unknown_senders=1 "), [ROOT]);
}

#[test]
fn a_family_that_is_saved_and_read_goes_on() {
    let mut rig = Rig::usual();
    let endpoint = rig.open(ROOT, 50);
    let nested = rig.create(ROOT, endpoint, 50);
    // A request of which the move is not done.
    let answers =
        Answers { creation: Some(Creation { contid: Some(99), permitted: true }), ..Answers::default() };
    let (sender, bytes) = (sender(50), message(CREATE_NS, &[]));
    let datagram = Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers };
    rig.family.handle(nested, datagram, now(rig.clock));
    let saved = postcard::to_stdvec(&rig.family).unwrap();
    rig.family = postcard::from_bytes(&saved).unwrap();
    assert_eq!(postcard::to_stdvec(&rig.family).unwrap(), saved);
    rig.perform();
    assert_eq!(rig.lines_with("): contid=99 parent=7 chain=99,^7,^3 "), [99]);
    let Some((_, Action::Reply { frame, .. })) = rig.trace.last() else { panic!("no answer") };
    assert_eq!(frame[HEADER_LENGTH..][..4], [0; 4]);
}

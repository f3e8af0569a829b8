//! Whole datagrams for a namespace, with sockets that are full, closed or read at any time.

use crate::compact;
use auditns_core::rules::FileId;
use auditns_core::socket::{Caller, SOL_NETLINK, SOL_SOCKET, SocketAnswer, SocketQuery, SocketRequest};
use auditns_core::{
    Action, Answers, Capabilities, Config, Delivery, EndpointId, Input, LoginSource, Namespace, Now, Policy,
    ProcessId, Sender, Standing, TaskDetails,
};
use auditns_wire::Errno;
use auditns_wire::header::Header;
use auditns_wire::message_type::{ADD_RULE, DEL_RULE};
use auditns_wire::record::{Ids, Viewed};
use auditns_wire::reply;
use std::collections::BTreeSet;
use std::time::Duration;

const ENDPOINTS: u8 = 4;

/// Plays a script: a byte that says what happens, a byte that says to whom, and for a datagram two bytes of length and
/// its bytes.
pub fn namespace(script: &[u8]) {
    let mut edge = Edge::new();
    let mut rest = script;
    while let [what, whom, tail @ ..] = rest {
        rest = tail;
        let endpoint = EndpointId(u64::from(whom % ENDPOINTS));
        match what % 16 {
            0 => edge.full ^= 1 << (whom % ENDPOINTS),
            1 => edge.input(Input::Writable { endpoint }),
            2 => edge.store_fails = !edge.store_fails,
            3 => edge.pass(Duration::from_millis(u64::from(*whom) * 8)),
            4 => edge.call(endpoint, whom >> 2, chunk(&mut rest)),
            5 if *whom < ENDPOINTS => edge.close(endpoint),
            6 | 7 => {
                let rule = compact::rule(chunk(&mut rest));
                let message_type = if *whom & 0x40 == 0 { ADD_RULE } else { DEL_RULE };
                edge.datagram(endpoint, &reply::data(message_type, 1, false, &rule));
            }
            _ => edge.datagram(endpoint, chunk(&mut rest)),
        }
    }
    edge.pass(Duration::from_secs(60));
    assert!(edge.paused.is_empty(), "nobody waits for ever");
}

/// The next bytes of a script: two of length, then that many, as far as they go.
fn chunk<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = rest.first_chunk::<2>().map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)));
    let bytes = rest.get(2..).unwrap_or_default();
    let (bytes, tail) = bytes.split_at(length.min(bytes.len()));
    *rest = tail;
    bytes
}

struct Edge {
    namespace: Namespace,
    clock: Duration,
    full: u8,
    closed: BTreeSet<EndpointId>,
    paused: BTreeSet<EndpointId>,
    store_fails: bool,
    last_serial: u32,
    calls: u64,
    answers: u64,
}

impl Edge {
    fn new() -> Edge {
        let config = Config {
            contid: 1,
            name: b"fuzz".to_vec(),
            policy: Policy::Normal,
            backlog_limit: 3,
            queue_bytes: 1 << 16,
            starter: Ids::default(),
            labels: Vec::new(),
            parents: Vec::new(),
            start_fields: Vec::new(),
            rules_max: Config::RULES_MAX,
            inside_log: true,
            delivery_delay: Config::DELIVERY_DELAY,
            own_logins: false,
        };
        let clock = Duration::from_secs(1000);
        let mut edge = Edge {
            namespace: Namespace::new(config, now(clock)),
            clock,
            full: 0,
            closed: BTreeSet::new(),
            paused: BTreeSet::new(),
            store_fails: false,
            last_serial: 0,
            calls: 0,
            answers: 0,
        };
        for number in 0..ENDPOINTS {
            edge.input(Input::EndpointOpened {
                endpoint: EndpointId(u64::from(number)),
                kind: 3,
                pid: u32::from(number) + 1,
            });
        }
        edge
    }

    fn input(&mut self, input: Input<'_>) {
        self.namespace.handle(input, now(self.clock));
        while let Some(action) = self.namespace.poll_action() {
            self.perform(action);
        }
        assert!(self.namespace.next_deadline().is_none_or(|deadline| deadline > self.clock));
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Store { serial, line, .. } => {
                assert!(serial > self.last_serial, "serial numbers rise");
                self.last_serial = serial;
                assert!(!line.chars().any(char::is_control) && line.contains(" contid=1 "), "{line}");
                if self.store_fails {
                    let failed = Input::StoreFailed { serial, errno: Errno::ENOSPC };
                    self.namespace.handle(failed, now(self.clock));
                }
            }
            Action::StoreInside { serial, line } => {
                assert_eq!(serial, self.last_serial, "the same record");
                assert!(!line.chars().any(char::is_control), "{line}");
            }
            Action::Reply { frame, .. } | Action::Offer { frame, .. } => {
                let header = Header::decode(&frame).expect("an answer has a header");
                assert_eq!((header.length as usize).next_multiple_of(4), frame.len().next_multiple_of(4));
            }
            Action::Deliver { endpoint, .. } => {
                let outcome = if self.closed.contains(&endpoint) {
                    Delivery::Closed
                } else if self.full & (1 << endpoint.0) != 0 {
                    Delivery::Full
                } else {
                    Delivery::Sent
                };
                self.namespace.handle(Input::Delivered { endpoint, outcome }, now(self.clock));
            }
            Action::Pause { endpoint } => assert!(self.paused.insert(endpoint), "paused twice"),
            Action::Resume { endpoint } => assert!(self.paused.remove(&endpoint), "resumed without a pause"),
            Action::SocketAnswer { call, .. } => {
                assert_eq!(call, self.calls, "an answer belongs to the call that is made");
                self.answers += 1;
            }
            Action::AwaitWritable { .. }
            | Action::MoveThreadGroup { .. }
            | Action::KeepLogin { .. }
            | Action::LoginuidAnswer { .. }
            | Action::Notice(_) => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.clock + time;
        while let Some(deadline) = self.namespace.next_deadline().filter(|deadline| *deadline <= until) {
            self.clock = deadline;
            self.input(Input::Tick);
        }
        self.clock = until;
    }

    /// A call on a socket: `which` picks the call and the option.
    fn call(&mut self, endpoint: EndpointId, which: u8, bytes: &[u8]) {
        let option = i32::from(which >> 2);
        let request = match which % 4 {
            0 => SocketRequest::Bind { address: bytes },
            1 => SocketRequest::Connect { address: bytes },
            _ => SocketRequest::SetOption { option, value: bytes },
        };
        let details = request.changes_groups().then(TaskDetails::default);
        let caller = &Caller { sender: sender(endpoint), details, net_admin: true, net_broadcast: true };
        self.calls += 1;
        let call = self.calls;
        self.input(Input::SocketRequested { endpoint, call, caller, request });
        assert_eq!(self.answers, self.calls, "one answer a call");
        for room in [-1, 0, 3, 4, 64] {
            for level in [SOL_NETLINK, SOL_SOCKET, 0] {
                let query = SocketQuery::Option { level, option, room };
                if let SocketAnswer::Value { bytes, .. } = self.namespace.query_socket(endpoint, query) {
                    assert!(i32::try_from(bytes.len()).is_ok_and(|length| length <= room));
                }
            }
        }
    }

    fn close(&mut self, endpoint: EndpointId) {
        if self.closed.insert(endpoint) {
            self.paused.remove(&endpoint);
            self.input(Input::EndpointClosed { endpoint });
        }
    }

    fn datagram(&mut self, endpoint: EndpointId, bytes: &[u8]) {
        if self.closed.contains(&endpoint) || self.paused.contains(&endpoint) {
            return;
        }
        let inquiry = self.namespace.inquire(bytes);
        let answers = Answers {
            creation: None,
            details: inquiry.details.then(TaskDetails::default),
            ancestors: Vec::new(),
            exe: Some(FileId { device: 1, inode: 1 }),
            paths: inquiry
                .paths
                .into_iter()
                .map(|question| (question, Ok(Some(FileId { device: 1, inode: 1 }))))
                .collect(),
        };
        let sender = &sender(endpoint);
        self.input(Input::Datagram { endpoint, sender, bytes, answers: &answers });
    }
}

fn now(clock: Duration) -> Now {
    Now { seconds: 1_700_000_000 + clock.as_secs(), milliseconds: 0, since_boot: clock }
}

/// A process of its own behind each endpoint.
fn sender(endpoint: EndpointId) -> Sender {
    let pid = u32::try_from(endpoint.0).unwrap_or(0) + 1;
    let ids = Ids { pid, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET };
    Sender {
        process: ProcessId { pid, started: Duration::ZERO },
        ids: Viewed { namespace: ids, host: ids },
        own_pid: pid,
        gid: 0,
        standing: Standing::Served,
        in_owner_pid_namespace: true,
        capabilities: Capabilities { control: true, write: true, read: true },
        login: LoginSource::Kernel,
    }
}

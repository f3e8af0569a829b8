//! What holds for every sequence of inputs.

use super::keeping::Keeping;
use super::request::{Frame, REQUEST, message, rule};
use super::rig::{ALL, Member, Rig, details, process};
use crate::action::{Action, EndpointId};
use crate::sender::{Capabilities, Standing};
use crate::{Input, Policy};
use auditns_wire::Errno;
use auditns_wire::header::FLAG_ACK;
use auditns_wire::message_type::{NLMSG_ERROR, REPLACE, SET, is_user};
use auditns_wire::payload::Status;
use auditns_wire::record::{Ids, Viewed};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Room for a handful of records.
const QUEUE_BYTES: usize = 1500;

/// One message of a datagram; the test numbers it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    message_type: u16,
    ack: bool,
    payload: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Open(u32),
    Close(usize),
    Datagram(usize, Vec<Sent>),
    /// A member's request to be the audit daemon, and the room in its socket.
    Register(usize, usize),
    Membership(usize, u32, bool),
    Room(usize, usize),
    Writable(usize),
    FailStores(Vec<bool>),
    HostLimit(u32),
    HostRate(u32),
    HostPolicy(Policy),
    Login(bool),
    Signal,
    Sleep(u64),
}

fn small_or_any() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0..4_u32, 2 => 20..26_u32, 1 => any::<u32>()]
}

fn status() -> impl Strategy<Value = Vec<u8>> {
    let mask = prop_oneof![4 => (0..8_u32).prop_map(|bit| 1 << bit), 3 => Just(4_u32), 2 => 0..256_u32];
    let length = prop_oneof![6 => Just(44_usize), 1 => 0..60_usize];
    (mask, vec(small_or_any(), 10), length).prop_map(|(mask, words, length)| {
        let mut bytes: Vec<u8> = [mask].into_iter().chain(words).flat_map(u32::to_ne_bytes).collect();
        bytes.resize(length, 0);
        bytes
    })
}

fn rules() -> impl Strategy<Value = Vec<u8>> {
    let list = proptest::sample::select(&[0_u32, 0, 4, 5, 0x10][..]);
    let test = (prop_oneof![Just(12_u32), Just(0), Just(1)], Just(0x4000_0000_u32), 1098..1116_u32);
    (list, prop_oneof![Just(0_u32), Just(2)], vec(test, 0..2))
        .prop_map(|(list, action, tests)| rule(list, action, &tests))
}

fn sent() -> impl Strategy<Value = Sent> {
    let control = proptest::sample::select(&[1000_u16, 1002, 1010, 1013, 1014, 1016, 1019][..]);
    let words = |count| {
        vec(small_or_any(), count)
            .prop_map(|words: Vec<u32>| words.into_iter().flat_map(u32::to_ne_bytes).collect())
    };
    let body = prop_oneof![
        8 => (1100..1130_u16).prop_map(|message_type| (message_type, vec![b'?'; 8])),
        5 => status().prop_map(|payload| (SET, payload)),
        1 => (1..3_u32).prop_map(|failure| {
            (SET, Status { mask: Status::MASK_FAILURE, failure, ..Status::default() }.encode())
        }),
        2 => control.prop_map(|message_type| (message_type, Vec::new())),
        1 => (1011..1013_u16, rules()),
        1 => words(4).prop_map(|payload| (1018, payload)),
        1 => words(2).prop_map(|payload| (1017, payload)),
        1 => (any::<u16>(), vec(any::<u8>(), 0..40)),
    ];
    (body, any::<bool>()).prop_map(|((message_type, payload), ack)| Sent { message_type, ack, payload })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let which = || 0..8_usize;
    prop_oneof![
        2 => (20..24_u32).prop_map(Step::Open),
        1 => which().prop_map(Step::Close),
        14 => (which(), vec(sent(), 1..4)).prop_map(|(who, sent)| Step::Datagram(who, sent)),
        1 => (which(), 0..4_usize).prop_map(|(who, room)| Step::Register(who, room)),
        1 => (which(), 1..3_u32, any::<bool>()).prop_map(|(who, group, join)| Step::Membership(who, group, join)),
        3 => (which(), 0..4_usize).prop_map(|(who, room)| Step::Room(who, room)),
        1 => which().prop_map(Step::Writable),
        1 => vec(any::<bool>(), 0..6).prop_map(Step::FailStores),
        1 => prop_oneof![Just(0_u32), 1..5_u32].prop_map(Step::HostLimit),
        1 => (0..4_u32).prop_map(Step::HostRate),
        1 => prop_oneof![2 => Just(Policy::Normal), 1 => Just(Policy::Strict)].prop_map(Step::HostPolicy),
        1 => any::<bool>().prop_map(Step::Login),
        1 => Just(Step::Signal),
        5 => prop_oneof![0..10_u64, 90..110_u64, 0..2000_u64].prop_map(Step::Sleep),
    ]
}

/// A rig under test, and what was sent to it.
pub(super) struct Run {
    pub(super) rig: Rig,
    members: Vec<Member>,
    /// By sequence number: from where, and what.
    sent: BTreeMap<u32, (EndpointId, Sent)>,
    closed: Vec<EndpointId>,
}

impl Run {
    fn new(policy: Policy, backlog_limit: u32) -> Run {
        Run::kept(policy, backlog_limit, Keeping::Off)
    }

    pub(super) fn kept(policy: Policy, backlog_limit: u32, keeping: Keeping) -> Run {
        let mut rig = Rig::with(|config| {
            (config.policy, config.backlog_limit, config.queue_bytes) = (policy, backlog_limit, QUEUE_BYTES);
            config.inside_log = true;
        });
        rig.keeping = keeping;
        let mut run = Run { rig, members: Vec::new(), sent: BTreeMap::new(), closed: Vec::new() };
        for pid in 20..23 {
            run.open(pid);
        }
        run.members[2].sender.capabilities = Capabilities { control: false, ..ALL };
        run
    }

    fn open(&mut self, pid: u32) {
        let mut member = self.rig.member(pid);
        if pid == 23 {
            member.sender.standing = Standing::Foreign;
        }
        self.members.push(member);
    }

    pub(super) fn take(&mut self, step: Step) {
        let member = |which: usize| self.members.get(which).copied();
        match step {
            Step::Open(pid) => self.open(pid),
            Step::Close(which) if which < self.members.len() => {
                let member = self.members.remove(which);
                self.closed.push(member.endpoint);
                self.rig.close(member.endpoint);
            }
            Step::Datagram(which, sent) => {
                if let Some(member) =
                    member(which).filter(|member| !self.rig.paused.contains(&member.endpoint))
                {
                    self.send(&member, sent);
                }
            }
            Step::Register(which, room) => {
                if let Some(member) = member(which) {
                    let status = Status { mask: Status::MASK_PID, pid: member.pid(), ..Status::default() };
                    let sent = Sent { message_type: SET, ack: true, payload: status.encode() };
                    self.take(Step::Datagram(which, vec![sent]));
                    self.take(Step::Room(which, room));
                }
            }
            Step::Membership(which, group, join) => {
                if let Some(member) = member(which) {
                    let _ = self.rig.membership(&member, group, join);
                }
            }
            Step::Room(which, room) => {
                if let Some(member) = member(which) {
                    self.rig.set_room(member.endpoint, room);
                }
            }
            Step::Writable(which) => {
                if let Some(Member { endpoint, .. }) = member(which) {
                    self.rig.input(Input::Writable { endpoint });
                }
            }
            Step::FailStores(outcomes) => {
                let outcomes =
                    outcomes.into_iter().map(|fails| if fails { Err(Errno::ENOSPC) } else { Ok(()) });
                self.rig.stores = outcomes.collect();
            }
            Step::HostLimit(limit) => self.rig.input(Input::HostSetsBacklogLimit(limit)),
            Step::HostRate(limit) => self.rig.input(Input::HostSetsRateLimit(limit)),
            Step::HostPolicy(policy) => self.rig.input(Input::HostSetsPolicy(policy)),
            Step::Login(success) => {
                let old_auid = Viewed { namespace: Ids::UNSET, host: Ids::UNSET };
                let (sender, tty) = (&process(20), &details().tty);
                self.rig.input(Input::LoginuidSet { sender, old_auid, old_ses: 1, tty, success });
            }
            Step::Signal => self.rig.input(Input::DaemonSignalled { sender: &process(20) }),
            Step::Sleep(time) => self.rig.advance(Duration::from_millis(time)),
            Step::Close(_) => {}
        }
    }

    /// Each user message's text is its sequence number, so that its record can be found.
    fn send(&mut self, member: &Member, messages: Vec<Sent>) {
        let mut datagram = Vec::new();
        for mut sent in messages {
            // The acknowledgement of a registration names the head of its datagram, so it is sent as the head only.
            if sets_daemon(&sent) && !datagram.is_empty() {
                continue;
            }
            let sequence = u32::try_from(self.sent.len()).unwrap() + 1;
            if is_user(sent.message_type) && sent.payload.len() == 8 {
                sent.payload = format!("{sequence:07}\0").into_bytes();
            }
            let flags = if sent.ack { REQUEST | FLAG_ACK } else { REQUEST };
            datagram.extend(message(sent.message_type, flags, sequence, &sent.payload));
            self.sent.insert(sequence, (member.endpoint, sent));
        }
        self.rig.send(member, &datagram);
    }

    fn check_state(&self) {
        let namespace = &self.rig.namespace;
        let (lengths, bytes) = namespace.queues.totals();
        assert!(bytes + namespace.worker.bytes() <= QUEUE_BYTES, "{bytes} bytes queued");
        if let Some(deadline) = namespace.next_deadline() {
            assert!(deadline > self.rig.clock, "a deadline in the past");
        }
        let counters = namespace.counters();
        let queued = lengths.iter().sum::<usize>() + usize::from(namespace.worker.bytes() > 0);
        // Every record takes a serial, one over the rate limit too, and START took the first.
        let over_the_rate = u64::from(namespace.serial) - 1 - counters.records;
        let overflown = counters.lost - counters.store_failures - over_the_rate;
        assert_eq!(counters.records, counters.delivered + overflown + u64::try_from(queued).unwrap());
    }

    fn check_trace(&self) {
        let mut serials = Vec::new();
        let mut stored: BTreeMap<u32, usize> = BTreeMap::new();
        let mut answers: BTreeMap<u32, Vec<(i32, usize)>> = BTreeMap::new();
        for (at, action) in self.rig.trace.iter().enumerate() {
            match action {
                Action::Store { serial, line, .. } => {
                    serials.push(*serial);
                    let number = line.split_once("msg='").map(|(_, text)| text.trim_end_matches('\''));
                    // Seven digits: random payloads may be numbers too, but shorter ones.
                    let number = number.filter(|number| number.len() == 7);
                    if let Some(sequence) = number.and_then(|number| number.parse().ok()) {
                        stored.insert(sequence, at);
                    }
                }
                Action::Reply { endpoint, frame } => {
                    let frame = Frame::new(frame);
                    let sequence = frame.header.sequence;
                    if frame.kind() != REPLACE {
                        assert_eq!(
                            self.sent[&sequence].0, *endpoint,
                            "an answer to somebody else: {frame:?}"
                        );
                    }
                    if let Some(error) = frame.error() {
                        assert_eq!(frame.kind(), NLMSG_ERROR);
                        answers.entry(sequence).or_default().push((error, at));
                    }
                }
                _ => {}
            }
        }
        assert!(serials.windows(2).all(|pair| pair[0] < pair[1]), "{serials:?}");
        for (sequence, (endpoint, sent)) in &self.sent {
            let answers = answers.get(sequence).map_or(&[][..], Vec::as_slice);
            for (error, at) in answers {
                let record = stored.get(sequence);
                assert!(
                    *error != 0 || record.is_none_or(|record| record < at),
                    "acknowledged before it is stored"
                );
                assert!(*error != 0 || sent.ack, "nobody asked for this");
            }
            let most = if registers_and_more(sent) { 2 } else { 1 };
            let least = usize::from(sent.ack && !self.closed.contains(endpoint));
            assert!((least..=most).contains(&answers.len()), "{} answers to {sent:?}", answers.len());
        }
    }
}

/// A registration is acknowledged before the rest of the message is looked at, which may then fail, as in the kernel.
fn registers_and_more(sent: &Sent) -> bool {
    sets_daemon(sent) && sent.ack && Status::decode(&sent.payload).mask != Status::MASK_PID
}

fn sets_daemon(sent: &Sent) -> bool {
    sent.message_type == SET && Status::decode(&sent.payload).mask & Status::MASK_PID != 0
}

fn check(policy: Policy, backlog_limit: u32, steps: Vec<Step>) {
    let mut run = Run::new(policy, backlog_limit);
    for step in steps {
        run.take(step);
        run.check_state();
    }
    // By then every wait has ended.
    run.take(Step::Sleep(60_000));
    run.check_state();
    assert!(run.rig.paused.is_empty(), "still paused: {:?}", run.rig.paused);
    run.check_trace();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_normal_namespace_keeps_its_books(limit in 0..5_u32, steps in vec(step(), 0..60)) {
        check(Policy::Normal, limit, steps);
    }

    #[test]
    fn a_strict_namespace_keeps_its_books(limit in 0..5_u32, steps in vec(step(), 0..60)) {
        check(Policy::Strict, limit, steps);
    }

    #[test]
    fn any_bytes_are_survived(datagrams in vec(vec(any::<u8>(), 0..200), 0..20)) {
        let mut run = Run::new(Policy::Normal, 4);
        for bytes in datagrams {
            let member = run.members[0];
            if !run.rig.paused.contains(&member.endpoint) {
                run.rig.send(&member, &bytes);
            }
            run.check_state();
        }
    }
}

//! What a namespace has to do: the reference that `auditns_core` is compared with after every step.
//!
//! It shares nothing with `core` but plain data. This file says which records are made and kept, [`worker`] how they get
//! to the audit daemon, [`requests`] what members are answered. That is what `kernel/audit.c` does when booted with
//! `audit=1`, with the differences that a namespace may have: a gate, a strict policy, a bound on queued bytes, records
//! that are gathered, a wait that is felt in the acknowledgement and ends after 20 s, and a pass that keeps its records
//! once the registration has ended. Rules, features, terminals and names of sockets are left out: they have no queues and
//! no clock.

mod requests;
mod worker;

pub(crate) use requests::Request;

use crate::seen::{Kind, Seen};
use crate::step::Setup;
use crate::text::{Body, type_name};
use auditns_core::{EndpointId, LossReason, Sender};
use auditns_wire::payload::Status;
use auditns_wire::record::{View, Viewed};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
// The queues, in the order in which a pass sends them.
const HOLD: usize = 0;
const RETRY: usize = 1;
const MAIN: usize = 2;

/// When something happens: the clock that never goes back, and the wall clock in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) clock: Duration,
    pub(crate) wall: u64,
}

#[derive(Clone, Debug)]
struct Record {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug)]
struct Daemon {
    /// Tells this registration from a later one.
    number: u64,
    socket: EndpointId,
    pid: Viewed<u32>,
    closed: bool,
}

/// A sender that waits for the backlog to shrink, and its answers.
#[derive(Debug)]
struct Waiter {
    socket: EndpointId,
    until: Duration,
    answers: Vec<Seen>,
}

/// Counts that are never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) over_rate: u64,
    pub(crate) not_stored: u64,
}

#[derive(Debug)]
pub(crate) struct Model {
    contid: u64,
    setup: Setup,
    gate: bool,
    strict: bool,
    status: Status,
    serial: u32,
    /// Records since the rate's window began, and when that was.
    rate: (u32, Duration),
    last_notice: Duration,
    daemon: Option<Daemon>,
    registrations: u64,
    listeners: BTreeMap<EndpointId, Sender>,
    queues: [VecDeque<Record>; 3],
    pass: Option<worker::Pass>,
    /// A pass is due although there is nothing new.
    nudged: bool,
    gathers: Option<Duration>,
    waiters: VecDeque<Waiter>,
    /// Messages of a datagram that are refused if their record cannot be stored.
    refusable: Vec<requests::Refusable>,
    /// Answers to a datagram so far.
    answers: usize,
    counts: Counts,
    /// What came out since it was last taken away.
    pub(crate) seen: Vec<Seen>,
    pub(crate) now: Moment,
}

impl Model {
    pub(crate) fn new(contid: u64, setup: Setup, now: Moment) -> Model {
        let (backlog_limit, backlog_wait_time) = (setup.backlog_limit, 15_000);
        let (enabled, failure, feature_bitmap) = (1, 1, 0x7f);
        let status = Status {
            enabled,
            failure,
            backlog_limit,
            backlog_wait_time,
            feature_bitmap,
            ..Status::default()
        };
        let mut model = Model {
            contid,
            setup,
            gate: backlog_limit != 0,
            strict: setup.strict,
            status,
            serial: 0,
            rate: Default::default(),
            last_notice: Duration::ZERO,
            daemon: None,
            registrations: 0,
            listeners: BTreeMap::new(),
            queues: Default::default(),
            pass: None,
            nudged: false,
            gathers: None,
            waiters: VecDeque::new(),
            refusable: Vec::new(),
            answers: 0,
            counts: Counts::default(),
            seen: Vec::new(),
            now,
        };
        model.lifetime();
        model
    }

    /// A line in the host's log alone: the namespace begins, ends, or lets somebody in.
    pub(crate) fn lifetime(&mut self) {
        self.serial += 1;
        self.seen.push(Seen::Lifetime { serial: self.serial });
    }

    /// Makes a record, and returns its serial number if it is to be stored.
    fn record(&mut self, kind: Kind, who: &Sender, body: &Body) -> Option<u32> {
        if !self.gate {
            return None;
        }
        self.serial += 1;
        if !self.is_within_rate() {
            self.counts.over_rate += 1;
            self.lose(LossReason::RateLimit);
            return None;
        }
        self.counts.records += 1;
        let (serial, wall, name) = (self.serial, self.now.wall, type_name(kind));
        let stamp = format!("audit({}.{:03}:{serial}): ", wall / 1000, wall % 1000);
        let line =
            format!("type={name} msg={stamp}contid={} {}", self.contid, body.text(&who.ids, View::Host));
        self.seen.push(Seen::Stored { serial, line });
        let text = stamp + &body.text(&who.ids, View::Namespace);
        if self.setup.inside_log {
            self.seen.push(Seen::StoredInside { serial, line: format!("type={name} msg={text}") });
        }
        let record = Record { kind, text };
        if self.bytes() + cost(&record) <= self.setup.queue_bytes {
            self.queues[MAIN].push_back(record);
        } else {
            self.lose(LossReason::QueueMemory);
            self.nudged = true;
        }
        Some(serial)
    }

    /// With limit n the n-th record of a window is the first over it, as in `audit_rate_check`.
    fn is_within_rate(&mut self) -> bool {
        let (count, since) = &mut self.rate;
        if self.status.rate_limit == 0 {
            return true;
        }
        *count = count.saturating_add(1);
        let renewed = *count >= self.status.rate_limit && self.now.clock > *since + SECOND;
        if renewed {
            (*count, *since) = (0, self.now.clock);
        }
        renewed || *count < self.status.rate_limit
    }

    fn lose(&mut self, reason: LossReason) {
        self.counts.lost += 1;
        self.status.lost = self.status.lost.wrapping_add(1);
        let seldom = self.status.failure != 2 && self.status.rate_limit != 0;
        if seldom && self.now.clock <= self.last_notice + SECOND {
            return;
        }
        if seldom {
            self.last_notice = self.now.clock;
        }
        self.seen.push(Seen::Lost { reason, lost: self.status.lost });
    }

    /// Puts a record into the hold or retry queue, which are bounded by `backlog_limit`.
    fn keep(&mut self, queue: usize, record: Record) {
        let limit = self.status.backlog_limit as usize;
        if limit == 0 || self.queues[queue].len() < limit {
            self.queues[queue].push_back(record);
        } else {
            self.lose(if queue == HOLD { LossReason::HoldOverflow } else { LossReason::RetryOverflow });
        }
    }

    /// Ends a registration, if it is still the one of this number.
    fn unregister(&mut self, number: u64) {
        if let Some(daemon) = self.daemon.take_if(|daemon| daemon.number == number) {
            self.seen.push(Seen::Daemon { pid: daemon.pid.host, registered: false });
            self.hold_retried();
        }
    }

    fn hold_retried(&mut self) {
        while let Some(record) = self.queues[RETRY].pop_front() {
            self.keep(HOLD, record);
        }
    }

    /// What `AUDIT_GET` shows to somebody who sees pids like this.
    pub(crate) fn status(&self, view: View) -> Status {
        let pid = self.daemon.map_or(0, |daemon| *daemon.pid.get(view));
        Status { pid, backlog: u32::try_from(self.queues[MAIN].len()).unwrap_or(u32::MAX), ..self.status }
    }

    /// Thread-group id of the audit daemon as the host sees it, if its socket is open.
    pub(crate) fn daemon_pid(&self) -> Option<u32> {
        self.daemon.filter(|daemon| !daemon.closed).map(|daemon| daemon.pid.host)
    }

    /// Records in hold, retry and main queue.
    pub(crate) fn lengths(&self) -> [usize; 3] {
        self.queues.each_ref().map(VecDeque::len)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn has_record_in_hand(&self) -> bool {
        self.in_hand().is_some()
    }

    /// What queued records cost.
    pub(crate) fn bytes(&self) -> usize {
        let hand = self.in_hand().map(|(record, _)| record);
        self.queues.iter().flatten().chain(hand).map(cost).sum()
    }

    /// When the namespace wants to be told the time.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let waiters = self.waiters.iter().map(|waiter| waiter.until);
        waiters.chain(self.room_deadline().or(self.gathers)).min()
    }
}

/// A queued record takes 48 bytes besides its text.
fn cost(record: &Record) -> usize {
    record.text.len() + 48
}

//! The worker that moves records from the queues to the audit daemon (kernel: `kauditd_thread`).
//!
//! The kernel's thread sleeps inside a send for at most 100 ms. Here an attempt is an action whose outcome comes
//! back; a full socket is waited for, up to the same 100 ms, while everything else goes on.

use super::queues::{Queued, Which, cost};
use super::{Namespace, count};
use crate::action::{Action, EndpointId};
use crate::input::Delivery;
use crate::time::Now;
use auditns_wire::record;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Attempts per record in the hold and retry queues before a pass gives up on the daemon (`UNICAST_RETRIES`).
const ATTEMPTS: u32 = 5;
/// Attempts per record of the main queue.
const ATTEMPTS_MAIN: u32 = 1;
/// How long one attempt waits for room (the send timeout of the kernel's audit socket, `HZ / 10`).
const ATTEMPT_TIME: Duration = Duration::from_millis(100);

/// As many records are sent together at most, and no more than half of the backlog limit.
const GATHERED_MAX: usize = 32;

/// Idle, or somewhere in a pass.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Worker {
    pass: Option<Pass>,
    /// A pass is due although the main queue is empty.
    nudged: bool,
    /// When a pass begins; until then records are gathered.
    gathers_until: Option<Duration>,
}

/// One pass over the queues.
#[derive(Debug, Serialize, Deserialize)]
struct Pass {
    /// The registration at the start of the pass, if any is still believed in.
    daemon: Option<(u64, EndpointId)>,
    stage: Stage,
}

/// One queue of a pass (kernel: `kauditd_send_queue`).
#[derive(Debug, Serialize, Deserialize)]
struct Stage {
    which: Which,
    /// Records of this queue that were there when the stage began.
    remaining: usize,
    /// Whether records are still sent, not just moved on.
    sending: bool,
    failed: u32,
    /// The last attempt found the daemon's socket closed.
    refused: bool,
    in_flight: Option<InFlight>,
}

/// A record whose outcome is not known yet.
#[derive(Debug, Serialize, Deserialize)]
struct InFlight {
    record: Queued,
    /// Set while the daemon's socket is full.
    until: Option<Duration>,
}

/// Why an attempt failed for good.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    Again,
    Refused,
}

impl Worker {
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.room_deadline().or(self.gathers_until)
    }

    /// How long the worker waits for room in the daemon's socket.
    fn room_deadline(&self) -> Option<Duration> {
        self.pass.as_ref()?.stage.in_flight.as_ref()?.until
    }

    /// Whether the worker waits for room in the daemon's socket.
    pub(super) fn is_stuck(&self) -> bool {
        self.room_deadline().is_some()
    }

    /// Asks for a pass. Held records may take all the memory, so that no fresh one gets into the main queue, which is
    /// what else begins a pass: they would never reach a daemon.
    pub(super) fn nudge(&mut self) {
        fault!(NudgeForgotten => return);
        self.nudged = true;
    }

    /// What the record in hand costs, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let stage = self.pass.as_ref().map(|pass| &pass.stage);
        stage.and_then(|stage| stage.in_flight.as_ref()).map_or(0, |in_flight| cost(&in_flight.record))
    }

    fn in_flight_to(&mut self, endpoint: EndpointId) -> Option<&mut Stage> {
        let pass = self.pass.as_mut()?;
        (pass.daemon?.1 == endpoint && pass.stage.in_flight.is_some()).then_some(&mut pass.stage)
    }
}

impl Namespace {
    /// Goes on until an outcome is needed or nothing is left.
    pub(super) fn run_worker(&mut self, now: Now) {
        loop {
            let Some(mut pass) = self.worker.pass.take() else {
                let nudged = std::mem::take(&mut self.worker.nudged);
                if !nudged && self.gathers(now) {
                    return;
                }
                self.worker.gathers_until = None;
                if !nudged && self.queues.main_length() == 0 {
                    return;
                }
                self.start_pass();
                continue;
            };
            if pass.stage.in_flight.is_some() {
                self.worker.pass = Some(pass);
                return;
            }
            if pass.stage.remaining == 0 {
                self.finish_stage(pass, now);
            } else {
                self.next_record(&mut pass, now);
                self.worker.pass = Some(pass);
            }
        }
    }

    /// Whether records wait for others.
    fn gathers(&mut self, now: Now) -> bool {
        let delay = self.config.delivery_delay;
        let limit = usize::try_from(self.settings.backlog_limit).unwrap_or(usize::MAX);
        if delay.is_zero()
            || self.registration.is_none()
            || self.queues.main_length() == 0
            || self.queues.main_length() >= GATHERED_MAX.min(limit / 2)
        {
            return false;
        }
        let until = now.since_boot.saturating_add(delay);
        now.since_boot < *self.worker.gathers_until.get_or_insert(until)
    }

    fn start_pass(&mut self) {
        let daemon = self.registration.map(|registration| (registration.number, registration.endpoint));
        let first = if daemon.is_some() { Which::Hold } else { Which::Main };
        fault!(NewBeforeHeld: let first = if self.queues.main_length() == 0 { first } else { Which::Main });
        let stage = self.stage(first, daemon.is_some());
        self.worker.pass = Some(Pass { daemon, stage });
    }

    fn stage(&mut self, which: Which, sending: bool) -> Stage {
        let remaining = self.queues.length(which);
        Stage { which, remaining, sending, failed: 0, refused: false, in_flight: None }
    }

    fn next_record(&mut self, pass: &mut Pass, now: Now) {
        let stage = &mut pass.stage;
        // Each would be put back behind the others. All at once, this ends whatever number was read back.
        if stage.which == Which::Hold && !stage.sending {
            self.queues.rotate_held(std::mem::take(&mut stage.remaining));
            return;
        }
        stage.remaining -= 1;
        let Some(record) = self.queues.pop(stage.which) else {
            stage.remaining = 0;
            return;
        };
        if stage.which == Which::Main {
            self.multicast(record.message_type, &record.text);
        }
        if stage.sending {
            self.attempt(pass, record, now);
        } else {
            self.give_up(pass, record, Failure::Refused, now);
        }
    }

    /// Sends a record, or fails at once where the daemon's socket is known to be closed.
    fn attempt(&mut self, pass: &mut Pass, record: Queued, now: Now) {
        let open = pass.daemon.is_some_and(|(number, _)| {
            self.registration.is_some_and(|known| known.number == number && !known.closed)
        });
        fault!(SentToFormerDaemon: let open = pass.daemon.is_some());
        match pass.daemon {
            Some((_, endpoint)) if open => {
                let frame = record::unicast(record.message_type, &record.text);
                self.output.push_back(Action::Deliver { endpoint, frame });
                pass.stage.in_flight = Some(InFlight { record, until: None });
            }
            _ => self.fail(pass, record, Failure::Refused, now),
        }
    }

    fn fail(&mut self, pass: &mut Pass, record: Queued, failure: Failure, now: Now) {
        let stage = &mut pass.stage;
        stage.failed = stage.failed.saturating_add(1);
        let attempts = if stage.which == Which::Main { ATTEMPTS_MAIN } else { ATTEMPTS };
        if failure == Failure::Again && stage.failed < attempts {
            self.attempt(pass, record, now);
            return;
        }
        stage.sending = false;
        stage.refused = failure == Failure::Refused;
        self.give_up(pass, record, failure, now);
    }

    /// Where a record goes that this pass does not send.
    fn give_up(&mut self, pass: &Pass, record: Queued, failure: Failure, now: Now) {
        match pass.stage.which {
            Which::Hold => self.queues.push(Which::Hold, record),
            Which::Retry if failure == Failure::Again => self.retry(record, now),
            Which::Main if pass.daemon.is_some() => self.retry(record, now),
            Which::Retry | Which::Main => self.hold(record, now),
        }
    }

    fn finish_stage(&mut self, mut pass: Pass, now: Now) {
        if pass.stage.refused
            && let Some((number, _)) = pass.daemon
        {
            if pass.stage.which != Which::Main {
                pass.daemon = None;
            }
            self.reset_registration(number, now);
        }
        let next = match pass.stage.which {
            Which::Hold if pass.daemon.is_some() => Which::Retry,
            Which::Hold | Which::Retry => Which::Main,
            Which::Main => {
                self.wake_one();
                return;
            }
        };
        fault!(RetriedNeverSent: let next = if next == Which::Retry { Which::Main } else { next });
        pass.stage = self.stage(next, pass.daemon.is_some());
        self.worker.pass = Some(pass);
    }

    /// An attempt's outcome.
    pub(super) fn delivery_outcome(&mut self, endpoint: EndpointId, outcome: Delivery, now: Now) {
        let Some(stage) = self.worker.in_flight_to(endpoint) else { return };
        match outcome {
            Delivery::Sent => {
                stage.in_flight = None;
                (stage.failed, stage.refused) = (0, false);
                count(&mut self.counters.delivered);
            }
            Delivery::Full => {
                fault!(AttemptRenewed => stage.in_flight.iter_mut().for_each(|in_flight| in_flight.until = None));
                fault!(AttemptTooLong: let now = Now { since_boot: now.since_boot + ATTEMPT_TIME, ..now });
                if let Some(in_flight) = &mut stage.in_flight {
                    in_flight.until.get_or_insert(now.since_boot.saturating_add(ATTEMPT_TIME));
                }
                self.output.push_back(Action::AwaitWritable { endpoint });
            }
            Delivery::Closed => self.conclude(Failure::Refused, now),
        }
    }

    /// There may be room again: the same attempt goes on.
    pub(super) fn endpoint_writable(&mut self, endpoint: EndpointId) {
        let Some(stage) = self.worker.in_flight_to(endpoint) else { return };
        if let Some(InFlight { record, until: Some(_) }) = &stage.in_flight {
            let frame = record::unicast(record.message_type, &record.text);
            self.output.push_back(Action::Deliver { endpoint, frame });
        }
    }

    pub(super) fn delivery_endpoint_closed(&mut self, endpoint: EndpointId, now: Now) {
        if self.worker.in_flight_to(endpoint).is_some() {
            self.conclude(Failure::Refused, now);
        }
    }

    pub(super) fn expire_delivery(&mut self, now: Now) {
        if self.worker.room_deadline().is_some_and(|deadline| deadline <= now.since_boot) {
            self.conclude(Failure::Again, now);
        }
    }

    fn conclude(&mut self, failure: Failure, now: Now) {
        let Some(mut pass) = self.worker.pass.take() else { return };
        if let Some(in_flight) = pass.stage.in_flight.take() {
            self.fail(&mut pass, in_flight.record, failure, now);
        }
        self.worker.pass = Some(pass);
    }
}

//! How records get from the queues to the audit daemon, and how senders that wait are woken.

use super::{Daemon, HOLD, MAIN, Model, RETRY, Record, Waiter};
use crate::seen::Seen;
use auditns_core::{Delivery, EndpointId};
use std::time::Duration;

/// How long one attempt waits for room.
const ATTEMPT: Duration = Duration::from_millis(100);

/// Where the worker is in its way over the queues.
#[derive(Debug)]
pub(super) struct Pass {
    daemon: Option<Daemon>,
    queue: usize,
    /// Records that were in the queue when its turn came, and are still to be looked at.
    left: usize,
    sending: bool,
    failed: u32,
    refused: bool,
    /// The record that is being sent, and until when it waits for room.
    hand: Option<(Record, Option<Duration>)>,
}

impl Model {
    /// After everything that happens: time has passed, and the worker goes on.
    pub(crate) fn settle(&mut self) {
        while let Some(at) = self.waiters.iter().position(|waiter| waiter.until <= self.now.clock) {
            let waiter = self.waiters.remove(at);
            self.wake(waiter);
        }
        if self.room_deadline().is_some_and(|until| until <= self.now.clock) {
            self.end_attempt(false);
        }
        while self.pass.as_ref().is_none_or(|pass| pass.hand.is_none()) {
            let Some(pass) = self.pass.take() else {
                let (nudged, gathers) = (std::mem::take(&mut self.nudged), self.gathers_more());
                if !nudged && (gathers || self.queues[MAIN].is_empty()) {
                    return;
                }
                self.gathers = None;
                let first = if self.daemon.is_some() { HOLD } else { MAIN };
                self.pass = Some(self.turn(first, self.daemon));
                continue;
            };
            self.go_on(pass);
        }
    }

    /// Whether a few records wait for others, so that the daemon is woken once for all.
    fn gathers_more(&mut self) -> bool {
        let (length, limit) = (self.queues[MAIN].len(), self.status.backlog_limit as usize);
        let delay = Duration::from_micros(self.setup.delivery_delay);
        if self.daemon.is_none() || delay.is_zero() || length == 0 || length >= (limit / 2).min(32) {
            self.gathers = None;
            return false;
        }
        self.now.clock < *self.gathers.get_or_insert(self.now.clock + delay)
    }

    fn turn(&self, queue: usize, daemon: Option<Daemon>) -> Pass {
        let (left, sending) = (self.queues[queue].len(), daemon.is_some());
        Pass { daemon, queue, left, sending, failed: 0, refused: false, hand: None }
    }

    fn go_on(&mut self, mut pass: Pass) {
        if pass.left == 0 {
            return self.end_turn(&pass);
        }
        pass.left -= 1;
        let Some(Record { kind, text }) = self.queues[pass.queue].pop_front() else {
            pass.left = 0;
            self.pass = Some(pass);
            return;
        };
        if pass.queue == MAIN {
            let copies = self.listeners.keys().map(|to| Seen::Copy { to: *to, kind, text: text.clone() });
            self.seen.extend(copies);
        }
        let record = Record { kind, text };
        if pass.sending {
            self.attempt(&mut pass, record);
        } else {
            self.put_aside(&pass, record, true);
        }
        self.pass = Some(pass);
    }

    fn attempt(&mut self, pass: &mut Pass, record: Record) {
        let Some(to) = pass.daemon.filter(|known| {
            self.daemon.is_some_and(|daemon| daemon.number == known.number && !daemon.closed)
        }) else {
            return self.fail(pass, record, true);
        };
        let Record { kind, text } = record.clone();
        self.seen.push(Seen::Record { to: to.socket, kind, text });
        pass.hand = Some((record, None));
    }

    fn fail(&mut self, pass: &mut Pass, record: Record, refused: bool) {
        pass.failed += 1;
        if !refused && pass.queue != MAIN && pass.failed < 5 {
            return self.attempt(pass, record);
        }
        (pass.sending, pass.refused) = (false, refused);
        self.put_aside(pass, record, refused);
    }

    /// Where a record goes that this pass does not send.
    fn put_aside(&mut self, pass: &Pass, record: Record, refused: bool) {
        match pass.queue {
            HOLD => self.queues[HOLD].push_back(record),
            RETRY if !refused => self.keep(RETRY, record),
            MAIN if pass.daemon.is_some() => self.keep(RETRY, record),
            _ => self.keep(HOLD, record),
        }
    }

    fn end_turn(&mut self, pass: &Pass) {
        let refusing = pass.daemon.filter(|_| pass.refused);
        if let Some(daemon) = refusing {
            self.unregister(daemon.number);
        }
        let daemon = pass.daemon.filter(|_| refusing.is_none());
        match pass.queue {
            HOLD if daemon.is_some() => self.pass = Some(self.turn(RETRY, daemon)),
            HOLD | RETRY => self.pass = Some(self.turn(MAIN, daemon)),
            _ => {
                // One sender a pass, as from the kernel's exclusive wait.
                let first = self.waiters.pop_front();
                self.wake(first);
            }
        }
    }

    pub(super) fn end_attempt(&mut self, refused: bool) {
        let Some(mut pass) = self.pass.take() else { return };
        if let Some((record, _)) = pass.hand.take() {
            self.fail(&mut pass, record, refused);
        }
        self.pass = Some(pass);
    }

    fn wake(&mut self, waiter: Option<Waiter>) {
        if let Some(Waiter { socket: to, answers, .. }) = waiter {
            self.seen.extend(answers);
            self.seen.push(Seen::Resumed { to });
        }
    }

    /// What became of the record in hand.
    pub(crate) fn outcome(&mut self, to: EndpointId, outcome: Delivery) {
        let until = self.now.clock + ATTEMPT;
        let Some(pass) = &mut self.pass else { return };
        match outcome {
            Delivery::Sent => {
                (pass.hand, pass.failed, pass.refused) = (None, 0, false);
                self.counts.delivered += 1;
            }
            Delivery::Full => {
                pass.hand.as_mut().map(|(_, waits)| *waits.get_or_insert(until));
                self.seen.push(Seen::AwaitWritable { to });
            }
            Delivery::Closed => self.end_attempt(true),
        }
    }

    /// A socket has room: the same attempt goes on.
    pub(crate) fn writable(&mut self, to: EndpointId) {
        let hand = self.pass.as_ref().filter(|pass| pass.is_to(to)).and_then(|pass| pass.hand.as_ref());
        if let Some((Record { kind, text }, Some(_))) = hand {
            self.seen.push(Seen::Record { to, kind: *kind, text: text.clone() });
        }
    }

    /// The record that is neither queued nor gone.
    pub(super) fn in_hand(&self) -> Option<&(Record, Option<Duration>)> {
        self.pass.as_ref()?.hand.as_ref()
    }

    /// Until when the record in hand waits for room.
    pub(super) fn room_deadline(&self) -> Option<Duration> {
        self.in_hand()?.1
    }
}

impl Pass {
    pub(super) fn is_to(&self, socket: EndpointId) -> bool {
        self.hand.is_some() && self.daemon.is_some_and(|daemon| daemon.socket == socket)
    }
}

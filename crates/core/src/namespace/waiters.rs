//! Senders that wait because the main queue is over its limit.

use super::Namespace;
use crate::action::{Action, EndpointId};
use crate::time::{Now, jiffies};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// A sender whose answers are held back.
///
/// The kernel lets it sleep inside `send()`. Here `send()` has returned already, so the sender feels the wait in its
/// acknowledgement, and its endpoint is not read meanwhile.
#[derive(Debug, Serialize, Deserialize)]
struct Waiter {
    endpoint: EndpointId,
    until: Duration,
    replies: Vec<Action>,
}

/// In order of arrival; the kernel wakes one after each pass of its worker.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Waiters(VecDeque<Waiter>);

/// Audit clients give up on an acknowledgement after 40 seconds, and PAM refuses the login then. No wait is longer
/// than half of that, whatever `backlog_wait_time` says.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Most bytes of answers that are held back for all senders together. Answers beyond that are not held back, so that a
/// crowd of senders who each ask for a long list and then wait does not take the host's memory.
const HELD_MAX: usize = 1 << 20;

/// The shortest sleep of the kernel is until the next tick.
const WAIT_MIN: Duration = Duration::from_millis(4);

impl Waiters {
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.0.iter().map(|waiter| waiter.until).min()
    }

    /// Bytes of the answers held back, 0..=[`HELD_MAX`].
    pub(super) fn held(&self) -> usize {
        self.0.iter().flat_map(|waiter| &waiter.replies).map(size).sum()
    }

    pub(super) fn forget(&mut self, endpoint: EndpointId) {
        self.0.retain(|waiter| waiter.endpoint != endpoint);
    }

    /// The answers that are held back from an endpoint, those to its last datagram, if there are any.
    pub(super) fn held_for(&mut self, endpoint: EndpointId) -> Option<&mut Vec<Action>> {
        let last = self.0.iter_mut().rev().find(|waiter| waiter.endpoint == endpoint)?;
        (!last.replies.is_empty()).then_some(&mut last.replies)
    }
}

fn size(action: &Action) -> usize {
    if let Action::Reply { frame, .. } = action { frame.len() + size_of::<Action>() } else { 0 }
}

impl Namespace {
    /// Kernel: the end of `audit_receive`. A worker that is not stuck empties the queue before a sleep could begin,
    /// so only a stuck one makes senders wait. The registered daemon is no exception.
    pub(super) fn wait_for_backlog(&mut self, endpoint: EndpointId, first_action: usize, now: Now) {
        let limit = self.settings.backlog_limit as usize;
        fault!(WaitsTooEarly: let limit = limit.saturating_sub(1));
        if limit == 0 || self.queues.main_length() <= limit || !self.worker.is_stuck() {
            return;
        }
        let wait = jiffies(self.settings.backlog_wait_time).clamp(WAIT_MIN, WAIT_MAX);
        let until = now.since_boot.saturating_add(wait);
        self.output.push_back(Action::Pause { endpoint });
        // A daemon must see the answer to its registration before the first record, so its answers do not wait.
        let of_daemon = self.registration.is_some_and(|registration| registration.endpoint == endpoint);
        let is_answer =
            |action: &Action| matches!(action, Action::Reply { endpoint: to, .. } if *to == endpoint);
        let answers = self.output.since(first_action).filter(|action| is_answer(action));
        if of_daemon || self.waiters.held() + answers.map(size).sum::<usize>() > HELD_MAX {
            self.waiters.0.push_back(Waiter { endpoint, until, replies: Vec::new() });
            return;
        }
        let replies = self.output.take_since(first_action, is_answer);
        self.waiters.0.push_back(Waiter { endpoint, until, replies });
    }

    /// After a pass of the worker.
    pub(super) fn wake_one(&mut self) {
        fault!(AllWoken => while let Some(waiter) = self.waiters.0.pop_front() { self.wake(waiter) });
        if let Some(waiter) = self.waiters.0.pop_front() {
            self.wake(waiter);
        }
    }

    /// Whether senders wait because the main queue is over its limit.
    pub fn has_waiters(&self) -> bool {
        !self.waiters.0.is_empty()
    }

    /// The namespace ends: nobody waits for it any longer.
    pub(crate) fn release_waiters(&mut self) {
        while let Some(waiter) = self.waiters.0.pop_front() {
            self.wake(waiter);
        }
    }

    pub(super) fn expire_waiters(&mut self, now: Now) {
        fault!(WaiterNotWoken => return);
        while let Some(at) = self.waiters.0.iter().position(|waiter| waiter.until <= now.since_boot) {
            if let Some(waiter) = self.waiters.0.remove(at) {
                self.wake(waiter);
            }
        }
    }

    fn wake(&mut self, waiter: Waiter) {
        fault!(WaiterLosesAnswers => return self.output.push_back(Action::Resume { endpoint: waiter.endpoint }));
        self.output.extend(waiter.replies);
        self.output.push_back(Action::Resume { endpoint: waiter.endpoint });
    }
}

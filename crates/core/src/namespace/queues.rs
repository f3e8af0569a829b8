//! The three queues between a record's making and the audit daemon.

use super::Namespace;
use crate::action::LossReason;
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A record on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Queued {
    pub(super) message_type: u16,
    /// As the namespace sees it, stamp included.
    #[serde(with = "crate::bytes")]
    pub(super) text: Box<[u8]>,
}

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Which {
    /// Kept while no daemon is registered.
    Hold,
    /// To be sent once more.
    Retry,
    /// Fresh.
    Main,
}

/// Main, retry and hold queue. The limits of retry and hold are `backlog_limit`; all three together stay within a
/// number of bytes that the host sets, which also bounds them where `backlog_limit` is 0 (no limit).
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "SavedQueues")]
pub(super) struct Queues {
    main: VecDeque<Queued>,
    retry: VecDeque<Queued>,
    hold: VecDeque<Queued>,
    #[serde(skip)]
    bytes: usize,
    bytes_max: usize,
}

/// The form in which [`Queues`] are read: the sum follows from the rest.
#[derive(Deserialize)]
struct SavedQueues {
    main: VecDeque<Queued>,
    retry: VecDeque<Queued>,
    hold: VecDeque<Queued>,
    bytes_max: usize,
}

impl From<SavedQueues> for Queues {
    fn from(SavedQueues { main, retry, hold, bytes_max }: SavedQueues) -> Queues {
        let bytes = [&main, &retry, &hold].into_iter().flatten().map(cost).sum();
        fault!(BytesForgottenWhenRead: let bytes = 0);
        Queues { main, retry, hold, bytes, bytes_max }
    }
}

/// How much is queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLengths {
    /// Fresh records; the status shows them as `backlog`.
    pub main: usize,
    /// Records that wait to be sent to the registered audit daemon again.
    pub retry: usize,
    /// Records that are kept for the next audit daemon.
    pub hold: usize,
    /// What these cost together, with the record that is on its way to the daemon, in bytes: 0..=`queue_bytes` of
    /// [`crate::Config`].
    pub bytes: usize,
}

/// What a queued record costs beyond its text.
const OVERHEAD: usize = 48;

pub(super) fn cost(record: &Queued) -> usize {
    record.text.len() + OVERHEAD
}

impl Queues {
    pub(super) fn new(bytes_max: usize) -> Queues {
        Queues { main: VecDeque::new(), retry: VecDeque::new(), hold: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// False when memory does not allow it. `in_flight` is what the record costs that the worker has in hand and may
    /// put back.
    pub(super) fn push_main(&mut self, record: Queued, in_flight: usize) -> bool {
        fault!(HandNotCounted: let in_flight = 0);
        let allowed = self.bytes + in_flight + cost(&record) <= self.bytes_max;
        if allowed {
            self.push(Which::Main, record);
        }
        allowed
    }

    /// Puts a record back that was in a queue before, whatever it costs.
    pub(super) fn push(&mut self, which: Which, record: Queued) {
        self.bytes += cost(&record);
        self.queue(which).push_back(record);
    }

    pub(super) fn pop(&mut self, which: Which) -> Option<Queued> {
        fault!(NewestFirst => self.queue(which).make_contiguous().reverse());
        let record = self.queue(which).pop_front()?;
        self.bytes -= cost(&record);
        fault!(BytesNotGivenBack => self.bytes += cost(&record));
        Some(record)
    }

    pub(super) fn main_length(&self) -> usize {
        self.main.len()
    }

    pub(super) fn length(&mut self, which: Which) -> usize {
        self.queue(which).len()
    }

    pub(super) fn lengths(&self) -> QueueLengths {
        let Queues { main, retry, hold, bytes, .. } = self;
        QueueLengths { main: main.len(), retry: retry.len(), hold: hold.len(), bytes: *bytes }
    }

    /// Puts as many of the first held records behind the others.
    pub(super) fn rotate_held(&mut self, count: usize) {
        self.hold.rotate_left(count.min(self.hold.len()));
    }

    /// Lengths of hold, retry and main queue, and what they cost together in bytes.
    #[cfg(test)]
    pub(super) fn totals(&self) -> ([usize; 3], usize) {
        ([self.hold.len(), self.retry.len(), self.main.len()], self.bytes)
    }

    fn queue(&mut self, which: Which) -> &mut VecDeque<Queued> {
        match which {
            Which::Hold => &mut self.hold,
            Which::Retry => &mut self.retry,
            Which::Main => &mut self.main,
        }
    }
}

impl Namespace {
    /// How much is queued for an audit daemon.
    pub fn queued(&self) -> QueueLengths {
        let lengths = self.queues.lengths();
        QueueLengths { bytes: lengths.bytes + self.worker.bytes(), ..lengths }
    }

    fn has_room(&mut self, which: Which) -> bool {
        let limit = self.settings.backlog_limit;
        fault!(LimitOffByOne: let limit = limit.saturating_add(1));
        limit == 0 || self.queues.length(which) < limit as usize
    }

    /// Kernel: `kauditd_hold_skb` with any error but `EAGAIN`, on a kernel booted with `audit=1`.
    pub(super) fn hold(&mut self, record: Queued, now: Now) {
        if self.has_room(Which::Hold) {
            self.queues.push(Which::Hold, record);
        } else {
            self.lose(LossReason::HoldOverflow, now);
        }
    }

    /// Kernel: `kauditd_retry_skb`, and `kauditd_hold_skb` with `EAGAIN`.
    pub(super) fn retry(&mut self, record: Queued, now: Now) {
        if self.has_room(Which::Retry) {
            self.queues.push(Which::Retry, record);
        } else {
            self.lose(LossReason::RetryOverflow, now);
        }
    }

    pub(super) fn flush_retry_to_hold(&mut self, now: Now) {
        fault!(RetriedNotHeld => return);
        while let Some(record) = self.queues.pop(Which::Retry) {
            self.hold(record, now);
        }
    }
}

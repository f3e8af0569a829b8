//! How much has happened, and whether enough of everything: a simulator that never fills a queue proves nothing.

use crate::seen::Seen;
use auditns_core::LossReason;
use std::fmt;

/// What happened in a run, or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Inputs that namespaces were given.
    pub inputs: u64,
    /// Actions that were done.
    pub actions: u64,
    /// Records that were stored.
    pub stored: u64,
    /// Records that an audit daemon was handed, or was to be.
    pub attempts: u64,
    /// Attempts that found no room.
    pub full: u64,
    /// Senders that had to wait.
    pub pauses: u64,
    /// Audit daemons that registered.
    pub registrations: u64,
    /// Copies for listeners.
    pub copies: u64,
    /// Namespaces that were saved and read back.
    pub restarts: u64,
    /// Notices of records over the rate limit, beyond the hold queue, beyond the retry queue, beyond the memory, and not
    /// in the log.
    pub losses: [u64; 5],
}

impl Tally {
    pub(crate) fn note(&mut self, seen: &Seen) {
        self.actions += 1;
        let count = match seen {
            Seen::Stored { .. } => &mut self.stored,
            Seen::Record { .. } => &mut self.attempts,
            Seen::Copy { .. } => &mut self.copies,
            Seen::Paused { .. } => &mut self.pauses,
            Seen::Daemon { registered: true, .. } => &mut self.registrations,
            Seen::Lost { reason: LossReason::RateLimit, .. } => &mut self.losses[0],
            Seen::Lost { reason: LossReason::HoldOverflow, .. } => &mut self.losses[1],
            Seen::Lost { reason: LossReason::RetryOverflow, .. } => &mut self.losses[2],
            Seen::Lost { reason: LossReason::QueueMemory, .. } => &mut self.losses[3],
            Seen::Lost { reason: LossReason::NotStored, .. } => &mut self.losses[4],
            _ => return,
        };
        *count += 1;
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Tally) {
        let theirs = [
            other.inputs,
            other.actions,
            other.stored,
            other.attempts,
            other.full,
            other.pauses,
            other.registrations,
            other.copies,
            other.restarts,
        ];
        let losses = self.losses.iter_mut().zip(other.losses);
        losses.for_each(|(ours, theirs)| *ours += theirs);
        let ours = [
            &mut self.inputs,
            &mut self.actions,
            &mut self.stored,
            &mut self.attempts,
            &mut self.full,
            &mut self.pauses,
            &mut self.registrations,
            &mut self.copies,
            &mut self.restarts,
        ];
        ours.into_iter().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
    }

    /// Inputs and actions together.
    pub fn events(&self) -> u64 {
        self.inputs + self.actions
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { stored, attempts, full, pauses, registrations, restarts, .. } = self;
        write!(
            out,
            "{} events, {stored} records stored, {attempts} attempts to deliver ({full} found no room), {pauses} pauses, \
             {registrations} registrations, {restarts} restarts",
            self.events()
        )
    }
}

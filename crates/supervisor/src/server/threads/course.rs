//! On which processor a client runs.

use auditns_sys::placement::cpu_of;
use std::time::Duration;

/// As many messages in a row from one processor, after the first, make it the client's: the scheduler likes to put a thread
/// back to where it was before its last move, and whoever follows at once is led a dance.
const SURE: u32 = 2;

/// The least time between two moves of ours after a client: to another thread, or of a thread.
pub(super) const REST: Duration = Duration::from_millis(2);

/// Where nothing is noted, a client is looked for at each of its messages of this number: that takes as long as a message.
const LOOK: u32 = 32;

/// The processor of the last message, and of how many before it in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whereabouts {
    processor: Option<u32>,
    in_a_row: u32,
}

impl Whereabouts {
    /// A message came from there. Returns whether the messages before it did as well.
    pub(super) fn message(&mut self, processor: Option<u32>) -> bool {
        self.in_a_row = if self.processor == processor { self.in_a_row.saturating_add(1) } else { 0 };
        self.processor = processor;
        self.in_a_row >= SURE
    }

    /// What came before says nothing any more.
    pub(super) fn begin_anew(&mut self) {
        self.in_a_row = 0;
    }
}

/// What is known of where a client runs.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::server) struct Course {
    whereabouts: Whereabouts,
    /// Messages since a client was looked for.
    unseen: u32,
    moved: Duration,
}

impl Course {
    /// A message of a busy client came at that time, from the processor that was `noted`, or from that process. Returns the
    /// processor if the client has stayed there, and may be moved to it.
    pub(in crate::server) fn message(&mut self, noted: Option<u32>, pid: u32, at: Duration) -> Option<u32> {
        let processor = noted.or_else(|| self.look(pid))?;
        let stayed = self.whereabouts.message(Some(processor));
        (stayed && at.saturating_sub(self.moved) >= REST).then_some(processor)
    }

    /// Looks for the client now and then, which has to do.
    fn look(&mut self, pid: u32) -> Option<u32> {
        self.unseen += 1;
        if self.unseen < LOOK {
            return None;
        }
        self.unseen = 0;
        self.whereabouts = Whereabouts { processor: cpu_of(pid), in_a_row: SURE };
        self.whereabouts.processor
    }

    /// The client was moved at that time.
    pub(in crate::server) fn note_move(&mut self, at: Duration) {
        self.moved = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: u32 = u32::MAX;

    #[test]
    fn a_client_is_where_it_has_stayed_for_a_while() {
        let mut course = Course::default();
        let at = Duration::from_secs(1);
        let seen = [0, 0, 0, 1, 1, 0, 1, 1, 1].map(|cpu| course.message(Some(cpu), PID, at));
        assert_eq!(seen, [None, None, Some(0), None, None, None, None, None, Some(1)]);
        course.note_move(at);
        assert_eq!(course.message(Some(1), PID, at + REST / 2), None, "not so soon again");
        assert_eq!(course.message(Some(1), PID, at + REST), Some(1));
    }

    #[test]
    fn where_nothing_is_noted_it_is_looked_for_now_and_then() {
        let mut course = Course::default();
        let at = Duration::from_secs(1);
        let own = std::process::id();
        let found = (0..10 * LOOK).filter(|_| course.message(None, own, at).is_some()).count();
        assert_eq!(found, 10);
        assert!((0..10 * LOOK).all(|_| course.message(None, PID, at).is_none()), "it is gone");
    }
}

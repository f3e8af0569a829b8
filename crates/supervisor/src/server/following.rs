//! Following a busy client to its processor.
//!
//! A message and its acknowledgement cost some 11 µs where client and server share a processor, and some 50 µs where one has to
//! wake the other's. So the thread goes where its client is, as long as one client alone sends without pause. For one that
//! sends now and then, moving costs more than it gains.

use auditns_core::EndpointId;
use auditns_sys::placement::{Placement, cpu_of};
use std::time::Duration;

/// A client that sends again within this time is busy.
const BUSY: Duration = Duration::from_micros(300);
/// After this time without a message the thread may run anywhere again.
const QUIET: Duration = Duration::from_millis(10);
/// As many messages in a row of one client make it worth looking where that is.
const LOOK: u32 = 32;

/// The least time between two moves. Each costs [`auditns_sys::placement::MOMENT`] of the processor that is left.
const REST: Duration = Duration::from_millis(2);
/// As many messages in a row from one processor, after the first, make it worth going there.
const SURE: u32 = 2;

/// Which client is followed.
#[derive(Debug)]
pub(super) struct Following {
    placement: Option<Placement>,
    /// The client that sent last, when, and how many messages in a row.
    last: Option<EndpointId>,
    at: Duration,
    in_a_row: u32,
    kept_on: Option<u32>,
    /// The processor that was noted last, and how often in a row before.
    sent_on: (Option<u32>, u32),
    /// When the thread went elsewhere.
    moved: Duration,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stay,
    Look,
    Release,
}

impl Following {
    /// Of the thread that calls.
    pub(super) fn new() -> Following {
        let placement = Placement::of_this_thread().ok();
        Following {
            placement,
            last: None,
            at: Duration::ZERO,
            in_a_row: 0,
            kept_on: None,
            sent_on: (None, 0),
            moved: Duration::ZERO,
        }
    }

    /// A message came at that time, on the clock of the time since boot, sent on the processor that was `noted`, or by that
    /// process.
    pub(super) fn message(&mut self, endpoint: EndpointId, noted: Option<u32>, pid: u32, at: Duration) {
        match self.step(endpoint, at) {
            Step::Look => {
                let settled = self.settled(noted);
                // Without notes a look now and then has to do.
                self.go_to(settled.or_else(|| noted.is_none().then(|| cpu_of(pid)).flatten()));
            }
            // What is noted costs nothing to look at.
            Step::Stay if self.in_a_row > 0 => {
                let settled = self.settled(noted);
                self.go_to(settled);
            }
            Step::Stay => self.sent_on = (noted, 0),
            Step::Release => self.release(),
        }
    }

    /// The processor on which the client has stayed for a while. The scheduler likes to put it back to where it was before the
    /// last move, so whoever follows at once is led a dance.
    fn settled(&mut self, noted: Option<u32>) -> Option<u32> {
        let (cpu, times) = self.sent_on;
        self.sent_on = if cpu == noted { (cpu, times.saturating_add(1)) } else { (noted, 0) };
        noted.filter(|_| self.sent_on.1 >= SURE)
    }

    fn go_to(&mut self, cpu: Option<u32>) {
        let rested = self.kept_on.is_none() || self.at.saturating_sub(self.moved) >= REST;
        if let Some(cpu) = cpu.filter(|cpu| self.kept_on != Some(*cpu) && rested) {
            self.moved = self.at;
            let kept = self.placement.is_some_and(|placement| placement.follow_to(cpu));
            self.kept_on = kept.then_some(cpu);
        }
    }

    fn step(&mut self, endpoint: EndpointId, at: Duration) -> Step {
        let passed = at.saturating_sub(self.at);
        let alone = self.last == Some(endpoint);
        (self.last, self.at) = (Some(endpoint), at);
        self.in_a_row = if alone && passed < BUSY { self.in_a_row.wrapping_add(1) } else { 0 };
        if self.in_a_row == 0 {
            if self.kept_on.is_some() && (!alone || passed > QUIET) { Step::Release } else { Step::Stay }
        } else if self.in_a_row.is_multiple_of(LOOK) {
            Step::Look
        } else {
            Step::Stay
        }
    }

    fn release(&mut self) {
        if let Some(placement) = &self.placement {
            placement.release();
        }
        self.kept_on = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: EndpointId = EndpointId(1);
    const OTHER: EndpointId = EndpointId(2);

    /// What is done for messages of one client at these intervals, in microseconds.
    fn steps(following: &mut Following, endpoint: EndpointId, intervals: &[u64]) -> Vec<Step> {
        let mut at = following.at;
        let step = |interval: &u64| {
            at += Duration::from_micros(*interval);
            following.step(endpoint, at)
        };
        intervals.iter().map(step).filter(|step| *step != Step::Stay).collect()
    }

    #[test]
    fn a_busy_client_is_looked_for_now_and_then() {
        let mut following = Following::new();
        assert_eq!(steps(&mut following, ONE, &[20; 320]), [Step::Look; 9]);
        assert_eq!(steps(&mut following, ONE, &[2000; 320]), []);
    }

    #[test]
    fn the_thread_is_free_again_for_others_and_after_a_pause() {
        let mut following = Following::new();
        steps(&mut following, ONE, &[20; 40]);
        following.kept_on = Some(0);
        assert_eq!(steps(&mut following, ONE, &[9000]), []);
        assert_eq!(steps(&mut following, ONE, &[11_000]), [Step::Release]);
        following.kept_on = Some(0);
        assert_eq!(steps(&mut following, OTHER, &[20]), [Step::Release]);
        following.kept_on = None;
        let both = [ONE, OTHER].repeat(100);
        assert!(both.into_iter().all(|endpoint| steps(&mut following, endpoint, &[20]).is_empty()));
    }

    #[test]
    fn the_thread_follows_its_client() {
        let mut following = Following::new();
        for number in 1..100_u64 {
            following.message(ONE, None, std::process::id(), Duration::from_micros(20 * number));
        }
        assert!(following.kept_on.is_some());
        following.message(OTHER, None, std::process::id(), following.at);
        assert_eq!(following.kept_on, None);
        let cpus = rustix::thread::sched_getaffinity(None).unwrap();
        let allowed = (0..64_u32).find(|cpu| cpus.is_set(*cpu as usize));
        let mut at = following.at;
        let mut messages = |count: u32, noted| {
            for _ in 0..count {
                at += Duration::from_micros(20);
                following.message(OTHER, noted, std::process::id(), at);
            }
            following.kept_on
        };
        assert_eq!((messages(SURE, allowed), messages(1, allowed)), (None, allowed));
        assert_eq!(
            (messages(SURE, Some(u32::MAX)), messages(1, allowed)),
            (allowed, allowed),
            "it comes back"
        );
        assert_eq!(messages(110, Some(u32::MAX)), None, "there is no such processor");
    }
}

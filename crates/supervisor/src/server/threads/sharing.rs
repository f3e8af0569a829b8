//! Whether the main thread shares its client's processor.
//!
//! On the client's processor the two take turns, and nobody has to be woken on another one, which takes hundreds of
//! microseconds in a virtual machine that has nothing else to do. So the thread goes where messages come from.
//!
//! Beside a client that is alone and busy the thread can also look for the next message while the client still reads its
//! acknowledgement. Which takes less time depends on the machine, its hypervisor and on where the scheduler wakes the client.
//! So both are tried for some messages now and then. Looking takes all of a processor: it must be worth that.

use super::course::{REST, Whereabouts};
use super::trial::Trial;
use std::time::Duration;

/// How long a side is kept before both are tried again, at first and at most: twice as long each time that the same was
/// better.
const KEPT: Duration = Duration::from_secs(1);
const KEPT_MAX: Duration = Duration::from_secs(16);

/// Looking beside the client is worth its processor if it takes at most so many percent of the time.
const WORTH: u32 = 80;

/// Where the main thread is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) enum Place {
    /// Wherever the scheduler puts it.
    #[default]
    Anywhere,
    /// On this processor.
    On(u32),
    /// On any other.
    Beside(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    On,
    Beside,
}

/// What was tried, and what came of it.
#[derive(Debug)]
pub(in crate::server) struct Sharing {
    side: Side,
    /// Of this side; `None` while it is kept.
    trial: Option<Trial>,
    /// What the trial on the client's processor took.
    took_on: Duration,
    kept: Option<Side>,
    keep: Duration,
    try_at: Duration,
    whereabouts: Whereabouts,
    /// The client's processor, and since when.
    client: Option<u32>,
    since: Duration,
    /// Nobody was followed so far.
    is_new: bool,
    busy: bool,
}

impl Default for Sharing {
    fn default() -> Sharing {
        Sharing {
            side: Side::On,
            trial: Some(Trial::default()),
            took_on: Duration::ZERO,
            kept: None,
            keep: KEPT,
            try_at: Duration::ZERO,
            whereabouts: Whereabouts::default(),
            client: None,
            since: Duration::ZERO,
            is_new: true,
            busy: false,
        }
    }
}

impl Sharing {
    /// Several clients are busy, or one that waits for no answers: work goes on at both ends at the same time.
    pub(in crate::server) fn nowhere(&mut self) {
        self.client = None;
        self.whereabouts.begin_anew();
        self.rest();
    }

    /// A client that is not busy sent a message at that time, from the processor that was noted.
    pub(in crate::server) fn now_and_then(&mut self, noted: Option<u32>, at: Duration) {
        self.follow(noted, at);
        self.rest();
    }

    /// The one busy client sent a message at that time, from the processor that was noted.
    pub(in crate::server) fn busy(&mut self, noted: Option<u32>, at: Duration) {
        self.follow(noted, at);
        self.busy = true;
        if self.client.is_none() {
            return;
        }
        let limit = (self.side == Side::Beside).then_some(self.took_on * WORTH / 100);
        match &mut self.trial {
            None if at >= self.try_at => (self.side, self.trial) = (Side::On, Some(Trial::default())),
            None => {}
            Some(trial) => {
                if let Some(took) = trial.message(at, limit) {
                    self.tried(took, at);
                }
            }
        }
    }

    /// Where the main thread is to run by now.
    pub(super) fn place(&self) -> Place {
        match (self.client, self.side) {
            (None, _) => Place::Anywhere,
            (Some(processor), Side::Beside) if self.busy => Place::Beside(processor),
            (Some(processor), _) => Place::On(processor),
        }
    }

    /// Nobody is busy alone. A trial begins anew.
    fn rest(&mut self) {
        self.busy = false;
        if self.trial.is_some() {
            (self.side, self.trial) = (Side::On, Some(Trial::default()));
        }
    }

    fn follow(&mut self, noted: Option<u32>, at: Duration) {
        let stays = self.whereabouts.message(noted) || self.is_new;
        let moved = stays && self.client != noted;
        if moved && (self.client.is_none() || at.saturating_sub(self.since) >= REST) {
            (self.client, self.since, self.is_new) = (noted, at, false);
        }
    }

    fn tried(&mut self, took: Duration, at: Duration) {
        if self.side == Side::On {
            self.took_on = took;
            (self.side, self.trial) = (Side::Beside, Some(Trial::default()));
            return;
        }
        let worth = took < self.took_on * WORTH / 100;
        self.side = if worth { Side::Beside } else { Side::On };
        self.keep = if self.kept == Some(self.side) { (2 * self.keep).min(KEPT_MAX) } else { KEPT };
        (self.kept, self.trial, self.try_at) = (Some(self.side), None, at + self.keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::threads::trial::MESSAGES;

    /// Plays so many messages that take as long on the client's processor, and beside it. Returns the places.
    fn play(sharing: &mut Sharing, at: &mut Duration, messages: u32, on: u64, beside: u64) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..messages {
            let took = if sharing.place() == Place::On(1) { on } else { beside };
            *at += Duration::from_micros(took);
            sharing.busy(Some(1), *at);
            places.push(sharing.place());
        }
        places
    }

    #[test]
    fn what_takes_less_is_kept() {
        let cases = [
            (8, 13, Place::On(1)),
            (13, 11, Place::On(1)),
            (40, 13, Place::Beside(1)),
            (8, 400, Place::On(1)),
        ];
        for (on, beside, kept) in cases {
            let (mut sharing, mut at) = (Sharing::default(), Duration::ZERO);
            let trial = play(&mut sharing, &mut at, 2 * MESSAGES + 2, on, beside);
            for side in [Place::On(1), Place::Beside(1)] {
                assert!(trial.contains(&side), "{side:?} is tried");
            }
            let places = play(&mut sharing, &mut at, 10_000, on, beside);
            assert!(places.iter().all(|place| *place == kept), "{kept:?}");
        }
    }

    #[test]
    fn both_are_tried_again_when_things_may_have_changed() {
        let (mut sharing, mut at) = (Sharing::default(), Duration::ZERO);
        play(&mut sharing, &mut at, 1000, 8, 13);
        assert_eq!(sharing.place(), Place::On(1));
        at += KEPT;
        play(&mut sharing, &mut at, 1000, 40, 13);
        assert_eq!(sharing.place(), Place::Beside(1));
        let mut trials = 0;
        let mut tried_at = sharing.try_at;
        for _ in 0..4_000_000 {
            play(&mut sharing, &mut at, 1, 40, 13);
            trials += u32::from(sharing.try_at != tried_at);
            tried_at = sharing.try_at;
        }
        assert_eq!(trials, 6, "after 1, 2, 4, 8, 16 and 16 seconds of 52");
    }

    #[test]
    fn a_trial_is_over_as_soon_as_it_is_lost() {
        let (mut sharing, mut at) = (Sharing::default(), Duration::ZERO);
        let places = play(&mut sharing, &mut at, 1000, 8, 40);
        let beside = places.iter().filter(|place| **place == Place::Beside(1)).count();
        assert!((1..20).contains(&beside), "{beside} messages take five times as long");
    }

    #[test]
    fn a_client_is_where_it_has_stayed_for_a_while_and_the_first_one_where_it_is() {
        let mut sharing = Sharing::default();
        let at = Duration::from_secs(1);
        let seen = [0, 0, 1, 1, 1, 1].map(|cpu| {
            sharing.now_and_then(Some(cpu), at);
            sharing.place()
        });
        assert_eq!(seen, [Place::On(0); 6], "not so soon again");
        sharing.now_and_then(Some(1), at + REST);
        assert_eq!(sharing.place(), Place::On(1));
        sharing.busy(Some(1), at + REST);
        assert_eq!(sharing.place(), Place::On(1));
        sharing.nowhere();
        assert_eq!(sharing.place(), Place::Anywhere);
        sharing.now_and_then(Some(1), at + REST);
        assert_eq!(sharing.place(), Place::Anywhere, "it may be one of several");
        (0..10).for_each(|_| sharing.busy(None, at));
        assert_eq!(sharing.place(), Place::Anywhere, "it is not known");
    }
}

//! Looking for the next message for a moment before going to sleep.
//!
//! A client that waits for an acknowledgement sends again some 10 µs after it. Where it runs on another processor, going to
//! sleep and being woken across processors takes several times as long, more in a virtual machine. So the thread looks again for
//! a moment, as long as that mostly finds something.

use super::crowd::Expected;
use super::places::Places;
use rustix::thread::sched_getcpu;
use std::io;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// How long it is looked for a message.
const MOMENT: Duration = Duration::from_micros(50);

/// As often in a row may nothing be found before it is not looked for a while.
const MISSES: u32 = 3;

/// How long it is not looked after that, at first and at most: twice as long each time.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Threads of this process that look.
static LOOKING: Places = Places::new();

/// Whether a thread looks, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Expecting {
    expected: Expected,
    misses: u32,
    pause: Option<Duration>,
    not_before: Option<Instant>,
}

impl Expecting {
    /// What will soon come, as far as is known.
    pub(super) fn set(&mut self, expected: Expected) {
        self.expected = expected;
    }

    /// Looks for a moment, if a message is expected. Returns whether there is something.
    ///
    /// # Errors
    /// Those of `look`.
    pub(super) fn look(&mut self, look: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
        self.look_from(&LOOKING, || u32::try_from(sched_getcpu()).ok(), look)
    }

    fn look_from(
        &mut self,
        looking: &'static Places,
        here: impl FnOnce() -> Option<u32>,
        mut look: impl FnMut() -> io::Result<bool>,
    ) -> io::Result<bool> {
        match std::mem::take(&mut self.expected) {
            Expected::Nothing => return Ok(false),
            // One that shares our processor can send only when we sleep.
            Expected::From(there) if here() == Some(there) => return Ok(false),
            Expected::From(_) | Expected::FromSomewhere => {}
        }
        let begin = Instant::now();
        if self.not_before.is_some_and(|at| begin < at) {
            return Ok(false);
        }
        let Some(_place) = looking.take(places()) else { return Ok(false) };
        while !look()? {
            if begin.elapsed() > MOMENT {
                self.miss(begin);
                return Ok(false);
            }
        }
        (self.misses, self.pause, self.not_before) = (0, None, None);
        Ok(true)
    }

    fn miss(&mut self, now: Instant) {
        self.misses += 1;
        if self.misses >= MISSES {
            let pause = self.pause.map_or(PAUSE, |pause| (2 * pause).min(PAUSE_MAX));
            (self.misses, self.pause, self.not_before) = (0, Some(pause), Some(now + pause));
        }
    }
}

/// How many threads may look: they leave half of the processors to others. A thread that may run on all of them is to ask first.
pub(super) fn places() -> usize {
    static PLACES: OnceLock<usize> = OnceLock::new();
    *PLACES.get_or_init(|| available_parallelism().map_or(1, NonZero::get) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::eventually;

    /// How often is looked when the message comes at that look, or never.
    fn looks(
        looking: &'static Places,
        expecting: &mut Expecting,
        expected: Expected,
        comes: Option<u32>,
    ) -> u32 {
        let mut looks = 0;
        expecting.set(expected);
        let found = expecting.look_from(
            looking,
            || Some(1),
            || {
                looks += 1;
                Ok(Some(looks) == comes)
            },
        );
        assert_eq!(found.unwrap(), comes.is_some_and(|comes| comes == looks));
        looks
    }

    #[test]
    fn a_message_is_looked_for_where_it_is_expected_from_another_processor() {
        static OWN: Places = Places::new();
        if places() == 0 {
            return;
        }
        let mut expecting = Expecting::default();
        assert_eq!(looks(&OWN, &mut expecting, Expected::Nothing, Some(1)), 0);
        assert_eq!(
            looks(&OWN, &mut expecting, Expected::From(1), Some(1)),
            0,
            "it would keep the sender from its processor"
        );
        for expected in [Expected::From(0), Expected::FromSomewhere] {
            // Whoever is interrupted for longer than a moment looks less often.
            eventually("it is found", || looks(&OWN, &mut Expecting::default(), expected, Some(3)) == 3);
        }
    }

    #[test]
    fn who_finds_nothing_again_and_again_looks_more_and_more_rarely() {
        static OWN: Places = Places::new();
        if places() == 0 {
            return;
        }
        let mut expecting = Expecting::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            for _ in 0..MISSES {
                assert!(looks(&OWN, &mut expecting, Expected::From(0), None) > 0);
            }
            expecting.not_before = expecting.not_before.map(|_| Instant::now() + PAUSE_MAX);
            assert_eq!(looks(&OWN, &mut expecting, Expected::From(0), Some(1)), 0);
            pauses.extend(expecting.pause);
            expecting.not_before = None;
        }
        let doubled: Vec<_> = (0..9).map(|number| (PAUSE * (1 << number)).min(PAUSE_MAX)).collect();
        assert_eq!(pauses, doubled);
        assert_eq!(looks(&OWN, &mut expecting, Expected::From(0), Some(1)), 1);
        assert_eq!((expecting.misses, expecting.pause), (0, None), "it begins anew");
    }
}

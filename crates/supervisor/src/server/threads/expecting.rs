//! Looking for the next message for a moment before going to sleep.
//!
//! A client that waits for an acknowledgement sends again some 10 µs after it. Where it runs on another processor, going to
//! sleep and being woken across processors takes several times as long, more in a virtual machine. So the thread looks again for
//! a moment, as long as that mostly finds something.

use rustix::thread::sched_getcpu;
use std::io;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
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
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// Whether a thread looks, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Expecting {
    expected: Option<Option<u32>>,
    misses: u32,
    pause: Option<Duration>,
    not_before: Option<Instant>,
}

impl Expecting {
    /// Whether the client that was served last will soon send again, and on which processor it is, as far as that is known.
    pub(super) fn set(&mut self, expected: Option<Option<u32>>) {
        self.expected = expected;
    }

    /// Looks for a moment, if a message is expected. Returns whether there is something.
    ///
    /// # Errors
    /// Those of `look`.
    pub(super) fn look(&mut self, mut look: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
        // One that shares our processor can send only when we sleep.
        let here = u32::try_from(sched_getcpu()).ok();
        if !self.expected.take().is_some_and(|there| there.is_none() || there != here) {
            return Ok(false);
        }
        let begin = Instant::now();
        if self.not_before.is_some_and(|at| begin < at) {
            return Ok(false);
        }
        let Some(_place) = Place::take(places()) else { return Ok(false) };
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

/// One of the threads that may look at a time.
struct Place;

impl Place {
    fn take(places: usize) -> Option<Place> {
        let taken = LOOKING.fetch_add(1, Ordering::Relaxed);
        let place = Place;
        (taken < places).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LOOKING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many threads may look: they leave half of the processors to others.
fn places() -> usize {
    static PLACES: OnceLock<usize> = OnceLock::new();
    *PLACES.get_or_init(|| available_parallelism().map_or(1, NonZero::get) / 2)
}

//! When a server that has ended is started again.

use std::time::Duration;

/// How long is waited after the first failure; twice as long after each further one.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// A server that ends sooner after its start than this has ended quickly.
const QUICKLY: Duration = Duration::from_secs(1);
/// So many times in a row, a server that served and ended quickly is started again at once, and then after the shortest wait.
const QUICK_ENDS: u32 = 30;

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    failures: u32,
    quick_ends: u32,
}

impl Pace {
    /// How long to wait, after a server has ended that `served`, or did not, and was there for so long.
    pub(crate) fn after(&mut self, served: bool, lived: Duration) -> Duration {
        self.quick_ends = if lived < QUICKLY { self.quick_ends.saturating_add(1) } else { 0 };
        if served {
            self.failures = 0;
            return if self.quick_ends > QUICK_ENDS { SHORTEST } else { Duration::ZERO };
        }
        let wait = SHORTEST.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_five_seconds_until_a_server_has_served() {
        let mut pace = Pace::default();
        let waits: Vec<_> = (0..8).map(|_| pace.after(false, Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!((0..100).map(|_| pace.after(false, LONGEST)).max(), Some(LONGEST));
        assert_eq!(pace.after(true, QUICKLY), Duration::ZERO);
        assert_eq!(pace.after(false, QUICKLY), SHORTEST);
    }

    #[test]
    fn a_server_that_ends_quickly_every_time_does_not_use_up_the_processor() {
        let mut pace = Pace::default();
        for _ in 0..QUICK_ENDS {
            assert_eq!(pace.after(true, Duration::ZERO), Duration::ZERO);
        }
        for _ in 0..QUICK_ENDS {
            assert_eq!(pace.after(true, Duration::ZERO), SHORTEST);
        }
        assert_eq!(pace.after(true, QUICKLY), Duration::ZERO);
        assert_eq!(pace.after(true, Duration::ZERO), Duration::ZERO);
    }
}

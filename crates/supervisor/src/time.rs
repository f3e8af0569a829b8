//! From the kernel's clocks to the namespace's.

use auditns_core::Now;
use auditns_sys::clock;
use std::time::Duration;

/// Clock ticks per second of `/proc`, fixed in the kernel's interface.
const TICKS_PER_SECOND: u32 = 100;

/// The moment at which something happens.
pub(crate) fn now() -> Now {
    let wall = clock::wall();
    Now { seconds: wall.seconds, milliseconds: wall.milliseconds, since_boot: clock::since_boot() }
}

/// When a process started, from the ticks that `/proc/PID/stat` shows.
pub(crate) fn started(ticks: u64) -> Duration {
    Duration::from_secs(ticks) / TICKS_PER_SECOND
}

/// The ticks that [`started`] was given.
pub(crate) fn ticks(started: Duration) -> u64 {
    let ticks = started.as_nanos() * u128::from(TICKS_PER_SECOND) / Duration::from_secs(1).as_nanos();
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// A time since boot in whole ticks, as [`started`] tells of a process that started then.
pub(crate) fn in_ticks(since_boot: Duration) -> Duration {
    let ticks = since_boot.as_nanos() * u128::from(TICKS_PER_SECOND) / Duration::from_secs(1).as_nanos();
    u64::try_from(ticks).map_or(Duration::MAX, started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_told_in_ticks_that_have_passed() {
        for (nanoseconds, ticks) in [(0, 0), (9_999_999, 0), (10_000_000, 1), (123_456_789_012, 12_345)] {
            assert_eq!(in_ticks(Duration::from_nanos(nanoseconds)), started(ticks));
            assert_eq!(super::ticks(started(ticks)), ticks);
        }
    }
}

//! The two clocks of the supervisor: one for record stamps, one for timers.

use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::Duration;

/// Wall-clock time as audit records carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    /// Seconds since 1970-01-01 00:00:00 UTC; 0 if the clock stands before that.
    pub seconds: u64,
    /// Milliseconds within the second, 0 to 999.
    pub milliseconds: u16,
}

/// Reads `CLOCK_REALTIME_COARSE`, the clock from which the kernel stamps audit records (kernel: `audit_log_start`,
/// `ktime_get_coarse_real_ts64`). Its resolution is one timer tick, 1 to 10 ms.
pub fn wall() -> WallTime {
    wall_of(clock_gettime(ClockId::RealtimeCoarse))
}

/// Time since boot (`CLOCK_BOOTTIME`): never goes back, and is the clock of a process's start in `/proc/PID/stat`.
pub fn since_boot() -> Duration {
    Duration::from_nanos(nanoseconds_of(clock_gettime(ClockId::Boottime)))
}

fn wall_of(time: Timespec) -> WallTime {
    let milliseconds = u16::try_from(time.tv_nsec / 1_000_000).unwrap_or(999).min(999);
    match u64::try_from(time.tv_sec) {
        Ok(seconds) => WallTime { seconds, milliseconds },
        Err(_) => WallTime { seconds: 0, milliseconds: 0 },
    }
}

fn nanoseconds_of(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn wall_clock_agrees_with_the_system_clock_to_a_tick() {
        let system =
            || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let before = system();
        let ours = wall();
        let ours = ours.seconds * 1000 + u64::from(ours.milliseconds);
        assert!((before - 100..=system()).contains(&ours), "{ours} after {before}");
    }

    #[test]
    fn conversion_keeps_seconds_and_whole_milliseconds() {
        let time = wall_of(Timespec { tv_sec: 1_700_000_000, tv_nsec: 123_999_999 });
        assert_eq!(time, WallTime { seconds: 1_700_000_000, milliseconds: 123 });
        assert_eq!(wall_of(Timespec { tv_sec: -5, tv_nsec: 7 }), WallTime { seconds: 0, milliseconds: 0 });
    }

    #[test]
    fn boot_clock_counts_nanoseconds() {
        assert_eq!(nanoseconds_of(Timespec { tv_sec: 3, tv_nsec: 5 }), 3_000_000_005);
        let before = since_boot();
        std::thread::sleep(Duration::from_millis(5));
        let passed = since_boot().saturating_sub(before);
        assert!((5..5000).contains(&passed.as_millis()), "{passed:?}");
    }
}

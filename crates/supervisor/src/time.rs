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

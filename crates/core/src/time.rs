//! Time as an argument.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Ticks per second of the kernel's `jiffies`, the unit of `backlog_wait_time`.
///
/// A kernel's own value is not visible to user space; 250 is that of Debian, Ubuntu, SUSE and Arch kernels. Audit
/// clients compute with none: `auditctl --backlog_wait_time` passes the number through.
pub const JIFFIES_PER_SECOND: u32 = 250;

/// The moment at which an input arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Wall clock: seconds since 1970, for stamps.
    pub seconds: u64,
    /// Wall clock: milliseconds, 0..=999.
    pub milliseconds: u16,
    /// A clock that never goes back, since boot: for limits and waits.
    pub since_boot: Duration,
}

/// The duration of a number of jiffies.
pub fn jiffies(count: u32) -> Duration {
    Duration::from_millis(u64::from(count) * 1000 / u64::from(JIFFIES_PER_SECOND))
}

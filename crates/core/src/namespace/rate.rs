//! `rate_limit`: records per second.

use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Counts as the kernel's `audit_rate_check` does: the window is a second from the last reset, and with limit n the
/// n-th record of a window is the first to be dropped.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RateMeter {
    last_reset: Duration,
    count: u32,
}

impl RateMeter {
    /// Whether one more record may pass.
    pub(super) fn allows(&mut self, limit: u32, now: Now) -> bool {
        if limit == 0 {
            return true;
        }
        self.count = self.count.saturating_add(1);
        if self.count < limit {
            return true;
        }
        fault!(RateRenewedEarly => self.last_reset = self.last_reset.saturating_sub(Duration::from_micros(1)));
        if now.since_boot > self.last_reset.saturating_add(Duration::from_secs(1)) {
            self.last_reset = now.since_boot;
            self.count = 0;
            fault!(RateNeverRenewed => self.count = limit);
            return true;
        }
        false
    }
}

//! Counting what is lost, and saying so.

use super::settings::FAIL_PANIC;
use super::{Namespace, count};
use crate::action::{Action, LossReason, Notice};
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When the last notice went out.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct LossReports {
    last: Duration,
}

impl Namespace {
    /// Kernel: `audit_log_lost`. A notice goes out, with any `failure` setting, at most once a second while a rate limit
    /// is set. With `failure` 2 the kernel panics; a namespace must not harm its host.
    pub(super) fn lose(&mut self, reason: LossReason, now: Now) {
        self.settings.lost = self.settings.lost.wrapping_add(1);
        fault!(LossNotShown => self.settings.lost = self.settings.lost.wrapping_sub(1));
        count(&mut self.counters.lost);
        let always = self.settings.failure == FAIL_PANIC || self.settings.rate_limit == 0;
        let due = now.since_boot > self.loss.last.saturating_add(Duration::from_secs(1));
        if !always && !due {
            return;
        }
        if !always {
            self.loss.last = now.since_boot;
        }
        self.output.push_back(Action::Notice(Notice::Lost {
            reason,
            lost: self.settings.lost,
            failure: self.settings.failure,
            rate_limit: self.settings.rate_limit,
            backlog_limit: self.settings.backlog_limit,
        }));
    }
}

//! The values of `struct audit_status` that a namespace holds.

use crate::time::JIFFIES_PER_SECOND;
use serde::{Deserialize, Serialize};

/// `AUDIT_OFF`.
pub(super) const DISABLED: u32 = 0;
/// `AUDIT_ON`.
pub(super) const ENABLED: u32 = 1;
/// `AUDIT_LOCKED`: as on, and the configuration can no longer change.
pub(super) const LOCKED: u32 = 2;

/// `AUDIT_FAIL_PRINTK`; 0, `AUDIT_FAIL_SILENT`, differs from it in the kernel's log only.
pub(super) const FAIL_PRINTK: u32 = 1;
/// `AUDIT_FAIL_PANIC`: the kernel would stop the machine. A namespace refuses what it cannot record instead.
pub(super) const FAIL_PANIC: u32 = 2;

/// Longest `backlog_wait_time` accepted, in jiffies: ten times its default of a minute.
pub(super) const BACKLOG_WAIT_MAX: u32 = 10 * BACKLOG_WAIT_DEFAULT;
const BACKLOG_WAIT_DEFAULT: u32 = 60 * JIFFIES_PER_SECOND;

/// See `auditns_wire::payload::Status` for the units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) enabled: u32,
    pub(super) failure: u32,
    pub(super) rate_limit: u32,
    pub(super) backlog_limit: u32,
    pub(super) backlog_wait_time: u32,
    pub(super) backlog_wait_time_actual: u32,
    pub(super) lost: u32,
}

impl Settings {
    /// A kernel booted with `audit=1`.
    pub(super) fn new(backlog_limit: u32) -> Settings {
        Settings {
            enabled: ENABLED,
            failure: FAIL_PRINTK,
            rate_limit: 0,
            backlog_limit,
            backlog_wait_time: BACKLOG_WAIT_DEFAULT,
            backlog_wait_time_actual: 0,
            lost: 0,
        }
    }
}

//! `AUDIT_GET` and `AUDIT_SET`.

use super::Namespace;
use super::datagram::{Handled, Outcome, Request};
use super::settings::{BACKLOG_WAIT_MAX, DISABLED, FAIL_PANIC, LOCKED, Settings};
use crate::config::Policy;
use crate::sender::Sender;
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::message_type::CONFIG_CHANGE;
use auditns_wire::payload::Status;
use auditns_wire::record::{Body, ConfigChange, Viewed};

/// One setting: the name in its record, and where it is kept.
type Field = (&'static str, fn(&mut Settings) -> &mut u32);

const ENABLED_FIELD: Field = ("audit_enabled", |settings| &mut settings.enabled);
const FAILURE_FIELD: Field = ("audit_failure", |settings| &mut settings.failure);
const RATE_FIELD: Field = ("audit_rate_limit", |settings| &mut settings.rate_limit);
const BACKLOG_FIELD: Field = ("audit_backlog_limit", |settings| &mut settings.backlog_limit);
const WAIT_FIELD: Field = ("audit_backlog_wait_time", |settings| &mut settings.backlog_wait_time);

impl Namespace {
    /// What `AUDIT_GET` shows, but with the audit daemon's process id as the host sees it.
    pub fn status(&self) -> Status {
        self.status_with(self.registered_pid().host)
    }

    pub(super) fn get_status(&self, request: &Request<'_>) -> Vec<u8> {
        request.data(&self.status_with(self.registered_pid().namespace).encode())
    }

    fn status_with(&self, pid: u32) -> Status {
        let settings = &self.settings;
        Status {
            mask: 0,
            enabled: settings.enabled,
            failure: settings.failure,
            pid,
            rate_limit: settings.rate_limit,
            backlog_limit: settings.backlog_limit,
            lost: settings.lost,
            backlog: u32::try_from(self.queues.main_length()).unwrap_or(u32::MAX),
            feature_bitmap: Status::FEATURE_BITMAP,
            backlog_wait_time: settings.backlog_wait_time,
            backlog_wait_time_actual: settings.backlog_wait_time_actual,
        }
    }

    /// The bits are applied in the kernel's order; the first error stops, and what was applied stays applied.
    pub(super) fn set_status(&mut self, request: &Request<'_>) -> Handled {
        let status = Status::decode(request.message.payload);
        if self.config.policy == Policy::Strict {
            return self.set_status_strictly(request, &status);
        }
        let asked = |bit: u32| status.mask & bit != 0;
        let (sender, now) = (request.sender, request.now);
        let mut outcome = Outcome::Done;

        if asked(Status::MASK_ENABLED) {
            in_range(status.enabled, LOCKED)?;
            self.change(ENABLED_FIELD, status.enabled, sender, now)?;
        }
        if asked(Status::MASK_FAILURE) {
            in_range(status.failure, FAIL_PANIC)?;
            self.change(FAILURE_FIELD, status.failure, sender, now)?;
        }
        if asked(Status::MASK_PID) {
            outcome = self.set_daemon(request, status.pid)?;
        }
        if asked(Status::MASK_RATE_LIMIT) {
            self.change(RATE_FIELD, status.rate_limit, sender, now)?;
        }
        if asked(Status::MASK_BACKLOG_LIMIT) {
            if !self.gate_open {
                return Err(Errno::EPERM);
            }
            self.change(BACKLOG_FIELD, status.backlog_limit, sender, now)?;
        }
        if asked(Status::MASK_BACKLOG_WAIT_TIME) {
            // The kernel compares the structure's size with nlmsg_len, header included.
            if (request.message.header.length as usize) < Status::LENGTH {
                return Err(Errno::EINVAL);
            }
            in_range(status.backlog_wait_time, BACKLOG_WAIT_MAX)?;
            self.change(WAIT_FIELD, status.backlog_wait_time, sender, now)?;
        }
        match status.mask {
            Status::MASK_LOST => {
                let lost = std::mem::take(&mut self.settings.lost);
                self.log_reset("lost", lost, sender, now);
                Ok(Outcome::Count(lost))
            }
            Status::MASK_BACKLOG_WAIT_TIME_ACTUAL => {
                let actual = std::mem::take(&mut self.settings.backlog_wait_time_actual);
                self.log_reset("backlog_wait_time_actual", actual, sender, now);
                Ok(Outcome::Count(actual))
            }
            _ => Ok(outcome),
        }
    }

    /// The 2013 proposal: the daemon's pid is applied first, everything else is the host's.
    fn set_status_strictly(&mut self, request: &Request<'_>, status: &Status) -> Handled {
        let mut outcome = Outcome::Done;
        if status.mask & Status::MASK_PID != 0 {
            outcome = self.set_daemon(request, status.pid)?;
        }
        if status.mask & !Status::MASK_PID == 0 { Ok(outcome) } else { Err(Errno::EPERM) }
    }

    /// Kernel: `audit_do_config_change`.
    fn change(&mut self, (name, field): Field, new: u32, sender: &Sender, now: Now) -> Result<(), Errno> {
        let allowed = self.settings.enabled != LOCKED;
        let old = *field(&mut self.settings);
        if self.settings.enabled != DISABLED {
            self.log_config(name, both(new), both(old), sender, allowed, now);
        }
        if !allowed {
            return Err(Errno::EPERM);
        }
        *field(&mut self.settings) = new;
        Ok(())
    }

    /// Kernel: `audit_log_config_change`. It does not ask whether auditing is enabled.
    pub(super) fn log_config(
        &mut self,
        name: &'static str,
        new: Viewed<u32>,
        old: Viewed<u32>,
        sender: &Sender,
        success: bool,
        now: Now,
    ) {
        let change = ConfigChange { name, new, old, ids: sender.ids, success };
        self.log(CONFIG_CHANGE, sender, None, &Body::Config(change), now);
    }

    fn log_reset(&mut self, name: &'static str, old: u32, sender: &Sender, now: Now) {
        self.log_config(name, both(0), both(old), sender, true, now);
    }
}

fn in_range(value: u32, maximum: u32) -> Result<(), Errno> {
    if value <= maximum { Ok(()) } else { Err(Errno::EINVAL) }
}

pub(super) fn both(value: u32) -> Viewed<u32> {
    Viewed { namespace: value, host: value }
}

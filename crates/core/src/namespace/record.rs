//! The one place where records are made.

use super::queues::Queued;
use super::{Namespace, count};
use crate::action::{Action, LossReason};
use crate::login::{KernelLogin, LoginSource};
use crate::rules::{FileId, FilterTask, Verdict};
use crate::sender::Sender;
use crate::time::Now;
use auditns_wire::message_type::LOGIN;
use auditns_wire::record::{self, Body, Login, Stamp, Viewed};
use auditns_wire::rule::FilterList;
use std::borrow::Cow;

/// A sender as rules see it.
pub(super) fn filter_task(sender: &Sender, exe: Option<FileId>) -> FilterTask {
    let ids = sender.ids.namespace;
    FilterTask { pid: ids.pid, uid: ids.uid, gid: sender.gid, loginuid: ids.auid, exe }
}

impl Namespace {
    /// Makes a record on behalf of `sender`: exclude rules, serial number, rate limit, the host's log, the queue.
    /// Kernel: `audit_log_start`, `audit_log_end`. Returns the serial number of a record that is to be stored; none
    /// is made while the gate is closed.
    pub(super) fn log(
        &mut self,
        message_type: u16,
        sender: &Sender,
        exe: Option<FileId>,
        body: &Body,
        now: Now,
    ) -> Option<u32> {
        if !self.gate_open {
            return None;
        }
        let task = filter_task(sender, exe);
        if self.rules.filter(FilterList::Exclude, u32::from(message_type), &task) == Verdict::Drop {
            count(&mut self.counters.filtered);
            return None;
        }
        let stamp = self.next_stamp(now);
        if !self.rate.allows(self.settings.rate_limit, now) {
            self.lose(LossReason::RateLimit, now);
            return None;
        }
        count(&mut self.counters.records);
        let line = record::host_line(message_type, stamp, &self.provenance_with_login(sender), body);
        let serial = stamp.serial;
        self.output.push_back(Action::Store { serial, line, lifetime: false });
        let text = record::namespace_text(stamp, body).into_boxed_slice();
        if self.config.inside_log {
            let line = record::namespace_line(message_type, &text);
            self.output.push_back(Action::StoreInside { serial, line });
        }
        if !self.queues.push_main(Queued { message_type, text }, self.worker.bytes()) {
            self.lose(LossReason::QueueMemory, now);
            self.worker.nudge();
        }
        Some(serial)
    }

    /// What lines of the host's log begin with; of a sender whose login is the namespace's own, with the kernel's.
    fn provenance_with_login(&self, sender: &Sender) -> Cow<'_, str> {
        match sender.login {
            LoginSource::Namespace(KernelLogin { auid, ses }) => {
                Cow::Owned(format!("{} host-login={auid} host-session={ses}", self.provenance))
            }
            LoginSource::Kernel | LoginSource::Kept(_) => Cow::Borrowed(&self.provenance),
        }
    }

    pub(super) fn next_stamp(&mut self, now: Now) -> Stamp {
        self.serial = self.serial.wrapping_add(1);
        fault!(SerialReused => self.serial -= u32::from(self.serial.is_multiple_of(8)));
        Stamp { seconds: now.seconds, milliseconds: now.milliseconds, serial: self.serial }
    }

    /// Kernel: `audit_log_set_loginuid`.
    pub(super) fn log_login(
        &mut self,
        sender: &Sender,
        old_auid: Viewed<u32>,
        old_ses: u32,
        tty: &[u8],
        success: bool,
        now: Now,
    ) {
        if self.settings.enabled != super::settings::DISABLED {
            let body = Body::Login(Login { ids: sender.ids, old_auid, old_ses, tty: tty.to_vec(), success });
            self.log(LOGIN, sender, None, &body, now);
        }
    }
}

//! Messages of user-space programs.

use super::datagram::{Handled, Outcome, Request};
use super::record::filter_task;
use super::settings::DISABLED;
use super::{Namespace, count};
use crate::rules::Verdict;
use auditns_wire::Errno;
use auditns_wire::message_type::{USER_AVC, USER_TTY};
use auditns_wire::record::{Body, UserText};
use auditns_wire::rule::FilterList;

impl Namespace {
    /// Kernel: `audit_receive_msg`, `AUDIT_USER` and the two user ranges. The acknowledgement says nothing about
    /// filters, limits or delivery.
    pub(super) fn user_message(&mut self, request: &Request<'_>) -> Handled {
        let message_type = request.message.header.message_type;
        if self.settings.enabled == DISABLED && message_type != USER_AVC {
            return Ok(Outcome::Done);
        }
        let payload = request.message.payload;
        if payload.len() < 2 {
            return Err(Errno::EINVAL);
        }
        let task = filter_task(request.sender, request.answers.exe);
        if self.rules.filter(FilterList::User, u32::from(message_type), &task) == Verdict::Drop {
            count(&mut self.counters.filtered);
            return Ok(Outcome::Done);
        }
        if message_type == USER_TTY && self.tty_status(request).enabled == 0 {
            return Err(Errno::EPERM);
        }
        let text =
            if message_type == USER_TTY { UserText::terminal(payload) } else { UserText::message(payload) };
        let body = Body::User { ids: request.sender.ids, text };
        let serial = self.log(message_type, request.sender, request.answers.exe, &body, request.now);
        self.remember_unstored(request, serial);
        Ok(Outcome::Done)
    }
}

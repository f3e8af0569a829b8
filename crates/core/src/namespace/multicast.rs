//! READLOG: the multicast group whose members get a copy of every record.

use super::Namespace;
use super::endpoints::{READLOG, groups};
use super::settings::DISABLED;
use crate::action::{Action, EndpointId};
use crate::sender::{Sender, TaskDetails};
use crate::socket::Caller;
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::message_type::EVENT_LISTENER;
use auditns_wire::record::{self, Body, ListenerChange};

impl Namespace {
    /// Asks to join the groups of `wanted`, all or none; they are joined with [`super::endpoints::Endpoints::join`]. Kernel:
    /// `audit_multicast_bind` for each, `netlink_undo_bind` when one refuses.
    pub(super) fn ask_to_join(
        &mut self,
        endpoint: EndpointId,
        caller: &Caller,
        wanted: u32,
        now: Now,
    ) -> Result<(), Errno> {
        for group in groups(wanted) {
            let answer = if !caller.sender.capabilities.read {
                Err(Errno::EPERM)
            } else if group == READLOG && !self.endpoints.may_listen(endpoint, self.config.contid) {
                Err(Errno::ENOMEM)
            } else {
                Ok(())
            };
            self.log_membership(caller, group, true, answer.is_ok(), now);
            if answer.is_err() {
                let before = wanted & ((1 << (group - 1)) - 1);
                self.undo_join(caller, before, now);
                return answer;
            }
        }
        Ok(())
    }

    /// Sockets that get a copy of every record. Of a namespace that others have made inside, [`crate::Family::listeners_count`]
    /// tells.
    pub fn listeners_count(&self) -> usize {
        self.endpoints.listeners(self.config.contid).count()
    }

    /// Takes back what [`Namespace::ask_to_join`] granted.
    pub(super) fn undo_join(&mut self, caller: &Caller, granted: u32, now: Now) {
        for group in groups(granted) {
            self.log_membership(caller, group, false, true, now);
        }
    }

    pub(super) fn log_membership(
        &mut self,
        caller: &Caller,
        group: u32,
        connect: bool,
        success: bool,
        now: Now,
    ) {
        let details = caller.details.clone().unwrap_or_default();
        self.log_listener(&caller.sender, &details, group, connect, success, now);
    }

    pub(super) fn log_listener(
        &mut self,
        sender: &Sender,
        details: &TaskDetails,
        group: u32,
        connect: bool,
        success: bool,
        now: Now,
    ) {
        if self.settings.enabled == DISABLED {
            return;
        }
        let body = Body::Listener(ListenerChange {
            ids: sender.ids,
            tty: details.tty.clone(),
            comm: details.comm.clone(),
            exe: details.exe.clone(),
            group,
            connect,
            success,
        });
        self.log(EVENT_LISTENER, sender, None, &body, now);
    }

    /// Every record of the main queue goes to all listeners once, before the daemon.
    pub(super) fn multicast(&mut self, message_type: u16, text: &[u8]) {
        let frames = self
            .endpoints
            .listeners(self.config.contid)
            .map(|endpoint| Action::Offer { endpoint, frame: record::multicast(message_type, text) });
        self.output.extend(frames);
    }
}

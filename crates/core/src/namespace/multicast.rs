//! READLOG: the multicast group whose members get a copy of every record.

use super::Namespace;
use super::settings::DISABLED;
use crate::action::{Action, EndpointId};
use crate::sender::{Sender, TaskDetails};
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::message_type::EVENT_LISTENER;
use auditns_wire::record::{self, Body, ListenerChange};

/// `AUDIT_NLGRP_READLOG`.
pub(super) const READLOG: u32 = 1;

impl Namespace {
    /// Kernel: `audit_multicast_bind`, `audit_multicast_unbind`. Leaving a group one is not in succeeds and is
    /// recorded too.
    pub(super) fn change_membership(
        &mut self,
        endpoint: EndpointId,
        sender: &Sender,
        details: &TaskDetails,
        group: u32,
        join: bool,
        now: Now,
    ) {
        let result = if join && !sender.capabilities.read {
            Err(Errno::EPERM)
        } else if join && group == READLOG && !self.endpoints.may_listen(endpoint) {
            Err(Errno::ENOMEM)
        } else {
            Ok(())
        };
        self.log_listener(sender, details, group, join, result.is_ok(), now);
        if let Some(known) = self.endpoints.get_mut(endpoint)
            && group == READLOG
            && result.is_ok()
        {
            known.listener = join.then(|| Box::new((*sender, details.clone())));
        }
        self.output.push_back(Action::MembershipAnswer { endpoint, result });
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
            .listeners()
            .map(|endpoint| Action::Offer { endpoint, frame: record::multicast(message_type, text) });
        self.output.extend(frames);
    }
}

//! System calls of members that the filter stopped.

use super::Server;
use super::open::Wanted;
use super::worked::Worked;
use crate::identity::{Waiter, signals_process};
use crate::time::now;
use auditns_core::Input;
use auditns_sys::{Call, Notification, SignalTarget, call};
use std::io;

impl Server<'_> {
    /// Answers one notification. A caller that is gone needs no answer, so failures to answer mean nothing.
    pub(super) fn answer(&mut self, notification: &Notification) {
        if call::reads_memory(notification) {
            let notification = *notification;
            self.aside.work_on_call(notification, move || {
                let call = call::classify(&notification);
                Some(Worked::Decoded { notification, call })
            });
        } else {
            self.answer_call(notification, &call::classify(notification));
        }
    }

    /// Answers one notification, decoded.
    pub(super) fn answer_call(&mut self, notification: &Notification, call: &io::Result<Call>) {
        let id = notification.id;
        match *call {
            Ok(Call::AuditSocket { kind, close_on_exec, nonblocking }) => {
                let wanted = Wanted { kind, close_on_exec, nonblocking };
                if let Err(errno) = self.open_endpoint(notification, wanted) {
                    let _ = self.listener.answer_errno(id, errno.raw_os_error());
                }
            }
            Ok(Call::OnSocket(call)) => self.answer_on_socket(notification, call),
            Ok(Call::Signal { target, .. }) => {
                self.note_signal(notification, target);
                let _ = self.listener.answer_continue(id);
            }
            Ok(Call::Other) | Err(_) => {
                let _ = self.listener.answer_continue(id);
            }
        }
    }

    fn note_signal(&mut self, notification: &Notification, target: SignalTarget) {
        let Some(daemon) = self.namespace.daemon() else { return };
        let Some(owner) = &self.owner else { return };
        if !signals_process(notification.tid, target, daemon) {
            return;
        }
        let Ok(Waiter { sender, .. }) = self.resolver.waiter(notification.tid, owner) else { return };
        if self.listener.is_valid(notification.id) {
            self.namespace.handle(Input::DaemonSignalled { sender: &sender }, now());
        }
    }
}

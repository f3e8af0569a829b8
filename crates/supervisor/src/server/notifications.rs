//! System calls of members that the filter stopped.

use super::Server;
use super::aside::OnBehalf;
use super::worked::{Wanted, Worked};
use crate::identity::{Waiter, process_of_pidfd, signals_process};
use crate::time::now;
use auditns_core::Input;
use auditns_sys::identity::Brief;
use auditns_sys::{Call, Listener, Notification, SignalTarget, call};
use rustix::io::Errno;
use std::io;

impl Server<'_> {
    /// Answers one notification. A caller that is gone needs no answer, so failures to answer mean nothing.
    pub(super) fn answer(&mut self, notification: &Notification) {
        if call::reads_memory(notification) {
            let notification = *notification;
            let on_behalf = self.on_behalf(notification.tid);
            self.aside.work_on_call(notification, on_behalf, move || {
                let call = call::classify(&notification);
                Some(Worked::Decoded { notification, call })
            });
        } else {
            self.answer_call(notification, &call::classify(notification));
        }
    }

    /// Answers a call that a proxy has handed on, through the listener that goes with it.
    ///
    /// # Errors
    /// As [`super::calls::Calls::add_proxied`].
    pub(crate) fn answer_proxied(&mut self, call: Notification, listener: Listener) -> io::Result<()> {
        // It finds the answers to what was sent before it.
        self.perform();
        let call = self.calls.add_proxied(call, listener)?;
        self.answer(&call);
        self.perform();
        Ok(())
    }

    /// Answers a call for which there is no thread.
    pub(super) fn answer_without_thread(&mut self, notification: &Notification) {
        let opens = call::reads_memory(notification)
            || matches!(call::classify(notification), Ok(Call::AuditSocket { .. }));
        let errno = if opens {
            let error = io::Error::other("no thread can be started");
            self.refuse(notification.tid, &error)
        } else {
            Errno::NOMEM
        };
        self.answer_errno(notification, errno);
    }

    /// For whom work on a thread's call is done.
    pub(super) fn on_behalf(&self, tid: u32) -> OnBehalf {
        // Nobody waits for a caller that is gone.
        self.on_behalf_of(Brief::of(tid).map_or(u32::MAX, |caller| caller.euid))
    }

    /// For whom work on a call of a thread with this effective user id is done.
    pub(super) fn on_behalf_of(&self, uid: u32) -> OnBehalf {
        let inside = self.owner.as_ref().and_then(|owner| owner.uid_inside(uid));
        OnBehalf { uid, privileged: uid == 0 || inside == Some(0) }
    }

    /// Answers one notification, decoded.
    pub(super) fn answer_call(&mut self, notification: &Notification, call: &io::Result<Call>) {
        match *call {
            Ok(Call::AuditSocket { kind, close_on_exec, nonblocking }) => {
                let wanted = Wanted { kind, close_on_exec, nonblocking };
                self.open(notification, wanted);
            }
            Ok(Call::Open(opening)) => self.answer_opening(notification, opening),
            Ok(Call::OnSocket(call)) => self.answer_on_socket(notification, call),
            Ok(Call::Signal { target, .. }) => self.answer_signalling(notification, target),
            Ok(Call::Other) | Err(_) => {
                let _ = self.calls.answer_continue(notification);
            }
        }
    }

    fn answer_signalling(&mut self, notification: &Notification, target: SignalTarget) {
        if !self.namespace.family().has_daemon() {
            let _ = self.calls.answer_continue(notification);
            return;
        }
        match target {
            // What the caller calls a pidfd may be any file.
            SignalTarget::Pidfd(fd) => {
                let notification = *notification;
                let on_behalf = self.on_behalf(notification.tid);
                self.aside.work_on_call(notification, on_behalf, move || {
                    let process = process_of_pidfd(notification.tid, fd);
                    Some(Worked::SignalTarget { notification, process })
                });
            }
            target => {
                let is_target = |daemon: &u32| signals_process(notification.tid, target, *daemon);
                let process = self.namespace.family().daemons().find(is_target);
                self.answer_signal(notification, process);
            }
        }
    }

    /// Lets a signal go on to a process, and remembers who sent it if that is the audit daemon.
    pub(super) fn answer_signal(&mut self, notification: &Notification, process: Option<u32>) {
        if let Some(namespace) = process.and_then(|process| self.namespace.family().of_daemon(process)) {
            self.note_signal(notification, namespace);
        }
        let _ = self.calls.answer_continue(notification);
    }

    fn note_signal(&mut self, notification: &Notification, namespace: u64) {
        let identity = self.nest.identity(namespace, &mut self.owner, &mut self.resolver);
        let Some((owner, resolver)) = identity else { return };
        let Ok(Waiter { mut sender, .. }) = resolver.waiter(notification.tid, owner) else { return };
        self.settle_login(namespace, &mut sender, None);
        if self.calls.is_valid(notification) {
            self.namespace.handle_in(namespace, Input::DaemonSignalled { sender: &sender }, now());
        }
    }
}

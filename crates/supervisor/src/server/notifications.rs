//! System calls of members that the filter stopped.

use super::Server;
use super::connection::Connection;
use super::limits::FULL_BUFFERS;
use crate::identity::{Owner, signals_process};
use crate::observer::Event;
use crate::time::now;
use auditns_core::{EndpointId, Input};
use auditns_sys::identity::details::{self, Brief};
use auditns_sys::identity::process;
use auditns_sys::{Call, Credentials, InjectError, Notification, SignalTarget, call, endpoint};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

/// `SOCK_RAW` and `SOCK_DGRAM`, the types of netlink sockets.
const NETLINK_TYPES: [i32; 2] = [3, 2];
/// Highest type number that exists (`SOCK_PACKET`).
const TYPE_MAX: i32 = 10;

impl Server<'_> {
    /// Answers one notification. A caller that is gone needs no answer, so failures to answer mean nothing.
    pub(super) fn answer(&mut self, notification: &Notification) {
        if call::reads_memory(notification) {
            self.aside.decode(*notification);
        } else {
            self.answer_call(notification, &call::classify(notification));
        }
    }

    /// Answers one notification, decoded.
    pub(super) fn answer_call(&mut self, notification: &Notification, call: &io::Result<Call>) {
        let id = notification.id;
        match *call {
            Ok(Call::AuditSocket { kind, close_on_exec, nonblocking }) => {
                if let Err(errno) = self.open_endpoint(notification, kind, close_on_exec, nonblocking) {
                    let _ = self.listener.answer_errno(id, errno.raw_os_error());
                }
            }
            Ok(Call::Signal { target, .. }) => {
                self.note_signal(notification, target);
                let _ = self.listener.answer_continue(id);
            }
            Ok(Call::Other) | Err(_) => {
                let _ = self.listener.answer_continue(id);
            }
        }
    }

    fn open_endpoint(
        &mut self,
        notification: &Notification,
        kind: i32,
        close_on_exec: bool,
        nonblocking: bool,
    ) -> Result<(), Errno> {
        if !NETLINK_TYPES.contains(&kind) {
            return Err(if (0..=TYPE_MAX).contains(&kind) { Errno::SOCKTNOSUPPORT } else { Errno::INVAL });
        }
        let tid = notification.tid;
        let pid = match process::thread_group_of(tid) {
            Ok(pid) => pid,
            Err(error) => return self.refuse(tid, &error),
        };
        if self.owner.is_none() {
            match Owner::of_first_opener(tid) {
                // Settled for good, so it must have been the caller that was looked at.
                Ok(owner) if self.listener.is_valid(notification.id) => self.owner = Some(owner),
                Ok(_) => return Ok(()),
                Err(error) => return self.refuse(tid, &error),
            }
        }
        let Some(owner) = &mut self.owner else { return Err(Errno::PROTONOSUPPORT) };
        let learned = self.resolver.learn(pid, owner);
        let mapped = self.resolver.learn_maps(pid, owner);
        let opener = match learned {
            Ok(opener) => opener,
            Err(error) => return self.refuse(tid, &error),
        };
        if let Some(mapped) = mapped {
            self.namespace.handle(Input::OwnerMapped(mapped), now());
        }
        let closing = self.closing.load(Ordering::Relaxed);
        if let Some((errno, reason)) = self.limits.refusal(&self.connections, closing, &opener) {
            self.show(&Event::EndpointRefused { tid, reason: &reason });
            return Err(errno);
        }
        let pair = match endpoint::endpoint_pair(nonblocking) {
            Ok(pair) => pair,
            Err(error) => return self.refuse(tid, &error),
        };
        if self.connections.len() >= FULL_BUFFERS {
            let _ = endpoint::lower_send_buffer(&pair.server);
        }
        if !self.listener.is_valid(notification.id) {
            return Ok(());
        }
        self.last_endpoint += 1;
        let endpoint = EndpointId(self.last_endpoint);
        match self.listener.inject(notification.id, pair.client.as_fd(), close_on_exec) {
            Ok(_) => {}
            Err(InjectError::Gone) => return Ok(()),
            Err(InjectError::TableFull) => return Err(Errno::MFILE),
            Err(InjectError::Other(error)) => return self.refuse(tid, &error),
        }
        let connection = Connection::new(pair.server, pair.refuses_descriptors, opener);
        self.connections.insert(endpoint, connection);
        let pid = opener.pid_inside();
        self.namespace.handle(Input::EndpointOpened { endpoint, pid }, now());
        self.update_interest(endpoint);
        Ok(())
    }

    /// An error of ours must not keep anybody from logging in: "no audit here" is what PAM, sudo and sshd accept.
    fn refuse(&mut self, tid: u32, error: &io::Error) -> Result<(), Errno> {
        if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
            self.show(&Event::EndpointRefused { tid, reason: &error.to_string() });
        }
        Err(Errno::PROTONOSUPPORT)
    }

    fn note_signal(&mut self, notification: &Notification, target: SignalTarget) {
        let Some(daemon) = self.namespace.daemon() else { return };
        let Some(owner) = &self.owner else { return };
        if !signals_process(notification.tid, target, daemon) {
            return;
        }
        let Ok(Brief { pid, uid, gid, .. }) = details::brief(notification.tid) else { return };
        let Ok(signaller) = self.resolver.learn(pid, owner) else { return };
        let sender = self.resolver.sender(Credentials { pid, uid, gid }, &signaller, owner);
        if self.listener.is_valid(notification.id) {
            self.namespace.handle(Input::DaemonSignalled { sender: &sender }, now());
        }
    }
}

//! System calls of members that the filter stopped.

use super::connection::Connection;
use super::{Server, limits, now};
use crate::identity::{Owner, signals_process};
use crate::observer::Event;
use auditns_core::{EndpointId, Input};
use auditns_sys::identity::{details, process};
use auditns_sys::{Call, Credentials, InjectError, Notification, SignalTarget, call, endpoint};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;

/// `SOCK_RAW` and `SOCK_DGRAM`, the types of netlink sockets.
const NETLINK_TYPES: [i32; 2] = [3, 2];
/// Highest type number that exists (`SOCK_PACKET`).
const TYPE_MAX: i32 = 10;

impl Server<'_> {
    /// Answers one notification. A caller that is gone needs no answer, so failures to answer mean nothing.
    pub(super) fn answer(&mut self, notification: &Notification) {
        let id = notification.id;
        match call::classify(notification) {
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
        let opener = match process::thread_group_of(tid) {
            Ok(opener) => opener,
            Err(error) => return self.refuse(tid, &error),
        };
        if let Some((errno, reason)) = limits::refusal(&self.connections, opener) {
            self.show(&Event::EndpointRefused { tid, reason });
            return Err(errno);
        }
        if self.owner.is_none() {
            match Owner::of_first_opener(tid) {
                Ok(owner) => self.owner = Some(owner),
                Err(error) => return self.refuse(tid, &error),
            }
        }
        let Some(owner) = &mut self.owner else { return Err(Errno::PROTONOSUPPORT) };
        let learned = self.resolver.learn(opener, owner);
        let mapped = self.resolver.learn_maps(opener, owner);
        let pid = match learned {
            Ok(pid) => pid,
            Err(error) => return self.refuse(tid, &error),
        };
        if let Some(mapped) = mapped {
            self.namespace.handle(Input::OwnerMapped(mapped), now());
        }
        let pair = match endpoint::endpoint_pair(nonblocking) {
            Ok(pair) => pair,
            Err(error) => return self.refuse(tid, &error),
        };
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
        self.connections.insert(endpoint, Connection::new(pair.server, opener));
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
        let Ok(found) = details::of(notification.tid) else { return };
        let credentials = Credentials { pid: found.pid, uid: found.users.real, gid: found.groups.real };
        let sender = self.resolver.sender(credentials, found.pid, owner);
        if self.listener.is_valid(notification.id) {
            self.namespace.handle(Input::DaemonSignalled { sender: &sender }, now());
        }
    }
}

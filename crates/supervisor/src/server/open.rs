//! Opening audit sockets.

use super::Server;
use super::connection::Connection;
use super::limits::FULL_BUFFERS;
use super::worked::Worked;
use crate::identity::{Client, Executable, Owner, read_executable};
use crate::observer::Event;
use crate::time::now;
use auditns_core::{EndpointId, Input};
use auditns_sys::filter::reserved;
use auditns_sys::identity::process;
use auditns_sys::{EndpointPair, InjectError, Notification, descriptors, endpoint};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

/// `SOCK_RAW` and `SOCK_DGRAM`, the types of netlink sockets.
const NETLINK_TYPES: [i32; 2] = [3, 2];
/// Highest type number that exists (`SOCK_PACKET`).
const TYPE_MAX: i32 = 10;

/// What the caller asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) kind: i32,
    pub(super) close_on_exec: bool,
    pub(super) nonblocking: bool,
}

impl Server<'_> {
    pub(super) fn open(&mut self, notification: &Notification, wanted: Wanted) {
        let kind = wanted.kind;
        if !NETLINK_TYPES.contains(&kind) {
            let exists = (0..=TYPE_MAX).contains(&kind);
            self.answer_errno(notification, if exists { Errno::SOCKTNOSUPPORT } else { Errno::INVAL });
            return;
        }
        let tid = notification.tid;
        if let Some(client) = self.clients.of(tid) {
            self.open_for(notification, wanted, client);
            return;
        }
        let notification = *notification;
        let on_behalf = self.on_behalf(tid);
        self.aside.work_on_call(notification, on_behalf, move || {
            let found = read_executable(tid);
            Some(Worked::Recognized { notification, wanted, found })
        });
    }

    /// Goes on with [`Server::open`] once the caller's executable was looked at.
    pub(super) fn open_recognized(
        &mut self,
        notification: &Notification,
        wanted: Wanted,
        found: io::Result<(Executable, bool)>,
    ) {
        // What was read is the caller's only if it still waits.
        let found = found.ok().filter(|_| self.listener.is_valid(notification.id));
        let client = match found {
            Some((executable, is_go)) => self.clients.learn(executable, is_go),
            None => Client::Lenient,
        };
        self.open_for(notification, wanted, client);
    }

    fn open_for(&mut self, notification: &Notification, wanted: Wanted, client: Client) {
        if let Err(errno) = self.open_endpoint(notification, wanted, client) {
            self.answer_errno(notification, errno);
        }
    }

    fn open_endpoint(
        &mut self,
        notification: &Notification,
        wanted: Wanted,
        client: Client,
    ) -> Result<(), Errno> {
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
        let pair = match self.endpoints.pair(wanted.nonblocking) {
            Ok(pair) => pair,
            Err(error) => return self.refuse(tid, &error),
        };
        if self.connections.len() >= FULL_BUFFERS {
            let _ = endpoint::lower_send_buffer(&pair.server);
        }
        let inode = match descriptors::inode(&pair.client) {
            Ok(inode) => inode,
            Err(error) => return self.refuse(tid, &error),
        };
        if !self.listener.is_valid(notification.id) {
            return Ok(());
        }
        let reserved_number = match self.hand_over(notification, &pair.client, wanted.close_on_exec, client) {
            Ok(reserved_number) => reserved_number,
            Err(InjectError::Gone) => return Ok(()),
            Err(InjectError::TableFull) => return Err(Errno::MFILE),
            Err(InjectError::Other(error)) => return self.refuse(tid, &error),
            Err(error @ InjectError::NumberRefused(_)) => return self.refuse(tid, &io::Error::other(error)),
        };
        let EndpointPair { server, refuses_descriptors, sent_by, .. } = pair;
        let connection = Connection::new(server, inode, refuses_descriptors, sent_by, opener);
        self.add_connection(connection, wanted.kind, reserved_number);
        if !reserved_number {
            self.show(&Event::PlainEndpoint { tid });
        }
        Ok(())
    }

    /// Takes up a socket that a member has.
    pub(super) fn add_connection(
        &mut self,
        connection: Connection,
        kind: i32,
        reserved_number: bool,
    ) -> EndpointId {
        self.last_endpoint += 1;
        let endpoint = EndpointId(self.last_endpoint);
        let pid = connection.opener().own_pid();
        self.inodes.insert(connection.inode(), endpoint);
        self.connections.insert(endpoint, connection);
        self.namespace.handle(Input::EndpointOpened { endpoint, kind, pid, reserved_number }, now());
        self.update_interest(endpoint);
        endpoint
    }

    /// Gives the caller its end, at a reserved number if it has one free. Returns whether it had.
    fn hand_over(
        &mut self,
        notification: &Notification,
        end: &OwnedFd,
        close_on_exec: bool,
        client: Client,
    ) -> Result<bool, InjectError> {
        let Notification { id, tid, .. } = *notification;
        if let Some(number) = free_number(tid, client) {
            match self.listener.inject_at(id, end.as_fd(), close_on_exec, number) {
                Ok(_) => {
                    self.receivers.forget_number(number);
                    return Ok(true);
                }
                Err(InjectError::NumberRefused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.listener.inject(id, end.as_fd(), close_on_exec).map(|_| false)
    }

    /// An error of ours must not keep anybody from logging in: "no audit here" is what PAM, sudo and sshd accept.
    fn refuse(&mut self, tid: u32, error: &io::Error) -> Result<(), Errno> {
        if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
            self.show(&Event::EndpointRefused { tid, reason: &error.to_string() });
        }
        Err(Errno::PROTONOSUPPORT)
    }
}

/// Most files of a process that gets reserved numbers: so many numbers below are free then that nobody can take them all
/// between a look and an injection.
const OPEN_MAX: u64 = 576;

/// A reserved number that is free in the caller's table.
///
/// Nobody may take the number between this look and the injection, which would close what it names, while all calls of the
/// namespace wait for that (kernel: `seccomp_handle_addfd`). The filter lets nobody choose a reserved number, and whoever
/// takes the lowest free one does not come to it as long as enough below are free.
fn free_number(tid: u32, client: Client) -> Option<u32> {
    let (first, second) = match client {
        Client::Lenient => (reserved::FAST, reserved::STRICT),
        Client::Strict => (reserved::STRICT, reserved::FAST),
    };
    let start = *reserved::ALL.start();
    let roomy = match descriptors::count(tid) {
        Some(count) => count <= OPEN_MAX,
        // Before Linux 6.2 some numbers have to stand for all.
        None => [1, 2, 3, 4].iter().all(|fifth| descriptors::is_free(tid, start * fifth / 5)),
    };
    if !roomy || !descriptors::is_free(tid, start - 1) {
        return None;
    }
    first.rev().chain(second.rev()).find(|number| descriptors::is_free(tid, *number))
}

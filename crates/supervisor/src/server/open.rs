//! Opening audit sockets.

use super::Server;
use super::calls::Calls;
use super::connection::Connection;
use super::limits::FULL_BUFFERS;
use super::nest::owner_entry;
use super::numbers::Claim;
use super::worked::{Wanted, Worked};
use crate::identity::{Client, Executable, Owner, read_executable};
use crate::observer::Event;
use crate::sockets::ReadySocket;
use crate::state::{ConnectionState, Entry};
use crate::time::now;
use auditns_core::{EndpointId, Input};
use auditns_sys::identity::Brief;
use auditns_sys::{EndpointPair, InjectError, Notification, Patience, SentBy, endpoint};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// `SOCK_RAW` and `SOCK_DGRAM`, the types of netlink sockets.
const NETLINK_TYPES: [i32; 2] = [3, 2];
/// Highest type number that exists (`SOCK_PACKET`).
const TYPE_MAX: i32 = 10;

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
        let found = found.ok().filter(|_| self.calls.is_valid(notification));
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
        let Brief { pid, euid, .. } = match Brief::of(tid) {
            Ok(caller) => caller,
            Err(error) => return Err(self.refuse(tid, &error)),
        };
        if !self.is_where_it_may_be(notification) {
            let reason = "it joined a container and is not in that container's user and pid namespace";
            self.show(&Event::EndpointRefused { tid, reason });
            return Err(Errno::PROTONOSUPPORT);
        }
        let whose = self.whose_call(tid)?;
        let namespace = whose.number(self.namespace.root());
        match self.settle_owner(notification) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(self.refuse(tid, &error)),
        }
        let identity = self.nest.identity(namespace, &mut self.owner, &mut self.resolver);
        let Some((owner, resolver)) = identity else { return Err(Errno::PROTONOSUPPORT) };
        let learned = resolver.learn(pid, owner);
        let mapped = resolver.learn_maps(pid, owner);
        let opener = match learned {
            Ok(opener) => opener,
            Err(error) => return Err(self.refuse(tid, &error)),
        };
        if let Some(mapped) = mapped {
            self.namespace.note(&owner_entry(whose, owner.facts()));
            self.namespace.handle_in(namespace, Input::OwnerMapped(mapped), now());
        }
        if self.keeping.as_ref().is_some_and(|keeping| !keeping.has_socket()) {
            let reason = "audit sockets take more than half of the room that this host has for them, and most of its \
                          share is this namespace's or user's own";
            self.show(&Event::EndpointRefused { tid, reason });
            return Err(Errno::NFILE);
        }
        let closing = self.closing.load(Ordering::Relaxed);
        if let Some((errno, reason)) = self.limits.refusal(&self.connections, closing, &opener) {
            self.show(&Event::EndpointRefused { tid, reason: &reason });
            return Err(errno);
        }
        let ReadySocket { pair, kept_as } = match self.sockets.take(wanted.nonblocking) {
            Ok(socket) => socket,
            Err(error) => return Err(self.refuse(tid, &error)),
        };
        if self.connections.len() >= FULL_BUFFERS {
            let _ = endpoint::lower_send_buffer(&pair.server);
        }
        let EndpointPair { server, client: end, inode, refuses_descriptors, sent_by } = pair;
        let state = ConnectionState::new(inode, kept_as, refuses_descriptors, opener);
        // Before the member has its end: it may call something on it at once.
        let endpoint = self.add_connection(server, sent_by, state, wanted.kind);
        let (notification, calls) = (*notification, Arc::clone(&self.calls));
        let on_behalf = self.on_behalf_of(euid);
        // Whom audit does nothing for gets no reserved number: putting a socket there can make others wait.
        let privileged = opener.is_privileged();
        let numbers = privileged.then(|| self.numbers.clone());
        self.receivers.forget_all();
        // The injection is done by the caller's thread, whenever that gets to run.
        let hand_over = move |patience| {
            let number = numbers.as_ref().and_then(|numbers| numbers.take(pid, tid, client));
            hand_over(&calls, &notification, &end, wanted.close_on_exec, number.as_ref(), patience)
        };
        match self.handing_over.at_once(Instant::now(), &hand_over) {
            Some(outcome) => self.handed_over(&notification, namespace, endpoint, privileged, outcome),
            None => self.aside.work_on_call(notification, on_behalf, move || {
                let outcome = hand_over(Patience::Endless);
                Some(Worked::HandedOver { notification, namespace, endpoint, privileged, outcome })
            }),
        }
        Ok(())
    }

    /// Settles whose namespaces count by whoever waits in a call, if that is open still. `false`: the caller is gone.
    ///
    /// # Errors
    /// As [`Owner::of_first_opener`].
    pub(super) fn settle_owner(&mut self, notification: &Notification) -> io::Result<bool> {
        if self.owner.is_some() {
            return Ok(true);
        }
        let owner = Owner::of_first_opener(notification.tid, self.origin.uid)?;
        // Settled for good, so it must have been the caller that was looked at.
        if !self.calls.is_valid(notification) {
            return Ok(false);
        }
        if let Some(keeping) = &self.keeping {
            keeping.pid_namespace(owner.pid_namespace());
        }
        self.namespace.note(&Entry::Owner(owner.facts()));
        self.owner = Some(owner);
        Ok(true)
    }

    /// Whether the caller is where those are whom its listener is for.
    pub(super) fn is_where_it_may_be(&self, notification: &Notification) -> bool {
        let number = Calls::number_of(notification);
        let listener = self.listeners.iter().find(|state| state.number as usize == number);
        match listener.and_then(|state| state.place) {
            None => true,
            Some(place) => place.contains(notification.tid).is_ok_and(|there| there),
        }
    }

    /// Takes up a socket.
    pub(super) fn add_connection(
        &mut self,
        socket: OwnedFd,
        sent_by: SentBy,
        state: ConnectionState,
        kind: i32,
    ) -> EndpointId {
        self.last_endpoint += 1;
        let endpoint = EndpointId(self.last_endpoint);
        let pid = state.opener.own_pid();
        if let Some(keeping) = &self.keeping {
            keeping.add_socket(state.kept_as.is_some());
        }
        self.namespace.note(&Entry::Connected(endpoint, &state));
        self.insert_connection(endpoint, socket, sent_by, state);
        self.namespace.handle(Input::EndpointOpened { endpoint, kind, pid }, now());
        self.update_interest(endpoint);
        endpoint
    }

    pub(super) fn insert_connection(
        &mut self,
        endpoint: EndpointId,
        socket: OwnedFd,
        sent_by: SentBy,
        state: ConnectionState,
    ) {
        self.inodes.insert(state.inode, endpoint);
        let journal = self.namespace.journal().map(Arc::clone);
        let connection = Connection::new(endpoint, socket, sent_by, journal, state);
        self.unsent_bytes += connection.unsent_bytes();
        // Before anybody can send: of the first message, too, it is known whose it is, whatever its sender says.
        if let Some(steering) = self.steering.get() {
            connection.watch(steering);
        }
        self.connections.insert(endpoint, connection);
    }

    /// Goes on when the caller has its end, at a reserved number or another one, or cannot have it.
    pub(super) fn handed_over(
        &mut self,
        notification: &Notification,
        namespace: u64,
        endpoint: EndpointId,
        privileged: bool,
        outcome: Result<Option<u32>, InjectError>,
    ) {
        let error = match outcome {
            Ok(number) => {
                let reserved_number = number.is_some();
                self.namespace.feed_in(namespace, Input::EndpointHandedOver { reserved_number });
                if let Some(number) = number {
                    self.receivers.forget_number(number);
                } else if privileged {
                    self.show(&Event::PlainEndpoint { tid: notification.tid });
                }
                return;
            }
            Err(error) => error,
        };
        self.close(endpoint);
        match error {
            InjectError::Gone => {}
            InjectError::TableFull => self.answer_errno(notification, Errno::MFILE),
            InjectError::NotInTime | InjectError::NumberRefused(_) => {
                let errno = self.refuse(notification.tid, &io::Error::other(error));
                self.answer_errno(notification, errno);
            }
            InjectError::Other(error) => {
                let errno = self.refuse(notification.tid, &error);
                self.answer_errno(notification, errno);
            }
        }
    }

    /// An error of ours must not keep anybody from logging in: "no audit here" is what PAM, sudo and sshd accept.
    pub(super) fn refuse(&mut self, tid: u32, error: &io::Error) -> Errno {
        if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) {
            self.show(&Event::EndpointRefused { tid, reason: &error.to_string() });
        }
        Errno::PROTONOSUPPORT
    }
}

/// Gives the caller its end, at the reserved number if there is one. Returns the number where it was used.
fn hand_over(
    calls: &Calls,
    call: &Notification,
    end: &OwnedFd,
    close_on_exec: bool,
    number: Option<&Claim>,
    patience: Patience,
) -> Result<Option<u32>, InjectError> {
    if let Some(Claim { number, .. }) = number {
        match calls.inject_at(call, end.as_fd(), close_on_exec, *number, patience) {
            Ok(_) => return Ok(Some(*number)),
            Err(InjectError::NumberRefused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    calls.inject(call, end.as_fd(), close_on_exec, patience).map(|_| None)
}

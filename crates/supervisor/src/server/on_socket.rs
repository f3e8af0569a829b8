//! Calls on audit sockets that the kernel answers by the socket's family.

use super::Server;
use super::aside::OnBehalf;
use super::callers_memory::{callers_memory, errno, write_name, write_some};
use super::calls::Calls;
use super::receivers::Receiver;
use super::worked::{Identified, Worked};
use crate::identity::{Waiter, answers};
use crate::time::now;
use auditns_core::socket::{Caller, SOL_NETLINK, SOL_SOCKET, SocketAnswer, SocketQuery, SocketRequest};
use auditns_core::{EndpointId, Input, Inquiry, Namespace};
use auditns_sys::call::{Bytes, OnSocket, Operation, Room};
use auditns_sys::identity::capabilities::Capability;
use auditns_sys::{Notification, descriptors};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;

/// The longest address that the kernel takes from a caller (`struct sockaddr_storage`).
const ADDRESS_MAX: i32 = 128;
/// Netlink takes this much of an option's value, and nothing of a shorter one.
const VALUE: i32 = 4;

/// Options of level `SOL_SOCKET`, the same on every architecture auditns serves.
const SO_ERROR: i32 = 4;
const SO_PASSCRED: i32 = 16;

impl Server<'_> {
    /// Looks which socket a call is on, and what it gives. It goes on with [`Server::answer_identified`].
    pub(super) fn answer_on_socket(&mut self, notification: &Notification, call: OnSocket) {
        let receives =
            matches!(call.operation, Operation::ReceiveFrom { .. } | Operation::ReceiveMessage { .. });
        if receives && Calls::is_proxied(notification) {
            // A proxy handles nothing else meanwhile.
            let _ = self.calls.answer_continue(notification);
            return;
        }
        if receives && let Some(known) = self.receivers.get(notification.tid, call.fd) {
            self.answer_receive(notification, known, call);
            return;
        }
        let (notification, calls) = (*notification, Arc::clone(&self.calls));
        let on_behalf = self.on_behalf(notification.tid);
        self.aside.work_on_call(notification, on_behalf, move || {
            let inode = descriptors::socket_inode(notification.tid, call.fd).ok().flatten();
            let given = read_given(&notification, &calls, call.operation);
            Some(Worked::Identified(Identified { notification, on_behalf, call, inode, given }))
        });
    }

    pub(super) fn answer_identified(&mut self, identified: Identified) {
        let Identified { notification, on_behalf, call, inode, given } = identified;
        let Some((inode, endpoint)) = inode.and_then(|inode| Some((inode, *self.inodes.get(&inode)?))) else {
            // Something else has a reserved number, of which nothing is ours to answer; or the caller is gone.
            if self.calls.answer_continue(&notification).is_ok() {
                self.feed(Input::StrayCall);
            }
            return;
        };
        match call.operation {
            Operation::Bind(given_at) | Operation::Connect(given_at)
                if !(0..=ADDRESS_MAX).contains(&given_at.length) =>
            {
                self.answer_errno(&notification, Errno::INVAL);
            }
            Operation::SetOption { value, .. } if value.length < 0 => {
                self.answer_errno(&notification, Errno::INVAL);
            }
            Operation::Bind(_) | Operation::Connect(_) | Operation::SetOption { level: SOL_NETLINK, .. } => {
                self.answer_request(&notification, endpoint, call.operation, given);
            }
            Operation::SetOption { level: SOL_SOCKET, option, .. } => {
                self.set_general_option(&notification, endpoint, option);
            }
            Operation::SetOption { .. } => self.answer_errno(&notification, Errno::NOPROTOOPT),
            Operation::Listen | Operation::Shutdown => self.answer_errno(&notification, Errno::OPNOTSUPP),
            Operation::OwnName(room) => {
                let answer = self.namespace.query_socket(endpoint, SocketQuery::OwnName);
                self.answer_query(&notification, on_behalf, answer, room);
            }
            Operation::PeerName(room) => {
                let answer = self.namespace.query_socket(endpoint, SocketQuery::PeerName);
                self.answer_query(&notification, on_behalf, answer, room);
            }
            Operation::GetOption { level, option, value } => {
                let answer = self.option(endpoint, level, option, &given);
                self.answer_query(&notification, on_behalf, answer, value);
            }
            Operation::ReceiveFrom { .. } | Operation::ReceiveMessage { .. } => {
                let receiver = Receiver { endpoint, inode, on_behalf };
                self.receivers.note(notification.tid, call.fd, receiver);
                self.answer_receive(&notification, receiver, call);
            }
        }
    }

    pub(super) fn answer_errno(&self, notification: &Notification, errno: Errno) {
        let _ = self.calls.answer_errno(notification, errno.raw_os_error());
    }

    fn answer_request(
        &mut self,
        notification: &Notification,
        endpoint: EndpointId,
        operation: Operation,
        given: io::Result<Vec<u8>>,
    ) {
        let bytes = match given {
            Ok(bytes) => bytes,
            Err(error) => {
                let _ = self.calls.answer_errno(notification, errno(&error));
                return;
            }
        };
        let request = match operation {
            Operation::Bind(_) => SocketRequest::Bind { address: &bytes },
            Operation::Connect(_) => SocketRequest::Connect { address: &bytes },
            Operation::SetOption { option, .. } => SocketRequest::SetOption { option, value: &bytes },
            _ => return,
        };
        let Some((namespace, caller)) = self.caller(notification, &request) else {
            // Gone, or nothing that we may look at: whoever it is has no privileges here.
            self.answer_errno(notification, Errno::PERM);
            return;
        };
        let call = notification.id;
        self.requested = Some(*notification);
        let input = Input::SocketRequested { endpoint, call, caller: &caller, request };
        self.namespace.handle_in(namespace, input, now());
        self.perform();
    }

    fn set_general_option(&mut self, notification: &Notification, endpoint: EndpointId, option: i32) {
        if let Some(refused) = Namespace::refuses_general_option(option) {
            let _ = self.calls.answer_errno(notification, refused.0);
            return;
        }
        if let Some(connection) = self.connections.get_mut(&endpoint)
            && option == SO_PASSCRED
        {
            connection.note_credentials_wanted();
        }
        let _ = self.calls.answer_continue(notification);
    }

    /// What an option's value is for a caller that gives this as its room.
    fn option(
        &mut self,
        endpoint: EndpointId,
        level: i32,
        option: i32,
        room: &io::Result<Vec<u8>>,
    ) -> SocketAnswer {
        let room = room.as_deref().map(|room| room.first_chunk().map_or(0, |room| i32::from_ne_bytes(*room)));
        let query = |room| SocketQuery::Option { level, option, room };
        let answer = self.namespace.query_socket(endpoint, query(room.as_ref().copied().unwrap_or(i32::MAX)));
        let is_error = (level, option) == (SOL_SOCKET, SO_ERROR);
        match (answer, room) {
            // The kernel looks at a foreign level before it looks at the room.
            (SocketAnswer::Refused(refused), Err(_)) if level != SOL_NETLINK && level != SOL_SOCKET => {
                SocketAnswer::Refused(refused)
            }
            (SocketAnswer::Native, Ok(room))
                if is_error
                    && room >= VALUE
                    && self
                        .connections
                        .get_mut(&endpoint)
                        .is_some_and(super::connection::Connection::take_overrun) =>
            {
                let value = auditns_wire::Errno::ENOBUFS.0.to_ne_bytes().to_vec();
                SocketAnswer::Value { bytes: value, length: VALUE.cast_unsigned() }
            }
            (SocketAnswer::Native, _) => SocketAnswer::Native,
            (_, Err(_)) => SocketAnswer::Refused(auditns_wire::Errno::EFAULT),
            (answer, Ok(_)) => answer,
        }
    }

    /// Who makes a call, and whose member that is. `None` if it is gone or nothing is known of it.
    fn caller(&mut self, notification: &Notification, request: &SocketRequest<'_>) -> Option<(u64, Caller)> {
        let namespace = self.whose_call(notification.tid).ok()?.number(self.namespace.root());
        let (owner, resolver) = self.nest.identity(namespace, &mut self.owner, &mut self.resolver)?;
        let Waiter { mut sender, effective } = resolver.waiter(notification.tid, owner).ok()?;
        self.settle_login(namespace, &mut sender, None);
        let (owner, _) = self.nest.identity(namespace, &mut self.owner, &mut self.resolver)?;
        let inquiry = Inquiry { details: request.changes_groups(), ..Inquiry::default() };
        let details = answers(&inquiry, &sender, owner).details;
        let caller = Caller {
            sender,
            details,
            net_admin: effective.has(Capability::NetAdmin),
            net_broadcast: effective.has(Capability::NetBroadcast),
        };
        self.calls.is_valid(notification).then_some((namespace, caller))
    }

    /// Gives a caller what it asked for.
    fn answer_query(
        &mut self,
        notification: &Notification,
        on_behalf: OnBehalf,
        answer: SocketAnswer,
        room: Room,
    ) {
        let (notification, calls) = (*notification, Arc::clone(&self.calls));
        match answer {
            SocketAnswer::Native => {
                let _ = calls.answer_continue(&notification);
            }
            SocketAnswer::Refused(errno) => {
                let _ = calls.answer_errno(&notification, errno.0);
            }
            SocketAnswer::Name(name) => self.aside.work_on_call(notification, on_behalf, move || {
                let written =
                    callers_memory(&notification, &calls).and_then(|memory| write_name(&memory, room, &name));
                answer_written(&notification, &calls, written);
                None
            }),
            SocketAnswer::Value { bytes, length } => {
                self.aside.work_on_call(notification, on_behalf, move || {
                    let written = callers_memory(&notification, &calls).and_then(|memory| {
                        memory.write(room.length_at, &length.to_ne_bytes())?;
                        write_some(&memory, room.at, &bytes)
                    });
                    answer_written(&notification, &calls, written);
                    None
                });
            }
        }
    }
}

/// Reads what a call gives in its caller's memory, as far as netlink looks at it.
fn read_given(notification: &Notification, calls: &Calls, operation: Operation) -> io::Result<Vec<u8>> {
    let given = match operation {
        Operation::Bind(address) | Operation::Connect(address) if address.length <= ADDRESS_MAX => address,
        Operation::SetOption { level: SOL_NETLINK, value, .. } if value.length >= VALUE => {
            Bytes { length: VALUE, ..value }
        }
        Operation::GetOption { value, .. } => Bytes { at: value.length_at, length: VALUE },
        _ => return Ok(Vec::new()),
    };
    let length = usize::try_from(given.length).unwrap_or(0);
    let mut bytes = vec![0; length];
    if length != 0 {
        callers_memory(notification, calls)?.read(given.at, &mut bytes)?;
    }
    Ok(bytes)
}

fn answer_written(notification: &Notification, calls: &Calls, written: io::Result<()>) {
    let _ = match written {
        Ok(()) => calls.answer_value(notification, 0),
        Err(error) => calls.answer_errno(notification, errno(&error)),
    };
}

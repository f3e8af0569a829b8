//! Calls on audit sockets that the kernel answers by the socket's family.

use super::Server;
use super::callers_memory::{callers_memory, errno, write_name, write_some};
use super::worked::Worked;
use crate::identity::{Waiter, answers};
use crate::time::now;
use auditns_core::socket::{Caller, SOL_NETLINK, SOL_SOCKET, SocketAnswer, SocketQuery, SocketRequest};
use auditns_core::{EndpointId, Input, Inquiry};
use auditns_sys::call::{Bytes, OnSocket, Operation, Room};
use auditns_sys::identity::capabilities::Capability;
use auditns_sys::{Listener, Notification, descriptors};
use rustix::io::Errno;
use std::io;

/// The longest address that the kernel takes from a caller (`struct sockaddr_storage`).
const ADDRESS_MAX: i32 = 128;
/// Netlink takes no more of an option's value.
const VALUE_MAX: i32 = 4;
/// `SO_PASSCRED`, the same on every architecture auditns serves.
const PASS_CREDENTIALS: i32 = 16;
/// `SO_PEEK_OFF`, which netlink sockets do not have.
const PEEK_OFFSET: i32 = 42;

impl Server<'_> {
    pub(super) fn answer_on_socket(&mut self, notification: &Notification, call: OnSocket) {
        let OnSocket { fd, operation } = call;
        let inode = descriptors::socket_inode(notification.tid, fd).ok().flatten();
        let Some((inode, endpoint)) = inode.and_then(|inode| Some((inode, *self.inodes.get(&inode)?))) else {
            // Something else has a reserved number, of which nothing is ours to answer.
            self.feed(Input::StrayCall);
            let _ = self.listener.answer_continue(notification.id);
            return;
        };
        match operation {
            Operation::Bind(address) | Operation::Connect(address) if address.length > ADDRESS_MAX => {
                self.answer_errno(notification, Errno::INVAL);
            }
            Operation::Bind(given) | Operation::Connect(given) => {
                self.fetch(notification, endpoint, operation, given);
            }
            Operation::SetOption { value, .. } if value.length < 0 => {
                self.answer_errno(notification, Errno::INVAL);
            }
            Operation::SetOption { level: SOL_NETLINK, value, .. } => {
                let value = Bytes { length: value.length.min(VALUE_MAX), ..value };
                self.fetch(notification, endpoint, operation, value);
            }
            Operation::SetOption { level: SOL_SOCKET, option: PEEK_OFFSET, .. } => {
                self.answer_errno(notification, Errno::OPNOTSUPP);
            }
            Operation::SetOption { level: SOL_SOCKET, option, .. } => {
                if let Some(connection) = self.connections.get_mut(&endpoint)
                    && option == PASS_CREDENTIALS
                {
                    connection.note_credentials_wanted();
                }
                let _ = self.listener.answer_continue(notification.id);
            }
            Operation::SetOption { .. } => self.answer_errno(notification, Errno::NOPROTOOPT),
            Operation::Listen | Operation::Shutdown => self.answer_errno(notification, Errno::OPNOTSUPP),
            Operation::OwnName(room) => self.answer_query(notification, endpoint, SocketQuery::OwnName, room),
            Operation::PeerName(room) => {
                self.answer_query(notification, endpoint, SocketQuery::PeerName, room);
            }
            Operation::GetOption { level, option, value } => {
                let query = SocketQuery::Option { level, option, room: i32::MAX };
                if self.namespace.query_socket(endpoint, query) == SocketAnswer::Native {
                    let _ = self.listener.answer_continue(notification.id);
                } else {
                    let room = Bytes { at: value.length_at, length: 4 };
                    self.fetch(notification, endpoint, operation, room);
                }
            }
            Operation::ReceiveFrom { .. } | Operation::ReceiveMessage { .. } => {
                self.answer_receive(notification, endpoint, inode, call);
            }
        }
    }

    fn answer_errno(&self, notification: &Notification, errno: Errno) {
        let _ = self.listener.answer_errno(notification.id, errno.raw_os_error());
    }

    /// Reads what the call gives; it goes on with [`Server::answer_with`].
    fn fetch(
        &mut self,
        notification: &Notification,
        endpoint: EndpointId,
        operation: Operation,
        given: Bytes,
    ) {
        let Ok(length) = usize::try_from(given.length) else {
            self.answer_errno(notification, Errno::INVAL);
            return;
        };
        let (notification, listener) = (*notification, self.listener.clone());
        self.aside.work_on_call(notification, move || {
            let mut bytes = vec![0; length];
            let read = callers_memory(&notification, &listener)
                .and_then(|memory| if length == 0 { Ok(()) } else { memory.read(given.at, &mut bytes) });
            Some(Worked::Read { notification, endpoint, operation, bytes: read.map(|()| bytes) })
        });
    }

    /// Answers a call of which it is known what it gives.
    pub(super) fn answer_with(
        &mut self,
        notification: &Notification,
        endpoint: EndpointId,
        operation: Operation,
        bytes: io::Result<Vec<u8>>,
    ) {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                let _ = self.listener.answer_errno(notification.id, errno(&error));
                return;
            }
        };
        let request = match operation {
            Operation::Bind(_) => SocketRequest::Bind { address: &bytes },
            Operation::Connect(_) => SocketRequest::Connect { address: &bytes },
            Operation::SetOption { option, .. } => SocketRequest::SetOption { option, value: &bytes },
            Operation::GetOption { level, option, value } => {
                let room = bytes.first_chunk().map_or(0, |room| i32::from_ne_bytes(*room));
                let query = SocketQuery::Option { level, option, room };
                self.answer_query(notification, endpoint, query, value);
                return;
            }
            _ => return,
        };
        let Some(caller) = self.caller(notification, &request) else {
            // Gone, or nothing that we may look at: whoever it is has no privileges here.
            self.answer_errno(notification, Errno::PERM);
            return;
        };
        let call = notification.id;
        self.namespace.handle(Input::SocketRequested { endpoint, call, caller: &caller, request }, now());
        self.perform();
    }

    /// Who makes a call. `None` if it is gone or nothing is known of it.
    fn caller(&mut self, notification: &Notification, request: &SocketRequest<'_>) -> Option<Caller> {
        let owner = self.owner.as_ref()?;
        let Waiter { sender, effective } = self.resolver.waiter(notification.tid, owner).ok()?;
        let inquiry = Inquiry { details: request.changes_groups(), ..Inquiry::default() };
        let details = answers(&inquiry, &sender, owner).details;
        let caller = Caller {
            sender,
            details,
            net_admin: effective.has(Capability::NetAdmin),
            net_broadcast: effective.has(Capability::NetBroadcast),
        };
        self.listener.is_valid(notification.id).then_some(caller)
    }

    /// Answers a call that asks for something.
    fn answer_query(
        &mut self,
        notification: &Notification,
        endpoint: EndpointId,
        query: SocketQuery,
        room: Room,
    ) {
        let answer = self.namespace.query_socket(endpoint, query);
        let (notification, listener) = (*notification, self.listener.clone());
        match answer {
            SocketAnswer::Native => {
                let _ = listener.answer_continue(notification.id);
            }
            SocketAnswer::Refused(errno) => {
                let _ = listener.answer_errno(notification.id, errno.0);
            }
            SocketAnswer::Name(name) => self.aside.work_on_call(notification, move || {
                let written = callers_memory(&notification, &listener)
                    .and_then(|memory| write_name(&memory, room, &name));
                answer_written(&notification, &listener, written);
                None
            }),
            SocketAnswer::Value { bytes, length } => self.aside.work_on_call(notification, move || {
                let written = callers_memory(&notification, &listener).and_then(|memory| {
                    memory.write(room.length_at, &length.to_ne_bytes())?;
                    write_some(&memory, room.at, &bytes)
                });
                answer_written(&notification, &listener, written);
                None
            }),
        }
    }
}

fn answer_written(notification: &Notification, listener: &Listener, written: io::Result<()>) {
    let _ = match written {
        Ok(()) => listener.answer_value(notification.id, 0),
        Err(error) => listener.answer_errno(notification.id, errno(&error)),
    };
}

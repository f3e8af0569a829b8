//! Receiving on audit sockets of strict clients, with netlink's addresses and control messages.
//!
//! Wherever it can be, the member's own call does the receiving: the supervisor writes netlink's address where the caller
//! wants one, says in the caller's memory that there is no room for another, and lets the call go on. The kernel then
//! reports the length of the address below, which is the same, and everything else (waiting, timeouts, signals, peeking,
//! truncation) is its own. Control messages it would not write, so where the caller wants those, a datagram is taken here
//! and written into the caller's memory; as long as there is none, the call is parked.

mod control;
mod parked;
mod take;

pub(super) use parked::Parked;

use super::Server;
use super::aside::Done;
use super::connection::Connection;
use super::on_socket::{callers_memory, write_some};
use auditns_core::EndpointId;
use auditns_sys::call::{Layout, OnSocket, Operation, Room};
use auditns_sys::memory::{Memory, Message};
use auditns_sys::{Listener, Notification, descriptors, endpoint};
use auditns_wire::address::Address;
use auditns_wire::header::HEADER_LENGTH;
use auditns_wire::record;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::io;
use std::sync::Arc;

/// Messages of the caller that are answered before it receives: in the kernel they are when `send` returns.
const ANSWERED_FIRST: usize = 16;

/// A call that receives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiving {
    pub(super) notification: Notification,
    pub(super) endpoint: EndpointId,
    /// Descriptor in the caller's table, and the inode of the socket that it was.
    fd: u32,
    inode: u64,
    operation: Operation,
    /// What is known of the socket.
    socket: Socket,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
struct Socket {
    /// It gets records as a member of a group.
    in_group: bool,
    /// It may hold some.
    was_in_group: bool,
    /// Something waits to be received.
    holds_datagram: bool,
    /// `NETLINK_PKTINFO` is on.
    packet_info: bool,
    /// `SO_PASSCRED` may be on.
    credentials: bool,
}

/// How a call that receives is answered.
enum Answer {
    /// The kernel does it.
    Continue,
    /// It returns this.
    Value(i64),
    /// It fails with this.
    Errno(i32),
    /// It waits for a datagram, at most for this time.
    Wait(Option<std::time::Duration>),
}

impl Server<'_> {
    pub(super) fn answer_receive(
        &mut self,
        notification: &Notification,
        endpoint: EndpointId,
        inode: u64,
        call: OnSocket,
    ) {
        for _ in 0..ANSWERED_FIRST {
            let reads = self.connections.get(&endpoint).is_some_and(Connection::may_read);
            if !reads || !self.read_message(endpoint) {
                break;
            }
            self.perform();
        }
        self.update_interest(endpoint);
        if self.connections.get_mut(&endpoint).is_some_and(Connection::take_overrun) {
            let _ = self.listener.answer_errno(notification.id, Errno::NOBUFS.raw_os_error());
            return;
        }
        let OnSocket { fd, operation } = call;
        let socket = Socket {
            in_group: self.namespace.is_in_group(endpoint),
            was_in_group: self.namespace.was_in_group(endpoint),
            holds_datagram: self.holds_datagram(endpoint),
            packet_info: self.calls_are_ours && self.namespace.shows_packet_info(endpoint),
            credentials: self.calls_are_ours
                && self.connections.get(&endpoint).is_some_and(Connection::are_credentials_wanted),
        };
        let notification = *notification;
        self.start_receiving(Receiving { notification, endpoint, fd, inode, operation, socket });
    }

    /// Whether something waits to be received on the member's end.
    fn holds_datagram(&self, endpoint: EndpointId) -> bool {
        self.connections.get(&endpoint).is_some_and(endpoint::has_unread)
    }

    fn start_receiving(&mut self, receiving: Receiving) {
        let Receiving { notification, fd, operation, socket, .. } = receiving;
        let (Operation::ReceiveFrom { flags, .. } | Operation::ReceiveMessage { flags, .. }) = operation
        else {
            return;
        };
        if flags & libc_flags::OUT_OF_BAND != 0 {
            let _ = self.listener.answer_errno(notification.id, Errno::OPNOTSUPP.raw_os_error());
            return;
        }
        let nonblocking = || {
            flags & libc_flags::DONTWAIT != 0
                || descriptors::is_nonblocking(notification.tid, fd).unwrap_or(false)
        };
        if !socket.holds_datagram && nonblocking() {
            // The kernel leaves the caller's memory alone when there is nothing.
            let _ = self.listener.answer_errno(notification.id, Errno::AGAIN.raw_os_error());
            return;
        }
        if matches!(operation, Operation::ReceiveFrom { address: Room { at: 0, .. }, .. }) {
            let _ = self.listener.answer_continue(notification.id);
            return;
        }
        let listener = Arc::clone(&self.listener);
        self.aside.work_on_call(notification, move || {
            let answer = receiving.answer(&listener).unwrap_or(Answer::Continue);
            let id = notification.id;
            let _ = match answer {
                Answer::Continue => listener.answer_continue(id),
                Answer::Value(value) => listener.answer_value(id, value),
                Answer::Errno(errno) => listener.answer_errno(id, errno),
                Answer::Wait(time) => return Some(Done::MustWait(receiving, time)),
            };
            None
        });
    }

    /// A call found nothing to receive.
    pub(super) fn park(&mut self, receiving: Receiving, time: Option<std::time::Duration>) {
        let arrived = !receiving.socket.holds_datagram && self.holds_datagram(receiving.endpoint);
        if arrived {
            self.start_again(receiving);
            return;
        }
        let at_once = !self.holds_datagram(receiving.endpoint);
        if !self.parked.add(receiving, time, at_once) {
            // Better without control messages than not at all.
            let _ = self.listener.answer_continue(receiving.notification.id);
        }
    }

    fn start_again(&mut self, mut receiving: Receiving) {
        receiving.socket.holds_datagram = true;
        self.start_receiving(receiving);
    }

    /// Lets parked calls go on for which there is a datagram, and those that wait no longer.
    pub(super) fn serve_parked(&mut self) {
        for receiving in self.parked.take_if(|receiving| {
            let Some(connection) = self.connections.get(&receiving.endpoint) else { return false };
            endpoint::has_unread(connection)
        }) {
            self.start_again(receiving);
        }
        for (receiving, end) in
            self.parked.take_ended(&self.listener, |endpoint| self.connections.contains_key(&endpoint))
        {
            let id = receiving.notification.id;
            let _ = match end {
                parked::End::Gone => Ok(()),
                parked::End::TimedOut => self.listener.answer_errno(id, Errno::AGAIN.raw_os_error()),
                // The kernel decides what becomes of a call that is interrupted, or that has lost its socket.
                parked::End::Signalled | parked::End::SocketClosed => self.listener.answer_continue(id),
            };
        }
    }
}

/// Flags of calls that receive, the same on every architecture auditns serves.
mod libc_flags {
    pub(super) const OUT_OF_BAND: i32 = 0x1;
    pub(super) const PEEK: i32 = 0x2;
    pub(super) const TRUNCATED: i32 = 0x20;
    pub(super) const CONTROL_TRUNCATED: i32 = 0x8;
    pub(super) const DONTWAIT: i32 = 0x40;
    pub(super) const CMSG_CLOEXEC: i32 = 0x4000_0000;
}

impl Receiving {
    /// # Errors
    /// Anything that keeps us from answering better than the socket below does.
    fn answer(&self, listener: &Listener) -> io::Result<Answer> {
        let memory = callers_memory(&self.notification, listener)?;
        match self.operation {
            Operation::ReceiveFrom { address, .. } => {
                self.write_address(&memory, address)?;
                Ok(Answer::Continue)
            }
            Operation::ReceiveMessage { message, flags, layout } => {
                // The kernel finds the same fault.
                let Ok(message) = Message::read(&memory, message, layout) else {
                    return Ok(Answer::Continue);
                };
                self.answer_message(&memory, listener, &message, flags, layout)
            }
            _ => Ok(Answer::Continue),
        }
    }

    fn answer_message(
        &self,
        memory: &Memory,
        listener: &Listener,
        message: &Message,
        flags: i32,
        layout: Layout,
    ) -> io::Result<Answer> {
        let wants_control = message.control.at != 0 && message.control.length != 0;
        if wants_control && message.is_plausible() && (self.socket.packet_info || self.socket.credentials) {
            return self.take(memory, listener, message, flags, layout);
        }
        if message.name.at != 0 {
            let name = self.next_address()?.encode();
            let room = usize::try_from(message.name.length).unwrap_or(usize::MAX);
            write_some(memory, message.name.at, &name[..room.min(name.len())])?;
            message.write_name_length(memory, 0)?;
        }
        Ok(Answer::Continue)
    }

    /// As the kernel does, but for the length that is reported: that the kernel writes when the call returns.
    fn write_address(&self, memory: &Memory, room: Room) -> io::Result<()> {
        let wanted = memory.read_word(room.length_at)?.cast_signed();
        // The kernel refuses a negative length, after it has received.
        let Ok(wanted) = usize::try_from(wanted) else { return Ok(()) };
        let name = self.next_address()?.encode();
        write_some(memory, room.at, &name[..wanted.min(name.len())])?;
        memory.write(room.length_at, &0_u32.to_ne_bytes())
    }

    /// From whom the next datagram is: always the kernel, to the group or to the socket alone.
    fn next_address(&self) -> io::Result<Address> {
        let to_group = if !self.socket.holds_datagram {
            // Answers are there already. What is still to come to a member of a group are records.
            self.socket.in_group
        } else if self.socket.was_in_group {
            let end = descriptors::copy(self.notification.tid, self.fd, self.inode)?;
            let mut beginning = [0; HEADER_LENGTH];
            match rustix::net::recv(
                &end,
                &mut beginning,
                RecvFlags::PEEK | RecvFlags::TRUNC | RecvFlags::DONTWAIT,
            ) {
                Ok((read, length)) => record::is_multicast(&beginning[..read], length),
                Err(_) => true,
            }
        } else {
            false
        };
        Ok(Address { port: 0, groups: u32::from(to_group) })
    }
}

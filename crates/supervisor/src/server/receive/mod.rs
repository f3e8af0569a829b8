//! Receiving on audit sockets of strict clients, with netlink's addresses and control messages.
//!
//! Wherever it can be, the member's own call does the receiving: the supervisor writes netlink's address where the caller
//! wants one, says in the caller's memory that there is no room for another, and lets the call go on. The kernel then
//! reports the length of the address below, which is the same, and everything else (waiting, timeouts, signals, peeking,
//! truncation) is its own. Control messages it would not write, so where the caller wants those, a datagram is taken here
//! and written into the caller's memory; as long as there is none, the call is parked.

mod control;
mod flags;
mod parked;
mod receiving;
mod take;

pub(super) use parked::Parked;
pub(super) use receiving::Receiving;

use super::Server;
use super::connection::Connection;
use super::worked::Worked;
use auditns_core::EndpointId;
use auditns_sys::call::{OnSocket, Operation, Room};
use auditns_sys::{Notification, descriptors, endpoint};
use receiving::{Answer, Socket};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::Duration;

/// Messages of the caller that are answered before it receives: in the kernel they are when `send` returns.
const ANSWERED_FIRST: usize = 16;

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
        if flags & flags::OUT_OF_BAND != 0 {
            let _ = self.listener.answer_errno(notification.id, Errno::OPNOTSUPP.raw_os_error());
            return;
        }
        let nonblocking = || {
            flags & flags::DONTWAIT != 0 || descriptors::is_nonblocking(notification.tid, fd).unwrap_or(false)
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
                Answer::Wait(time) => return Some(Worked::MustWait(receiving, time)),
            };
            None
        });
    }

    /// A call found nothing to receive.
    pub(super) fn park(&mut self, receiving: Receiving, time: Option<Duration>) {
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

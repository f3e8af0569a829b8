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
pub(super) mod receiving;
mod take;

pub(super) use parked::Parked;

use super::connection::Connection;
use super::receivers::Receiver;
use super::worked::Worked;
use super::{EVENTS, FOREIGN_TOKENS, Server};
use auditns_core::EndpointId;
use auditns_sys::call::{OnSocket, Operation, Room};
use auditns_sys::{Notification, endpoint};
use parked::End;
use receiving::{Answer, Receiving, Socket, Waits};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages of an endpoint that are handled at most before somebody receives on it.
const ANSWERED_FIRST: usize = 16;

/// `ERESTARTSYS`: what the kernel itself makes of an interrupted notification. As a signal waits for the thread, the kernel
/// turns it into `EINTR` or makes the call again, as the signal's handler wants it, and no program sees it.
const RESTART: i32 = 512;

impl Server<'_> {
    pub(super) fn answer_receive(&mut self, notification: &Notification, receiver: Receiver, call: OnSocket) {
        let endpoint = receiver.endpoint;
        self.answer_first(endpoint);
        let Some(connection) = self.connections.get_mut(&endpoint) else {
            self.misjudged(notification, call);
            return;
        };
        let socket = Socket {
            overrun: connection.has_overrun(),
            in_group: self.namespace.is_in_group(endpoint),
            was_in_group: self.namespace.was_in_group(endpoint),
            holds_datagram: endpoint::has_unread(&*connection),
            packet_info: self.calls_are_ours && self.namespace.shows_packet_info(endpoint),
            credentials: self.calls_are_ours && connection.are_credentials_wanted(),
        };
        let notification = *notification;
        self.start_receiving(Receiving { notification, receiver, call, socket, waits: Waits::NotYet });
    }

    /// Handles what members have sent before somebody receives on this endpoint: in the kernel it is when `send` returns.
    /// What came on other sockets goes first, because it may have been sent first.
    fn answer_first(&mut self, endpoint: EndpointId) {
        for _ in 0..ANSWERED_FIRST {
            let mut own = EventFlags::empty();
            for (ready, flags) in self.ready_endpoints() {
                // As long as an answer is on its way, nothing is read.
                self.send_gathered_before(ready);
                if ready == endpoint {
                    own = flags;
                } else {
                    self.endpoint_ready(ready, flags, false);
                    self.perform();
                }
            }
            if own.is_empty() {
                break;
            }
            self.endpoint_ready(endpoint, own, false);
            self.perform();
        }
        self.send_gathered_before(endpoint);
    }

    /// Endpoints with something to do, without waiting.
    fn ready_endpoints(&self) -> Vec<(EndpointId, EventFlags)> {
        let mut events = Vec::with_capacity(EVENTS);
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        for epoll in self.watchers.all() {
            events.reserve(EVENTS);
            // An error is one of the thread's own wait, too.
            let _ = epoll::wait(epoll, spare_capacity(&mut events), Some(&none));
        }
        let endpoints = events.iter().map(|event| (event.data.u64(), event.flags));
        let endpoints = endpoints.filter(|(token, _)| *token >= FOREIGN_TOKENS);
        endpoints.map(|(token, flags)| (EndpointId(token), flags)).collect()
    }

    /// A thread's number means another socket than was thought: it is looked at again.
    pub(super) fn misjudged(&mut self, notification: &Notification, call: OnSocket) {
        self.receivers.forget_number(call.fd);
        self.answer_on_socket(notification, call);
    }

    fn start_receiving(&mut self, receiving: Receiving) {
        let Receiving { notification, receiver, call, socket, .. } = receiving;
        // The socket below refuses this as netlink does.
        if receiving.flags() & flags::OUT_OF_BAND != 0 {
            let _ = self.calls.answer_continue(&notification);
            return;
        }
        let wants_no_address =
            matches!(call.operation, Operation::ReceiveFrom { address: Room { at: 0, .. }, .. });
        if wants_no_address && !socket.overrun {
            let _ = self.calls.answer_continue(&notification);
            return;
        }
        let calls = Arc::clone(&self.calls);
        self.aside.work_on_call(notification, receiver.on_behalf, move || {
            let answer = receiving.answer(&calls).unwrap_or(Answer::Continue);
            let _ = match answer {
                Answer::Continue => calls.answer_continue(&notification),
                Answer::Value(value) => calls.answer_value(&notification, value),
                Answer::Errno(errno) => calls.answer_errno(&notification, errno),
                Answer::Wait(time) => return Some(Worked::MustWait(receiving, time)),
                Answer::Overrun => return Some(Worked::Overrun { notification, receiver, call }),
                Answer::OtherSocket => return Some(Worked::Misjudged { notification, call }),
            };
            None
        });
    }

    /// A call is to be told that records were left out, unless another one was.
    pub(super) fn tell_overrun(&mut self, notification: &Notification, receiver: Receiver, call: OnSocket) {
        if self.connections.get_mut(&receiver.endpoint).is_some_and(Connection::take_overrun) {
            self.answer_errno(notification, Errno::NOBUFS);
        } else {
            self.answer_receive(notification, receiver, call);
        }
    }

    /// A call found nothing to receive. `time` is how long one that waits for the first time waits at most.
    pub(super) fn park(&mut self, mut receiving: Receiving, time: Option<Duration>) {
        self.send_gathered_before(receiving.receiver.endpoint);
        if receiving.waits == Waits::NotYet {
            receiving.waits = match time.and_then(|time| Instant::now().checked_add(time)) {
                Some(deadline) => Waits::Until(deadline),
                None => Waits::ForEver,
            };
        }
        let holds_datagram =
            self.connections.get(&receiving.receiver.endpoint).is_some_and(endpoint::has_unread);
        if holds_datagram && !receiving.socket.holds_datagram {
            self.start_again(receiving);
        } else if !self.parked.add(receiving, !holds_datagram) {
            // Better without control messages than not at all.
            let _ = self.calls.answer_continue(&receiving.notification);
        }
    }

    fn start_again(&mut self, mut receiving: Receiving) {
        receiving.socket.holds_datagram = true;
        self.start_receiving(receiving);
    }

    /// Lets parked calls go on for which there is a datagram, and those that wait no longer.
    pub(super) fn serve_parked(&mut self) {
        let ready = self.parked.take_if(|receiving| {
            self.connections.get(&receiving.receiver.endpoint).is_some_and(endpoint::has_unread)
        });
        for receiving in ready {
            self.start_again(receiving);
        }
        let is_open = |endpoint| self.connections.contains_key(&endpoint);
        for (receiving, end) in self.parked.take_ended(&self.calls, is_open) {
            let call = &receiving.notification;
            let _ = match end {
                End::Gone => Ok(()),
                End::TimedOut => self.calls.answer_errno(call, Errno::AGAIN.raw_os_error()),
                // As `sock_intr_errno` of the kernel.
                End::Interrupted if receiving.waits == Waits::ForEver => {
                    self.calls.answer_errno(call, RESTART)
                }
                End::Interrupted => self.calls.answer_errno(call, Errno::INTR.raw_os_error()),
                // The kernel decides what becomes of a call that may be interrupted, or that has lost its socket.
                End::PerhapsInterrupted | End::SocketClosed => self.calls.answer_continue(call),
            };
        }
    }
}

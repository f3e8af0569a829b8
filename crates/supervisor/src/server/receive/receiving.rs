//! One call that receives, and how it is answered.

use super::flags as flag;
use crate::server::callers_memory::{callers_memory, write_beginning};
use crate::server::calls::Calls;
use crate::server::receivers::Receiver;
use auditns_sys::call::{OnSocket, Operation, Room};
use auditns_sys::memory::{Memory, Message};
use auditns_sys::{Notification, descriptors};
use auditns_wire::address::Address;
use auditns_wire::header::HEADER_LENGTH;
use auditns_wire::record;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// A call that receives.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Receiving {
    pub(in crate::server) notification: Notification,
    /// The socket that the descriptor was.
    pub(super) receiver: Receiver,
    pub(super) call: OnSocket,
    /// What is known of the socket.
    pub(super) socket: Socket,
    pub(super) waits: Waits,
}

/// How long a call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// It was not looked at yet.
    NotYet,
    /// `SO_RCVTIMEO` is set.
    Until(Instant),
    ForEver,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct Socket {
    /// Whoever receives next is to be told that records were left out.
    pub(super) overrun: bool,
    /// It gets records as a member of a group.
    pub(super) in_group: bool,
    /// It may hold some.
    pub(super) was_in_group: bool,
    /// Something waits to be received.
    pub(super) holds_datagram: bool,
    /// `NETLINK_PKTINFO` is on.
    pub(super) packet_info: bool,
    /// `SO_PASSCRED` may be on.
    pub(super) credentials: bool,
}

/// How a call that receives is answered.
pub(super) enum Answer {
    /// The kernel does it.
    Continue,
    /// It returns this.
    Value(i64),
    /// It fails with this.
    Errno(i32),
    /// It waits for a datagram, at most for this time.
    Wait(Option<Duration>),
    /// Records were left out.
    Overrun,
    /// The descriptor is another socket by now.
    OtherSocket,
}

impl Receiving {
    /// # Errors
    /// Anything that keeps us from answering better than the socket below does.
    pub(super) fn answer(&self, calls: &Calls) -> io::Result<Answer> {
        let tid = self.notification.tid;
        if descriptors::socket_inode(tid, self.call.fd)? != Some(self.receiver.inode) {
            return Ok(Answer::OtherSocket);
        }
        if self.socket.overrun {
            return Ok(Answer::Overrun);
        }
        // The kernel leaves the caller's memory alone when there is nothing.
        if !self.socket.holds_datagram && self.must_not_wait() {
            return Ok(Answer::Errno(Errno::AGAIN.raw_os_error()));
        }
        let memory = callers_memory(&self.notification, calls)?;
        match self.call.operation {
            Operation::ReceiveFrom { address, .. } => {
                self.write_address(&memory, address)?;
                Ok(Answer::Continue)
            }
            Operation::ReceiveMessage { message, layout, .. } => {
                // The kernel finds the same fault.
                let Ok(message) = Message::read(&memory, message, layout) else {
                    return Ok(Answer::Continue);
                };
                self.answer_message(&memory, calls, &message)
            }
            _ => Ok(Answer::Continue),
        }
    }

    fn answer_message(&self, memory: &Memory, calls: &Calls, message: &Message) -> io::Result<Answer> {
        let has_control = message.control.at != 0 && message.control.length != 0;
        let wants_control = self.socket.packet_info || (self.socket.credentials && has_control);
        if wants_control && message.is_plausible() {
            return self.take(memory, calls, message);
        }
        if message.name.at != 0 {
            let name = self.next_address()?.encode();
            write_beginning(memory, message.name.at, message.name.length, &name)?;
            message.write_name_length(memory, 0)?;
        }
        Ok(Answer::Continue)
    }

    /// As the kernel does, but for the length that is reported: that the kernel writes when the call returns.
    fn write_address(&self, memory: &Memory, room: Room) -> io::Result<()> {
        let wanted = memory.read_word(room.length_at)?.cast_signed();
        // The kernel refuses a negative length, after it has received.
        let Ok(wanted) = u64::try_from(wanted) else { return Ok(()) };
        let name = self.next_address()?.encode();
        write_beginning(memory, room.at, wanted, &name)?;
        memory.write(room.length_at, &0_u32.to_ne_bytes())
    }

    /// From whom the next datagram is: always the kernel, to the group or to the socket alone.
    fn next_address(&self) -> io::Result<Address> {
        let to_group = if !self.socket.holds_datagram {
            // Answers are there already. What is still to come to a member of a group are records.
            self.socket.in_group
        } else if self.socket.was_in_group {
            let end = self.copy()?;
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

    fn must_not_wait(&self) -> bool {
        self.flags() & flag::DONTWAIT != 0 || self.copy().is_ok_and(|end| is_nonblocking(&end))
    }

    /// The call's `MSG_` flags.
    pub(super) fn flags(&self) -> i32 {
        match self.call.operation {
            Operation::ReceiveFrom { flags, .. } | Operation::ReceiveMessage { flags, .. } => flags,
            _ => 0,
        }
    }

    /// The member's end.
    pub(super) fn copy(&self) -> io::Result<OwnedFd> {
        descriptors::copy(self.notification.tid, self.call.fd, self.receiver.inode)
    }
}

/// Whether calls on a socket do not wait.
pub(super) fn is_nonblocking(end: &OwnedFd) -> bool {
    rustix::fs::fcntl_getfl(end).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
}

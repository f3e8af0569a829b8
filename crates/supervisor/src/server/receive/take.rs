//! Taking a datagram off a member's end and writing it into the member's memory.

use super::control::{Extras, messages};
use super::flags as flag;
use super::receiving::{Answer, Receiving, is_nonblocking};
use crate::server::callers_memory::{write_beginning, write_some};
use crate::server::calls::Calls;
use auditns_sys::memory::{Memory, Message};
use auditns_wire::address::Address;
use auditns_wire::header::HEADER_LENGTH;
use auditns_wire::record;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{self, Timeout};
use std::io;
use std::os::fd::OwnedFd;

/// Datagrams of audit are shorter.
const DATAGRAM_MAX: u64 = 64 * 1024;

impl Receiving {
    /// Receives in the caller's place.
    pub(super) fn take(&self, memory: &Memory, calls: &Calls, message: &Message) -> io::Result<Answer> {
        let flags = self.flags();
        let end = self.copy()?;
        let room = usize::try_from(message.room().min(DATAGRAM_MAX)).unwrap_or(0);
        // What is shorter than a header is no record: so much is read whatever the caller has room for.
        let mut buffer = vec![0; room.max(HEADER_LENGTH)];
        let mut how = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        how.set(RecvFlags::PEEK, flags & flag::PEEK != 0);
        if !calls.is_valid(&self.notification) {
            return Ok(Answer::Continue);
        }
        let (read, length) = match rustix::net::recv(&end, &mut buffer, how) {
            Ok(received) => received,
            Err(Errno::AGAIN) => return nothing(&end, flags),
            Err(errno) => return Ok(Answer::Errno(errno.raw_os_error())),
        };
        let copied = read.min(room);
        let group = u32::from(record::is_multicast(&buffer[..read], length));
        let extras = Extras {
            group: self.socket.packet_info.then_some(group),
            credentials: sockopt::socket_passcred(&end).unwrap_or(false),
        };
        let (control, cut) = messages(extras, message.layout(), message.control.length);
        let mut shown = flags & flag::CMSG_CLOEXEC;
        if length > copied {
            shown |= flag::TRUNCATED;
        }
        if cut {
            shown |= flag::CONTROL_TRUNCATED;
        }
        let returned = if flags & flag::TRUNCATED == 0 { copied } else { length };
        let name = Address { port: 0, groups: group }.encode();
        let written = (|| {
            message.write_data(memory, &buffer[..copied])?;
            // The kernel makes nothing of control messages that cannot be written (`put_cmsg`).
            let control_length =
                write_some(memory, message.control.at, &control).map_or(0, |()| control.len());
            if message.name.at != 0 {
                write_beginning(memory, message.name.at, message.name.length, &name)?;
                message.write_name_length(memory, u32::try_from(name.len()).unwrap_or(0))?;
            }
            message.write_outcome(memory, control_length, shown)
        })();
        Ok(match written {
            Ok(()) => Answer::Value(i64::try_from(returned).unwrap_or(i64::MAX)),
            Err(error) => Answer::Errno(error.raw_os_error().unwrap_or(Errno::FAULT.raw_os_error())),
        })
    }
}

/// There is nothing to receive.
fn nothing(end: &OwnedFd, flags: i32) -> io::Result<Answer> {
    if flags & flag::DONTWAIT != 0 || is_nonblocking(end) {
        return Ok(Answer::Errno(Errno::AGAIN.raw_os_error()));
    }
    Ok(Answer::Wait(sockopt::socket_timeout(end, Timeout::Recv)?))
}

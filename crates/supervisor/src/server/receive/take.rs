//! Taking a datagram off a member's end and writing it into the member's memory.

use super::control::{Extras, messages};
use super::flags as flag;
use super::receiving::{Answer, Receiving};
use crate::server::callers_memory::write_some;
use auditns_sys::call::Layout;
use auditns_sys::memory::{Memory, Message};
use auditns_sys::{Listener, descriptors};
use auditns_wire::address::Address;
use auditns_wire::header::HEADER_LENGTH;
use auditns_wire::record;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{self, Timeout};
use std::io;
use std::os::fd::OwnedFd;

/// Datagrams of audit are shorter.
const DATAGRAM_MAX: u64 = 64 * 1024;

impl Receiving {
    /// Receives in the caller's place.
    pub(super) fn take(
        &self,
        memory: &Memory,
        listener: &Listener,
        message: &Message,
        flags: i32,
        layout: Layout,
    ) -> io::Result<Answer> {
        let end = descriptors::copy(self.notification.tid, self.fd, self.inode)?;
        let mut buffer = vec![0; usize::try_from(message.room().min(DATAGRAM_MAX)).unwrap_or(0)];
        let mut beginning = [0; HEADER_LENGTH];
        let mut how = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        how.set(RecvFlags::PEEK, flags & flag::PEEK != 0);
        if !listener.is_valid(self.notification.id) {
            return Ok(Answer::Continue);
        }
        let peeked = rustix::net::recv(&end, &mut beginning, how | RecvFlags::PEEK);
        let received = peeked.and_then(|peeked| Ok((peeked, rustix::net::recv(&end, &mut buffer, how)?)));
        let ((seen, seen_length), (copied, length)) = match received {
            Ok(received) => received,
            Err(Errno::AGAIN) => return nothing(&end, flags),
            Err(errno) => return Ok(Answer::Errno(errno.raw_os_error())),
        };
        let group = u32::from(record::is_multicast(&beginning[..seen], seen_length));
        let extras = Extras {
            group: self.socket.packet_info.then_some(group),
            credentials: sockopt::socket_passcred(&end).unwrap_or(false),
        };
        let (control, cut) = messages(extras, layout, message.control.length);
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
            write_some(memory, message.control.at, &control)?;
            if message.name.at != 0 {
                let room = usize::try_from(message.name.length).unwrap_or(usize::MAX);
                write_some(memory, message.name.at, &name[..room.min(name.len())])?;
                message.write_name_length(memory, u32::try_from(name.len()).unwrap_or(0))?;
            }
            message.write_outcome(memory, control.len(), shown)
        })();
        Ok(match written {
            Ok(()) => Answer::Value(i64::try_from(returned).unwrap_or(i64::MAX)),
            Err(error) => Answer::Errno(error.raw_os_error().unwrap_or(Errno::FAULT.raw_os_error())),
        })
    }
}

/// There is nothing to receive.
fn nothing(end: &OwnedFd, flags: i32) -> io::Result<Answer> {
    let nonblocking = flags & flag::DONTWAIT != 0 || rustix::fs::fcntl_getfl(end)?.contains(OFlags::NONBLOCK);
    if nonblocking {
        return Ok(Answer::Errno(Errno::AGAIN.raw_os_error()));
    }
    Ok(Answer::Wait(sockopt::socket_timeout(end, Timeout::Recv)?))
}

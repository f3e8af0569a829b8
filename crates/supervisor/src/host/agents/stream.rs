//! Bytes of a stream socket, with the descriptors that came with them, until a deadline.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Most descriptors that are kept; the protocol needs one.
const DESCRIPTORS_MAX: usize = 8;
/// Bytes that one system call reads.
const CHUNK: usize = 16 << 10;

/// A connection that is read.
#[derive(Debug)]
pub(super) struct Stream {
    socket: OwnedFd,
    deadline: Instant,
    chunk: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Stream {
    pub(super) fn new(socket: OwnedFd, deadline: Instant) -> Stream {
        Stream { socket, deadline, chunk: vec![0; CHUNK], descriptors: Vec::new() }
    }

    /// Reads once what has arrived; nothing at the end of the stream.
    ///
    /// # Errors
    /// `TimedOut` when the deadline has passed; otherwise those of `recvmsg(2)`.
    pub(super) fn read(&mut self) -> io::Result<&[u8]> {
        loop {
            let rest = self.deadline.checked_duration_since(Instant::now()).ok_or(io::ErrorKind::TimedOut)?;
            let rest = Timespec::try_from(rest).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&rest)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
            // The kernel closes descriptors that the space is too small for.
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let received =
                recvmsg(&self.socket, &mut [IoSliceMut::new(&mut self.chunk)], &mut control, flags);
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    let room = DESCRIPTORS_MAX.saturating_sub(self.descriptors.len());
                    self.descriptors.extend(descriptors.take(room));
                }
            }
            match received {
                Ok(received) => return Ok(self.chunk.get(..received.bytes).unwrap_or_default()),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What came with the bytes, in order.
    pub(super) fn into_descriptors(self) -> Vec<OwnedFd> {
        self.descriptors
    }
}

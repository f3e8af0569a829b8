//! One connection of a monitor.

use auditns_runtimes::lxc::Frame;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, recv, recvmsg, send,
};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Descriptors that come with a message.
const DESCRIPTORS: usize = 3;

/// A message that waits for its answer.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    /// None if they were not asked for, or descriptors are short.
    pub(super) descriptors: Vec<OwnedFd>,
}

/// A socket that keeps messages apart. A message stays in it until it is answered, so that the next process finds it there if
/// this one is killed.
#[derive(Debug)]
pub(super) struct Connection(OwnedFd);

impl Connection {
    pub(super) fn new(socket: OwnedFd) -> Connection {
        Connection(socket)
    }

    /// Waits for the next message and leaves it where it is. `None` when the connection has ended.
    ///
    /// # Errors
    /// `EMSGSIZE` for a message longer than any is; otherwise those of `recvmsg(2)`.
    pub(super) fn next(&self, with_descriptors: bool) -> io::Result<Option<Message>> {
        loop {
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            match self.peek(with_descriptors) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                found => return found,
            }
        }
    }

    fn peek(&self, with_descriptors: bool) -> io::Result<Option<Message>> {
        let mut bytes = vec![0; Frame::LENGTH_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let space = if with_descriptors { &mut space[..] } else { &mut [] };
        // The kernel gives no descriptors for which there is no space.
        let mut control = RecvAncillaryBuffer::new(space);
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?;
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                descriptors.extend(given.take(DESCRIPTORS));
            }
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(Errno::MSGSIZE.into());
        }
        bytes.truncate(received.bytes);
        Ok(Some(Message { bytes, descriptors }).filter(|message| !message.bytes.is_empty()))
    }

    /// Takes the message out and sends its answer. In this order a message that is still there is never one that was answered.
    ///
    /// # Errors
    /// Those of `recv(2)` and `send(2)`. It never waits.
    pub(super) fn answer(&self, answer: &[u8]) -> io::Result<()> {
        let mut nothing = [0_u8; 1];
        recv(&self.0, &mut nothing, RecvFlags::DONTWAIT | RecvFlags::TRUNC)?;
        send(&self.0, answer, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

//! What the supervisor and the process that looks at tasks say to each other: a message is a datagram of a socket pair.

use super::tag::{Count, Login, Losses, Member, Moved, Start};
use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest message, in bytes.
const LENGTH_MAX: usize = 96 * 1024;
/// Most descriptors of a message.
const DESCRIPTORS_MAX: usize = 8;
/// Most entries of a list in one message. One takes 20 bytes at most.
pub(super) const ENTRIES_MAX: usize = 4096;

/// What the supervisor says.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) enum Asked {
    /// What was kept, as descriptors in the order of [`super::kept::Kept`]; none if nothing was.
    Kept {
        /// Whether programs that note senders are wanted as well, and for how many connections.
        connections: Option<u32>,
    },
    /// The answer has the same number. A listener comes as a descriptor.
    Request { number: u64, request: Request },
}

#[derive(Clone, Copy, Debug, Serialize, serde::Deserialize)]
pub(super) enum Request {
    NoteListener { namespace: u64 },
    ForgetListener,
    Forget { namespace: u64 },
    Task { pid: u32 },
    Counts,
    Members { namespace: u64, most: u32 },
    Move { tgid: u32, start: Start, namespace: u64 },
    SetLogin { tid: u32, start: Start, login: Option<Login> },
    Tagged,
    Losses,
}

/// What the other process says.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) enum Said {
    /// It is there, for the first time or in the place of one that has ended, and needs what was kept.
    Hello,
    /// It serves. What is to be kept comes as descriptors, and after it a program and its memory if there are `slots`.
    Serves { slots: Option<u32> },
    /// It cannot serve and ends. A program and its memory come as descriptors if there are `slots`.
    CannotServe { why: String, slots: Option<u32> },
    /// `more`: another part of the same answer follows.
    Reply { number: u64, reply: Reply, more: bool },
    /// No task has the tag of the namespace any more.
    Emptied { namespace: u64 },
}

#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) enum Reply {
    Done,
    Refused(String),
    NoSuchTask,
    Task(Option<Member>),
    Counts(Vec<Count>),
    Members(Vec<u32>),
    Moved(Moved),
    Tagged(Vec<(u64, u64)>),
    Losses(Losses),
}

/// Sends a message. With [`SendFlags::DONTWAIT`] it does not wait for room.
pub(super) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    loop {
        match sendmsg(&socket, &[IoSlice::new(&bytes)], &mut control, flags | SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for a message. `None` when the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; LENGTH_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let message = postcard::from_bytes(&bytes[..received.bytes]).map_err(io::Error::other)?;
    Ok(Some((message, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn the_longest_list_fits_into_a_message() {
        let (one, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let count = Count { namespace: u64::MAX, processes: u32::MAX, threads: u32::MAX };
        let reply = Reply::Counts(vec![count; ENTRIES_MAX]);
        let said = Said::Reply { number: u64::MAX, reply, more: true };
        send(&one, &said, &[one.as_fd()], SendFlags::DONTWAIT).unwrap();
        let (received, descriptors) = receive::<Said>(&other).unwrap().unwrap();
        let Said::Reply { reply: Reply::Counts(counts), .. } = received else { panic!("{received:?}") };
        assert_eq!((counts.len(), descriptors.len()), (ENTRIES_MAX, 1));
        drop((one, descriptors));
        assert!(receive::<Said>(&other).unwrap().is_none());
    }
}

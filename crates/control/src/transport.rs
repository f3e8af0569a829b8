//! Messages on a stream socket, with descriptors beside them, and deadlines for both directions.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// Most descriptors that are kept with a message.
pub(crate) const DESCRIPTORS_MAX: usize = 4;

/// Bytes that one system call reads.
const CHUNK: usize = 16 << 10;

/// One message, without the zero byte that ends it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// More bytes came without an end than a message may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Cuts what arrives into messages.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Most bytes of a message.
    limit: usize,
    buffer: Vec<u8>,
    /// Where the next message starts in the buffer.
    start: usize,
    /// Up to where there is no zero byte after `start`; without it, a message that arrives byte by byte would be
    /// searched once for each of them.
    searched: usize,
    /// Descriptors, and the place in the buffer of the last byte that came with them.
    descriptors: Vec<(usize, OwnedFd)>,
}

impl Reader {
    pub(crate) fn new(limit: usize) -> Reader {
        Reader { limit, buffer: Vec::new(), start: 0, searched: 0, descriptors: Vec::new() }
    }

    /// Whether nothing of the next message is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// The next message that is here in full.
    pub(crate) fn take(&mut self) -> Result<Option<Message>, TooLong> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(distance) = unsearched.iter().position(|byte| *byte == 0) else {
            self.searched = self.buffer.len();
            return if self.searched - self.start > self.limit { Err(TooLong) } else { Ok(None) };
        };
        let end = self.searched + distance;
        if end - self.start > self.limit {
            return Err(TooLong);
        }
        let bytes = self.buffer.get(self.start..end).unwrap_or_default().to_vec();
        let ours = self.descriptors.iter().take_while(|(place, _)| *place <= end).count();
        let descriptors = self.descriptors.drain(..ours).map(|(_, descriptor)| descriptor).collect();
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(Message { bytes, descriptors }))
    }

    /// Reads once what has arrived. Returns the number of bytes, 0 at the end of the stream.
    ///
    /// To be called when [`Reader::take`] has nothing more: that bounds the buffer.
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.compact();
        let mut chunk = [0; CHUNK];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        // The kernel closes descriptors that the space is too small for.
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(socket, &mut [IoSliceMut::new(&mut chunk)], &mut control, flags)
        })?;
        let chunk = chunk.get(..received.bytes).unwrap_or_default();
        let before = self.buffer.len();
        self.add(chunk);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.keep(descriptors, chunk, before);
            }
        }
        Ok(received.bytes)
    }

    /// Takes bytes that have arrived. To be called as [`Reader::fill`].
    pub(crate) fn add(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// A read ends with the bytes that its descriptors were sent with, so they belong to the last message in it.
    fn keep(&mut self, arrived: impl Iterator<Item = OwnedFd>, chunk: &[u8], before: usize) {
        let Some(last) = chunk.len().checked_sub(1) else { return };
        let message_starts = chunk
            .iter()
            .take(last)
            .rposition(|byte| *byte == 0)
            .map_or(self.start, |place| before + place + 1);
        let kept = self.descriptors.iter().filter(|(place, _)| *place >= message_starts).count();
        let room = DESCRIPTORS_MAX.saturating_sub(kept);
        self.descriptors.extend(arrived.take(room).map(|descriptor| (before + last, descriptor)));
    }

    /// Drops what was taken.
    fn compact(&mut self) {
        let taken = std::mem::take(&mut self.start);
        self.buffer.drain(..taken.min(self.buffer.len()));
        self.searched = self.searched.saturating_sub(taken);
        for (place, _) in &mut self.descriptors {
            *place = place.saturating_sub(taken);
        }
        if self.buffer.is_empty() {
            // Idle connections keep no memory.
            self.buffer = Vec::new();
        }
    }
}

/// Sends bytes, and descriptors with the first of them.
///
/// # Errors
///
/// `TimedOut` when not everything was taken by the deadline, otherwise those of `sendmsg`.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    mut bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
    deadline: Instant,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    while !bytes.is_empty() {
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
        {
            Ok(sent) => {
                bytes = bytes.get(sent..).unwrap_or_default();
                control.clear();
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(socket, PollFlags::OUT, Some(deadline))?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until there is something to read, or the end of the stream.
///
/// # Errors
///
/// `TimedOut` at the deadline, otherwise those of `poll`.
pub(crate) fn wait_readable(socket: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<()> {
    wait(socket, PollFlags::IN, deadline)
}

fn wait(socket: BorrowedFd<'_>, what: PollFlags, deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        match poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), what)], timeout.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

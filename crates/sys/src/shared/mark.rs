//! Sending so that it is known afterwards whether it was done.

use super::SharedMemory;
use crate::endpoint::{self, Sent, SentBy};
use std::io;
use std::os::fd::AsFd;

/// What a length that no call has written reads as.
const UNSET: u32 = u32::MAX;

/// A place in shared memory for the outcome of one send at a time.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'m> {
    memory: &'m SharedMemory,
    at: usize,
}

impl<'m> Mark<'m> {
    /// Bytes that a mark takes.
    pub const LENGTH: usize = size_of::<libc::mmsghdr>();

    /// A mark at an offset that is a multiple of 8; `None` beyond the end.
    pub fn new(memory: &'m SharedMemory, at: usize) -> Option<Mark<'m>> {
        let aligned = at.is_multiple_of(align_of::<libc::mmsghdr>());
        (aligned && memory.place(at, Mark::LENGTH).is_some()).then_some(Mark { memory, at })
    }

    /// Forgets the last send.
    pub fn clear(self) {
        self.memory.write(self.at + std::mem::offset_of!(libc::mmsghdr, msg_len), &UNSET.to_ne_bytes());
    }

    /// Whether something was sent since the last [`Mark::clear`].
    pub fn is_set(self) -> bool {
        let mut length = [0; 4];
        self.memory.read(self.at + std::mem::offset_of!(libc::mmsghdr, msg_len), &mut length)
            && u32::from_ne_bytes(length) != UNSET
    }

    /// As [`endpoint::send`]: the mark is set if and only if the message was sent, even if the process ends within.
    ///
    /// # Errors
    /// As [`endpoint::send`].
    pub fn send(self, fd: impl AsFd, message: &[u8], sent_by: SentBy) -> io::Result<Sent> {
        let Some(place) = self.memory.place(self.at, Mark::LENGTH) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        self.clear();
        endpoint::send_noting(fd.as_fd(), message, sent_by, place.cast())
    }
}

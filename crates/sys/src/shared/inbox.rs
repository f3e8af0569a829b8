//! Receiving so that what was received is there afterwards.

use super::SharedMemory;
use crate::endpoint::{self, Credentials, Received};
use std::io;
use std::os::fd::AsFd;

/// A place in shared memory for one message that was received.
#[derive(Clone, Copy, Debug)]
pub struct Inbox<'m> {
    memory: &'m SharedMemory,
    at: usize,
    room: usize,
}

impl<'m> Inbox<'m> {
    /// Bytes that an inbox takes besides its messages.
    pub const OVERHEAD: usize = size_of::<libc::mmsghdr>() + endpoint::CONTROL_LENGTH;

    /// An inbox at an offset that is a multiple of 8, with room for messages of so many bytes; `None` beyond the end.
    pub fn new(memory: &'m SharedMemory, at: usize, room: usize) -> Option<Inbox<'m>> {
        let length = Inbox::OVERHEAD.checked_add(room)?;
        (at.is_multiple_of(8) && memory.place(at, length).is_some()).then_some(Inbox { memory, at, room })
    }

    /// Forgets the message.
    pub fn clear(self) {
        let mut none = [0; Inbox::OVERHEAD];
        let at = std::mem::offset_of!(libc::mmsghdr, msg_len);
        none[at..at + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        self.memory.write(self.at, &none);
    }

    /// As [`endpoint::receive`]; a message is in the inbox if and only if it is off the queue, even if the process ends
    /// within.
    ///
    /// # Errors
    /// As [`endpoint::receive`].
    pub fn receive(self, fd: impl AsFd) -> io::Result<Received> {
        self.clear();
        let Some(place) = self.memory.place(self.at, Inbox::OVERHEAD + self.room) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        endpoint::receive_noting(fd.as_fd(), place, self.room)
    }

    /// The message, as [`Received::Message`] had it, if there is one: its own length and its sender.
    pub fn message(self) -> Option<(usize, Credentials)> {
        let mut noted = [0; Inbox::OVERHEAD];
        self.memory.read(self.at, &mut noted);
        endpoint::noted(&noted)
    }

    /// Copies the message, which is so long.
    pub fn read(self, into: &mut [u8]) -> bool {
        into.len() <= self.room && self.memory.read(self.at + Inbox::OVERHEAD, into)
    }
}

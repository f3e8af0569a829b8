//! Taking calls off a listener's queue so that it is known afterwards which were taken.

use super::SharedMemory;
use crate::listener::{Listener, Notification};
use std::io;

/// A place in shared memory for one call.
#[derive(Clone, Copy, Debug)]
pub struct CallSlot<'m> {
    memory: &'m SharedMemory,
    at: usize,
}

impl<'m> CallSlot<'m> {
    /// Bytes that a slot takes.
    pub const LENGTH: usize = size_of::<libc::seccomp_notif>();

    /// A slot at an offset that is a multiple of 8; `None` beyond the end.
    pub fn new(memory: &'m SharedMemory, at: usize) -> Option<CallSlot<'m>> {
        (at.is_multiple_of(8) && memory.place(at, CallSlot::LENGTH).is_some())
            .then_some(CallSlot { memory, at })
    }

    /// Forgets the call: it was answered.
    pub fn clear(self) {
        self.memory.write(self.at, &[0; CallSlot::LENGTH]);
    }

    /// The call, if there is one.
    pub fn call(self) -> Option<Notification> {
        let mut noted = [0; CallSlot::LENGTH];
        self.memory.read(self.at, &mut noted);
        Notification::from_noted(&noted)
    }

    /// As [`Listener::receive`], into the slot, which must be clear.
    ///
    /// # Errors
    /// As [`Listener::receive`].
    pub fn receive(self, listener: &Listener) -> io::Result<Option<Notification>> {
        let Some(place) = self.memory.place(self.at, CallSlot::LENGTH) else { return Ok(None) };
        if !listener.receive_noting(place.cast())? {
            return Ok(None);
        }
        Ok(self.call())
    }
}

//! A connection whose senders are noted.

use crate::Identity;
use crate::slot::Slot;
use crate::slots::Slots;
use std::sync::Arc;

/// A point in the history of a connection's senders: see [`Watched::mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

/// A connection whose senders are noted until this is dropped.
///
/// The socket keeps its filter afterwards, which then finds no slot and does nothing.
#[derive(Debug)]
pub struct Watched {
    slots: Arc<Slots>,
    index: usize,
}

impl Watched {
    /// Of a slot that was taken.
    pub(crate) fn new(slots: Arc<Slots>, index: usize) -> Watched {
        Watched { slots, index }
    }

    fn slot(&self) -> Option<&Slot> {
        self.slots.get(self.index)
    }

    /// The CPU on which the last message was sent. A hint: the sender can be elsewhere by now.
    ///
    /// `None` before the first message.
    pub fn cpu(&self) -> Option<u32> {
        self.slot()?.cpu()
    }

    /// To be taken before a message is received, and given to [`Self::sender`] afterwards.
    pub fn mark(&self) -> Mark {
        Mark(self.slot().map_or(u64::MAX, Slot::version))
    }

    /// Who sent a message that was received since `mark`, read without races from the sending thread itself.
    ///
    /// `None` where that is not certain, and the sender must be looked up in another way: several senders (or one whose
    /// credentials changed) had messages on the way at the same time, or the first message of all was sent before the
    /// connection was attached.
    ///
    /// A privileged sender can put another process number than its own into `SCM_CREDENTIALS`; this one is true.
    pub fn sender(&self, mark: Mark) -> Option<Identity> {
        self.slot()?.identity(mark.0)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(slot) = self.slot() {
            slot.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Steering;
    use rustix::io::{read, write};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::os::fd::AsFd;

    /// With a real program: needs root.
    #[test]
    fn a_sender_that_meets_another_one_is_in_doubt() {
        let steering = Steering::load(1).unwrap();
        let (receiver, sender) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let watched = steering.attach(receiver.as_fd()).unwrap();
        let noted = || {
            write(&sender, b"x").unwrap();
            let mark = watched.mark();
            read(&receiver, &mut [0; 1]).unwrap();
            watched.sender(mark)
        };
        assert!(noted().is_some());
        watched.slot().unwrap().lock(true);
        assert_eq!(noted(), None);
        watched.slot().unwrap().lock(false);
        assert!(noted().is_some());
    }

    #[test]
    fn a_slot_that_is_given_back_has_no_traces() {
        let steering = Steering::load(1).unwrap();
        let (receiver, sender) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let watched = steering.attach(receiver.as_fd()).unwrap();
        let index = watched.index;
        drop(watched);
        write(&sender, b"x").unwrap();
        assert_eq!(steering.attach(receiver.as_fd()).unwrap().index, index);
        assert_eq!(steering.attach(receiver.as_fd()).unwrap().cpu(), None);
    }
}

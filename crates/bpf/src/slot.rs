//! What the program and this crate share about a connection.

use crate::{Identity, Tag};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Bytes of a slot: two cache lines of its own, so that connections do not slow each other down.
pub(crate) const SLOT_SIZE: usize = 128;

/// Cookie of a slot that is free.
const FREE: u64 = 0;
/// Cookie of a slot that is being prepared. The kernel counts cookies up from one.
const CLAIMED: u64 = u64::MAX;

/// As `struct slot` in `program/steering.bpf.h`.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Slot {
    /// The socket whose slot this is.
    cookie: AtomicU64,
    /// Odd while the identity is written, and higher by two after each time.
    version: AtomicU64,
    /// Messages of which it is not known whether the identity is theirs.
    doubts: AtomicU64,
    /// How many of them are gone.
    settled: AtomicU64,
    start: AtomicU64,
    capabilities: AtomicU64,
    tgid: AtomicU32,
    uid: AtomicU32,
    gid: AtomicU32,
    euid: AtomicU32,
    egid: AtomicU32,
    loginuid: AtomicU32,
    sessionid: AtomicU32,
    user_namespace: AtomicU32,
    namespace: AtomicU64,
    login: AtomicU64,
    /// Held by the program while it changes the slot.
    lock: AtomicU32,
    /// One more than the CPU; zero is none yet.
    cpu: AtomicU32,
    unused: [u64; 3],
}

const _: () = assert!(size_of::<Slot>() == SLOT_SIZE);

/// Why a slot could not be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Something else has it, or still writes to it.
    Busy,
    /// The same socket has it.
    Same,
}

impl Slot {
    /// Makes a free slot that of a socket.
    pub(crate) fn take(&self, cookie: u64) -> Result<(), Taken> {
        match self.cookie.compare_exchange(FREE, CLAIMED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {}
            Err(other) if other == cookie => return Err(Taken::Same),
            Err(_) => return Err(Taken::Busy),
        }
        // Whoever takes the lock from now on sees that the slot is no longer its own, and keeps off.
        if self.lock.load(Ordering::SeqCst) != 0 {
            self.cookie.store(FREE, Ordering::SeqCst);
            return Err(Taken::Busy);
        }
        self.cpu.store(0, Ordering::Relaxed);
        // In doubt until a message is known to be the only one: some may have been sent before.
        self.settled.store(self.doubts.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
        self.cookie.store(cookie, Ordering::SeqCst);
        Ok(())
    }

    /// Frees the slot.
    pub(crate) fn release(&self) {
        self.cookie.store(FREE, Ordering::SeqCst);
    }

    /// Whether this is the slot of a socket.
    pub(crate) fn belongs_to(&self, cookie: u64) -> bool {
        self.cookie.load(Ordering::Relaxed) == cookie
    }

    /// Holds the lock as the program does, or gives it back.
    #[cfg(test)]
    pub(crate) fn lock(&self, held: bool) {
        self.lock.store(held.into(), Ordering::SeqCst);
    }

    /// The CPU of the last sender.
    pub(crate) fn cpu(&self) -> Option<u32> {
        self.cpu.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Where the identity's history stands.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The identity, if it has been the same since `version` and no message is in doubt.
    pub(crate) fn identity(&self, version: u64) -> Option<Identity> {
        if !version.is_multiple_of(2) || self.version.load(Ordering::Acquire) != version {
            return None;
        }
        let certain = self.settled.load(Ordering::Relaxed) == self.doubts.load(Ordering::Relaxed);
        let identity = Identity {
            tgid: self.tgid.load(Ordering::Relaxed),
            start: self.start.load(Ordering::Relaxed),
            uid: self.uid.load(Ordering::Relaxed),
            gid: self.gid.load(Ordering::Relaxed),
            euid: self.euid.load(Ordering::Relaxed),
            egid: self.egid.load(Ordering::Relaxed),
            loginuid: self.loginuid.load(Ordering::Relaxed),
            sessionid: self.sessionid.load(Ordering::Relaxed),
            user_namespace: self.user_namespace.load(Ordering::Relaxed),
            capabilities: self.capabilities.load(Ordering::Relaxed),
            tag: Tag::from_numbers(
                self.namespace.load(Ordering::Relaxed),
                self.login.load(Ordering::Relaxed),
            ),
        };
        fence(Ordering::Acquire);
        (certain && self.version.load(Ordering::Relaxed) == version).then_some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            cookie: AtomicU64::new(FREE),
            version: AtomicU64::new(4),
            doubts: AtomicU64::new(2),
            settled: AtomicU64::new(2),
            start: AtomicU64::new(0),
            capabilities: AtomicU64::new(0),
            tgid: AtomicU32::new(7),
            uid: AtomicU32::new(0),
            gid: AtomicU32::new(0),
            euid: AtomicU32::new(0),
            egid: AtomicU32::new(0),
            loginuid: AtomicU32::new(0),
            sessionid: AtomicU32::new(0),
            user_namespace: AtomicU32::new(0),
            namespace: AtomicU64::new(0),
            login: AtomicU64::new(0),
            lock: AtomicU32::new(0),
            cpu: AtomicU32::new(3),
            unused: [0; 3],
        }
    }

    #[test]
    fn nothing_of_the_socket_before_is_left() {
        let slot = slot();
        assert_eq!(slot.identity(4).unwrap().tgid, 7);
        assert_eq!(slot.take(9), Ok(()));
        assert_eq!(slot.cpu(), None);
        assert_eq!(slot.identity(4), None);
        assert!(slot.belongs_to(9));
    }

    #[test]
    fn slots_in_use_are_not_taken() {
        let slot = slot();
        slot.take(9).unwrap();
        assert_eq!(slot.take(9), Err(Taken::Same));
        assert_eq!(slot.take(10), Err(Taken::Busy));
        slot.release();
        assert_eq!(slot.take(10), Ok(()));
    }

    #[test]
    fn a_slot_to_which_is_still_written_is_not_taken() {
        let slot = slot();
        slot.lock.store(1, Ordering::SeqCst);
        assert_eq!(slot.take(9), Err(Taken::Busy));
        slot.lock.store(0, Ordering::SeqCst);
        assert_eq!(slot.take(9), Ok(()));
    }

    #[test]
    fn an_identity_is_believed_only_while_nothing_changes() {
        let slot = slot();
        assert_eq!(slot.identity(2), None, "another version");
        slot.doubts.store(3, Ordering::Relaxed);
        assert_eq!(slot.identity(4), None, "a doubt");
        slot.settled.store(3, Ordering::Relaxed);
        assert!(slot.identity(4).is_some());
        slot.version.store(5, Ordering::Relaxed);
        assert_eq!(slot.identity(5), None, "being written");
    }
}

//! Room for what is kept, which all namespaces of a host share.
//!
//! Whoever hands descriptors over names them all in one environment variable, and the kernel bounds its length. So there is
//! a number of audit sockets that survive a supervisor, and no namespace or user may have them all.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of all names with the colons between them: the kernel's `MAX_ARG_STRLEN` of 128 KiB, without the variable's own
/// name and what others keep.
const NAMES_MAX: usize = 120 * 1024;
/// Descriptors that are kept where whoever keeps them does not say for how many there is room.
const DESCRIPTORS_MAX: usize = 8192;
/// Descriptors of the supervisor itself.
const OWN: usize = 16;

/// Whoever has sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// A namespace that root has created, by its index: root's namespaces are many containers.
    Namespace(u32),
    /// All namespaces of another user.
    User(u32),
}

impl Holder {
    /// Of a namespace that a user has created.
    pub(crate) fn of(index: u32, uid: u32) -> Holder {
        if uid == 0 { Holder::Namespace(index) } else { Holder::User(uid) }
    }

    /// Sockets for which there is room even where others have much: logins need some.
    fn few(self) -> usize {
        match self {
            Holder::Namespace(_) => 64,
            Holder::User(_) => 256,
        }
    }
}

/// How much is kept.
#[derive(Debug)]
pub(crate) struct Room {
    descriptors_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    names: HashSet<String>,
    /// Of all names, with a colon each.
    length: usize,
    sockets: BTreeMap<Holder, usize>,
}

impl Room {
    /// Room for so many descriptors, if whoever keeps them says for how many.
    pub(crate) fn new(capacity: Option<usize>) -> Room {
        let descriptors_max = capacity.unwrap_or(DESCRIPTORS_MAX).saturating_sub(OWN);
        Room { descriptors_max, inner: Mutex::default() }
    }

    /// Takes room for a name. Returns whether there is any.
    pub(crate) fn take(&self, name: &str) -> bool {
        let mut inner = self.lock();
        let fits = inner.length + name.len() < NAMES_MAX && inner.names.len() < self.descriptors_max;
        if fits && inner.names.insert(name.to_owned()) {
            inner.length += name.len() + 1;
        }
        fits
    }

    /// Gives the room of a name back. Returns whether it had any.
    pub(crate) fn give_back(&self, name: &str) -> bool {
        let mut inner = self.lock();
        let had = inner.names.remove(name);
        if had {
            inner.length -= name.len() + 1;
        }
        had
    }

    /// Whether somebody may have one more socket: those that have more than a few share half of the room.
    pub(crate) fn has_socket_for(&self, holder: Holder) -> bool {
        let inner = self.lock();
        let half_full = inner.length >= NAMES_MAX / 2 || inner.names.len() >= self.descriptors_max / 2;
        !half_full || inner.sockets.get(&holder).is_none_or(|sockets| *sockets < holder.few())
    }

    /// Somebody has one more socket.
    pub(crate) fn add_socket(&self, holder: Holder) {
        *self.lock().sockets.entry(holder).or_default() += 1;
    }

    /// Somebody has one socket less.
    pub(crate) fn remove_socket(&self, holder: Holder) {
        let mut inner = self.lock();
        if let Some(sockets) = inner.sockets.get_mut(&holder) {
            *sockets -= 1;
            if *sockets == 0 {
                inner.sockets.remove(&holder);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_in_number_and_in_bytes() {
        let room = Room::new(Some(10 + OWN));
        assert!((0..10).all(|number| room.take(&number.to_string())));
        assert!(!room.take("more"));
        assert!(room.give_back("3") && !room.give_back("3"));
        assert!(room.take("more"));
        let room = Room::new(Some(usize::MAX));
        let fitting = (0..usize::MAX).take_while(|number| room.take(&format!("{number:099}"))).count();
        assert_eq!(fitting, NAMES_MAX / 100);
        assert!(
            room.give_back(&format!("{:099}", 0))
                && room.take(&"x".repeat(99))
                && !room.take(&"y".repeat(80))
        );
    }

    #[test]
    fn many_sockets_of_some_leave_a_few_for_all() {
        let room = Room::new(Some(1000 + OWN));
        let (greedy, modest, user) = (Holder::of(1, 0), Holder::of(2, 0), Holder::of(3, 1000));
        let fill = |holder: Holder| {
            let mut count = 0;
            while room.has_socket_for(holder) && room.take(&format!("{holder:?}{count}")) {
                room.add_socket(holder);
                count += 1;
            }
            count
        };
        assert_eq!(fill(greedy), 500);
        assert_eq!(fill(modest), 64);
        assert_eq!(fill(user), 256);
        assert_eq!(fill(Holder::of(4, 1000)), 0, "one user's namespaces count together");
        assert!(room.has_socket_for(Holder::of(5, 0)) && room.has_socket_for(Holder::of(6, 1001)));
        room.remove_socket(modest);
        assert!(room.has_socket_for(modest) && !room.has_socket_for(greedy));
    }
}

//! What is kept of a namespace while no supervisor runs, and under which names.

mod room;

pub(crate) use room::Holder;

use auditns_sys::descriptors::inode;
use room::Room;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whoever keeps descriptors by name while no supervisor runs, and hands them to the next one: the keeper, or the service
/// manager.
pub trait Store: fmt::Debug + Send + Sync {
    /// Keeps a copy of the descriptor under a name that has none yet.
    ///
    /// # Errors
    /// Whatever is in the way; the descriptor is lost then if this process is killed.
    fn keep(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()>;

    /// Forgets what is kept under a name.
    ///
    /// # Errors
    /// As for [`Store::keep`].
    fn forget(&self, name: &str) -> io::Result<()>;

    /// For how many descriptors there is room, if that is known.
    fn capacity(&self) -> Option<usize>;
}

/// What is kept of all namespaces.
#[derive(Debug)]
pub(crate) struct Keep {
    store: Arc<dyn Store>,
    room: Room,
}

impl Keep {
    /// With what was kept already.
    pub(crate) fn new<'n>(store: Arc<dyn Store>, kept: impl Iterator<Item = &'n str>) -> Arc<Keep> {
        let room = Room::new(store.capacity());
        // What a store has handed over fits into it.
        kept.for_each(|name| {
            room.take(name);
        });
        Arc::new(Keep { store, room })
    }

    /// Keeps a descriptor. Returns whether it is kept.
    pub(crate) fn keep(&self, name: &str, fd: BorrowedFd<'_>) -> bool {
        let kept = self.room.take(name) && self.store.keep(name, fd).is_ok();
        if !kept {
            self.room.give_back(name);
        }
        kept
    }

    /// What is not forgotten is found to be closed by the next process.
    pub(crate) fn forget(&self, name: &str) {
        if self.room.give_back(name) {
            let _ = self.store.forget(name);
        }
    }
}

/// Keeps the descriptors of one namespace.
///
/// Names are short, because the next process finds them all in one environment variable: the namespace's index, a letter
/// for the kind, and a number.
#[derive(Clone, Debug)]
pub(crate) struct Keeping {
    keep: Arc<Keep>,
    index: u32,
    holder: Holder,
    /// Descriptors that could not be kept: lost if the supervisor is killed.
    unkept: Arc<AtomicU64>,
}

/// What a kept descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The memory of the namespace's state.
    State,
    /// The pid namespace of the owner.
    PidNamespace,
    /// The pid namespace of the owner of a nested namespace, by that one's number.
    NestedPidNamespace(u64),
    /// The log, as it is open.
    Log,
    /// The log of what the namespace sees.
    InsideLog,
    /// A listener.
    Listener(u32),
    /// What stands for the listeners of a container whose calls a proxy receives.
    Container(u32),
}

impl Keeping {
    /// Keeps those of the namespace with that index, which a user has created.
    pub(crate) fn new(keep: Arc<Keep>, index: u32, uid: u32) -> Keeping {
        Keeping { keep, index, holder: Holder::of(index, uid), unkept: Arc::default() }
    }

    /// Descriptors that could not be kept.
    pub(crate) fn unkept(&self) -> u64 {
        self.unkept.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self, fd: &impl AsFd) {
        self.keep(Kind::State, fd);
    }

    pub(crate) fn pid_namespace(&self, fd: &impl AsFd) {
        self.keep(Kind::PidNamespace, fd);
    }

    pub(crate) fn nested_pid_namespace(&self, contid: u64, fd: &impl AsFd) {
        self.keep(Kind::NestedPidNamespace(contid), fd);
    }

    /// Keeps a log in place of the one before it.
    pub(crate) fn log(&self, kind: Kind, fd: &impl AsFd) {
        self.forget(kind);
        self.keep(kind, fd);
    }

    pub(crate) fn listener(&self, number: u32, fd: &impl AsFd, proxied: bool) {
        self.keep(if proxied { Kind::Container(number) } else { Kind::Listener(number) }, fd);
    }

    /// Whether there is room for one more socket of the namespace.
    pub(crate) fn has_socket(&self) -> bool {
        self.keep.room.has_socket_for(self.holder)
    }

    /// The namespace has one more socket, which is kept or is not.
    pub(crate) fn add_socket(&self, is_kept: bool) {
        self.keep.room.add_socket(self.holder);
        if !is_kept {
            self.unkept.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn forget_listener(&self, number: usize) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.forget(Kind::Listener(number));
        self.forget(Kind::Container(number));
    }

    /// The namespace has one socket less.
    pub(crate) fn remove_socket(&self) {
        self.keep.room.remove_socket(self.holder);
    }

    /// Forgets what the whole namespace has in common.
    pub(crate) fn forget_namespace(&self) {
        for kind in [Kind::Log, Kind::InsideLog, Kind::PidNamespace] {
            self.forget(kind);
        }
        self.forget(Kind::State);
    }

    fn keep(&self, kind: Kind, fd: &impl AsFd) {
        if !self.keep.keep(&name(self.index, kind), fd.as_fd()) {
            self.unkept.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn forget(&self, kind: Kind) {
        self.keep.forget(&name(self.index, kind));
    }
}

/// The name of a kept descriptor.
fn name(index: u32, kind: Kind) -> String {
    match kind {
        Kind::State => format!("{index:x}s"),
        Kind::PidNamespace => format!("{index:x}p"),
        Kind::NestedPidNamespace(contid) => format!("{index:x}q{contid:x}"),
        Kind::Log => format!("{index:x}g"),
        Kind::InsideLog => format!("{index:x}n"),
        Kind::Listener(number) => format!("{index:x}l{number:x}"),
        Kind::Container(number) => format!("{index:x}w{number:x}"),
    }
}

/// Our ends of audit sockets, by the numbers under which they are kept.
pub(crate) type KeptSockets = BTreeMap<u64, OwnedFd>;

/// How our end of a member's audit socket is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptAs {
    pub(crate) number: u64,
    /// Numbers are used again, by supervisors to come.
    inode: u64,
}

impl KeptAs {
    /// This end, under that number.
    ///
    /// # Errors
    /// None is expected.
    pub(crate) fn new(number: u64, end: impl AsFd) -> io::Result<KeptAs> {
        Ok(KeptAs { number, inode: inode(end)? })
    }

    /// Takes it from what is kept, if it is there.
    pub(crate) fn claim(self, kept: &mut KeptSockets) -> Option<(u64, OwnedFd)> {
        let is_it = |end: &OwnedFd| inode(end).is_ok_and(|inode| inode == self.inode);
        kept.get(&self.number).is_some_and(is_it).then(|| kept.remove_entry(&self.number))?
    }
}

/// The name of our end of a member's audit socket, which is kept before it is any namespace's.
pub(crate) fn socket_name(number: u64) -> String {
    format!("i{number:x}")
}

/// The number of the socket that a name stands for; `None` if it is none.
pub(crate) fn parse_socket(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix('i')?, 16).ok()
}

/// The namespace and kind that a name stands for; `None` if it is none of ours.
pub(crate) fn parse(name: &str) -> Option<(u32, Kind)> {
    let at = name.find(|c: char| !c.is_ascii_hexdigit())?;
    let (index, rest) = name.split_at(at);
    let index = u32::from_str_radix(index, 16).ok()?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let kind = match rest.split_at_checked(1)? {
        ("s", "") => Kind::State,
        ("p", "") => Kind::PidNamespace,
        ("q", text) => Kind::NestedPidNamespace(number(text)?),
        ("g", "") => Kind::Log,
        ("n", "") => Kind::InsideLog,
        ("l", text) => Kind::Listener(u32::try_from(number(text)?).ok()?),
        ("w", text) => Kind::Container(u32::try_from(number(text)?).ok()?),
        _ => return None,
    };
    Some((index, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for index in [0, 10, u32::MAX] {
            for kind in [
                Kind::State,
                Kind::PidNamespace,
                Kind::Log,
                Kind::InsideLog,
                Kind::NestedPidNamespace(u64::MAX),
                Kind::Listener(0),
                Kind::Container(3),
                Kind::Listener(255),
            ] {
                assert_eq!(parse(&name(index, kind)), Some((index, kind)));
            }
        }
        for number in [0, 17, u64::MAX] {
            assert_eq!(parse_socket(&socket_name(number)), Some(number));
            assert_eq!(parse(&socket_name(number)), None);
        }
        for other in ["", "i", "1i", "1i2", "ix", "i1x"] {
            assert_eq!(parse_socket(other), None, "{other}");
        }
        for other in ["", "s", "control", "1", "1x", "1l", "1lg", "fffffffffs", "1s1"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}

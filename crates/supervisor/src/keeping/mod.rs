//! What is kept of a namespace while no supervisor runs, and under which names.

use auditns_core::EndpointId;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
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
}

/// Keeps the descriptors of one namespace.
///
/// Names are short, because the next process finds them all in one environment variable: the namespace's index, a letter
/// for the kind, and a number.
#[derive(Clone, Debug)]
pub(crate) struct Keeping {
    store: Arc<dyn Store>,
    index: u32,
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
    /// The log, as it is open.
    Log,
    /// The log of what the namespace sees.
    InsideLog,
    /// A listener.
    Listener(u32),
    /// Our end of an audit socket.
    Endpoint(EndpointId),
}

impl Keeping {
    pub(crate) fn new(store: Arc<dyn Store>, index: u32) -> Keeping {
        Keeping { store, index, unkept: Arc::default() }
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

    /// Keeps a log in place of the one before it.
    pub(crate) fn log(&self, kind: Kind, fd: &impl AsFd) {
        self.forget(kind);
        self.keep(kind, fd);
    }

    pub(crate) fn listener(&self, number: u32, fd: &impl AsFd) {
        self.keep(Kind::Listener(number), fd);
    }

    pub(crate) fn endpoint(&self, endpoint: EndpointId, fd: &impl AsFd) {
        self.keep(Kind::Endpoint(endpoint), fd);
    }

    pub(crate) fn forget_listener(&self, number: usize) {
        self.forget(Kind::Listener(u32::try_from(number).unwrap_or(u32::MAX)));
    }

    pub(crate) fn forget_endpoint(&self, endpoint: EndpointId) {
        self.forget(Kind::Endpoint(endpoint));
    }

    /// Forgets what the whole namespace has in common.
    pub(crate) fn forget_namespace(&self) {
        for kind in [Kind::Log, Kind::InsideLog, Kind::PidNamespace] {
            self.forget(kind);
        }
        self.forget(Kind::State);
    }

    fn keep(&self, kind: Kind, fd: &impl AsFd) {
        if self.store.keep(&name(self.index, kind), fd.as_fd()).is_err() {
            self.unkept.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn forget(&self, kind: Kind) {
        // What is not forgotten is found to be closed by the next process.
        let _ = self.store.forget(&name(self.index, kind));
    }
}

/// The name of a kept descriptor.
fn name(index: u32, kind: Kind) -> String {
    match kind {
        Kind::State => format!("{index:x}s"),
        Kind::PidNamespace => format!("{index:x}p"),
        Kind::Log => format!("{index:x}g"),
        Kind::InsideLog => format!("{index:x}n"),
        Kind::Listener(number) => format!("{index:x}l{number:x}"),
        Kind::Endpoint(EndpointId(number)) => format!("{index:x}i{number:x}"),
    }
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
        ("g", "") => Kind::Log,
        ("n", "") => Kind::InsideLog,
        ("l", text) => Kind::Listener(u32::try_from(number(text)?).ok()?),
        ("i", text) => Kind::Endpoint(EndpointId(number(text)?)),
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
                Kind::Listener(0),
                Kind::Listener(255),
                Kind::Endpoint(EndpointId(17)),
                Kind::Endpoint(EndpointId(u64::MAX)),
            ] {
                assert_eq!(parse(&name(index, kind)), Some((index, kind)));
            }
        }
        for other in ["", "s", "control", "1", "1x", "1l", "1lg", "fffffffffs", "1s1"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}

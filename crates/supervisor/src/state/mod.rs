//! The state of a namespace, in memory that outlives the supervisor: a snapshot, a journal, and the calls that wait.
//!
//! Whoever holds the memory and the sockets (the keeper, or the service manager) hands them to the next supervisor, which
//! goes on where the last one was killed; see [`journal`].

mod answers;
mod blame;
mod calls;
mod entry;
mod journal;
mod layout;
mod replay;

pub(crate) use answers::AnswerTable;
pub(crate) use blame::Blame;
pub use blame::end_at_panics;
pub(crate) use calls::CallTable;
pub(crate) use entry::{
    ConnectionState, Entry, Frame, ListenerState, LoginFileState, LookingUp, NestedState, Snapshot,
};
pub(crate) use journal::{Journal, Kept, KeptMessage, Log, Write};
pub(crate) use layout::MESSAGE;
pub(crate) use replay::{Doubt, LostAnswer, Replayed, is_after, replay, snapshot};

use auditns_sys::shared::SharedMemory;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The memory of one namespace.
#[derive(Debug)]
pub(crate) struct State {
    memory: Arc<SharedMemory>,
}

impl State {
    /// Memory for a new namespace.
    ///
    /// # Errors
    /// See [`SharedMemory::create`].
    pub(crate) fn create() -> io::Result<State> {
        Ok(State { memory: Arc::new(SharedMemory::create("auditns", layout::LENGTH)?) })
    }

    /// Memory that a supervisor before this one made.
    ///
    /// # Errors
    /// See [`SharedMemory::open`].
    pub(crate) fn open(fd: OwnedFd) -> io::Result<State> {
        Ok(State { memory: Arc::new(SharedMemory::open(fd, layout::LENGTH)?) })
    }

    /// An empty journal.
    pub(crate) fn new_journal(&self) -> Journal {
        Journal::new(Arc::clone(&self.memory))
    }

    /// What was left in the memory.
    ///
    /// # Errors
    /// `NotFound` if its namespace never began; `InvalidData` if it is not what a supervisor leaves.
    pub(crate) fn left(&self) -> io::Result<(Journal, Kept)> {
        let magic =
            self.memory.word(layout::MAGIC_AT).map(|word| word.load(std::sync::atomic::Ordering::Acquire));
        match magic {
            Some(layout::MAGIC) => Journal::left(Arc::clone(&self.memory)),
            Some(0) => Err(io::ErrorKind::NotFound.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Whoever works for the namespace.
    pub(crate) fn blame(&self) -> Blame {
        Blame(Arc::clone(&self.memory))
    }

    /// The table of answers that are on their way.
    pub(crate) fn answers(&self) -> AnswerTable {
        AnswerTable::new(Arc::clone(&self.memory))
    }

    /// The table of calls.
    pub(crate) fn calls(&self) -> CallTable {
        CallTable::new(Arc::clone(&self.memory))
    }
}

impl AsFd for State {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

#[cfg(test)]
mod tests;

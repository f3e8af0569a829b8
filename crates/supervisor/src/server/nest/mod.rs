//! Namespaces that members have made inside the one that a server serves: what each of them has here for itself.

mod creating;
mod ending;
mod keeping_on;
#[cfg(test)]
mod tests;
mod whose;

pub(crate) use whose::Whose;
pub(super) use whose::owner_entry;

use super::Server;
use super::storage::Storage;
use crate::identity::{DESCRIPTORS_PER_PROCESS, Owner, Resolver};
use crate::log::Folder;
use crate::origin::Origin;
use crate::settings::Settings;
use crate::state::{NestedState, Write};
use crate::tags::TaskTags;
use auditns_core::{Action, Creation};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Processes of one nested namespace whose files are kept open.
const PROCESSES: usize = 8;
/// The most descriptors that one nested namespace has open: two logs, the lock of their folder, a pid namespace, and those of
/// processes.
const DESCRIPTORS: usize = 4 + PROCESSES * DESCRIPTORS_PER_PROCESS;

/// Makes the logs of a folder.
pub(crate) type MakeStorage = dyn Fn(&Path, &Settings) -> Storage + Send;

/// What a server needs so that members can make namespaces.
pub(crate) struct Nesting {
    pub(crate) tags: Arc<dyn TaskTags>,
    pub(crate) register: Box<dyn Register>,
    /// Makes the logs of a folder.
    pub(crate) storage: Box<MakeStorage>,
    /// Most nested namespaces at a time.
    pub(crate) number: usize,
}

impl fmt::Debug for Nesting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Nesting").field("tags", &self.tags).finish_non_exhaustive()
    }
}

/// Whoever knows the names of all namespaces of the host.
pub(crate) trait Register: fmt::Debug + Send {
    /// A name that no namespace has, after that of the one which it is inside of, and its folder.
    ///
    /// # Errors
    /// Those of making and locking the folder.
    fn open_folder(&self, contid: u64, parent: &Origin) -> io::Result<(String, Folder)>;

    /// The folder of a namespace that had it before.
    ///
    /// # Errors
    /// As of [`Register::open_folder`].
    fn open_folder_again(&self, contid: u64, origin: &Origin) -> io::Result<Folder>;

    /// A namespace lives.
    fn add(&self, contid: u64, origin: &Origin);

    /// It has ended.
    fn remove(&self, contid: u64);
}

/// The nested namespaces of a server.
#[derive(Debug)]
pub(super) struct Nest {
    nesting: Option<Nesting>,
    served: BTreeMap<u64, Nested>,
    /// The logs of those that had ended when a supervisor before this one was killed, until everything is in them.
    left: BTreeMap<u64, (Storage, Folder)>,
    /// Those that have no member left.
    emptied: BTreeSet<u64>,
    /// Those into which somebody was let, perhaps since it was said that they have no member left.
    let_in: BTreeSet<u64>,
    /// Those that were given up while it could not be told whether somebody was moved there, and around them: whoever is.
    astray: BTreeMap<u64, u64>,
    /// Whoever knows the tasks of the host was waited for in vain.
    gave_up: bool,
    /// It was there.
    was_there: bool,
}

/// A nested namespace.
#[derive(Debug)]
struct Nested {
    origin: Origin,
    settings: Settings,
    owner: Owner,
    has_pid_namespace: bool,
    resolver: Resolver,
    storage: Storage,
    _folder: Folder,
}

impl Nest {
    pub(super) fn new(nesting: Option<Nesting>) -> Nest {
        Nest {
            nesting,
            served: BTreeMap::new(),
            left: BTreeMap::new(),
            emptied: BTreeSet::new(),
            let_in: BTreeSet::new(),
            astray: BTreeMap::new(),
            gave_up: false,
            was_there: false,
        }
    }

    /// Whether there is no nested namespace, as almost everywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.served.is_empty() && self.left.is_empty()
    }

    /// Most descriptors that nested namespaces may have open.
    pub(super) fn descriptors_max(&self) -> usize {
        self.nesting.as_ref().map_or(0, |nesting| nesting.number.saturating_mul(DESCRIPTORS))
    }

    /// What is to be known before a request for a namespace is decided.
    pub(super) fn creation(&self, permitted: bool) -> Creation {
        let moves = self.nesting.as_ref().is_some_and(|nesting| nesting.tags.moves_tasks());
        Creation { contid: moves.then(crate::new_contid), permitted }
    }

    /// Whom to ask about senders of a namespace: the root's, or its own.
    pub(super) fn identity<'s>(
        &'s mut self,
        namespace: u64,
        root: &'s mut Option<Owner>,
        resolver: &'s mut Resolver,
    ) -> Option<(&'s mut Owner, &'s mut Resolver)> {
        match self.served.get_mut(&namespace) {
            Some(nested) => Some((&mut nested.owner, &mut nested.resolver)),
            None => root.as_mut().map(|owner| (owner, resolver)),
        }
    }

    /// The logs of a namespace. None of one that has ended: its records belong into no other log.
    pub(super) fn storage<'s>(
        &'s mut self,
        namespace: u64,
        root: u64,
        roots: &'s mut Storage,
    ) -> Option<&'s mut Storage> {
        if namespace == root {
            return Some(roots);
        }
        let left = self.left.get_mut(&namespace).map(|(storage, _)| storage);
        self.served.get_mut(&namespace).map(|nested| &mut nested.storage).or(left)
    }

    /// As [`Storage::settle`], of all.
    pub(super) fn settle<'a, I: Iterator<Item = &'a Action>>(
        &mut self,
        written: &BTreeMap<u64, [Option<u32>; 2]>,
        write: Option<Write>,
        undone: impl Fn(u64) -> I,
    ) {
        for (number, storage) in self.storages() {
            let written = written.get(&number).copied().unwrap_or_default();
            storage.settle(written, write, undone(number));
        }
    }

    /// For a snapshot.
    pub(super) fn states(&self) -> Vec<NestedState> {
        self.served.iter().map(|(contid, nested)| nested.state(*contid)).collect()
    }

    fn storages(&mut self) -> impl Iterator<Item = (u64, &mut Storage)> {
        let left = self.left.iter_mut().map(|(number, (storage, _))| (*number, storage));
        self.served.iter_mut().map(|(number, nested)| (*number, &mut nested.storage)).chain(left)
    }
}

impl Nested {
    fn state(&self, contid: u64) -> NestedState {
        NestedState {
            contid,
            origin: self.origin.clone(),
            settings: self.settings.clone(),
            owner: self.owner.facts().clone(),
            has_pid_namespace: self.has_pid_namespace,
        }
    }
}

impl Server<'_> {
    /// The logs of a nested namespace, in its folder.
    fn storage_of_nested(
        &self,
        nesting: &Nesting,
        contid: u64,
        folder: &Path,
        settings: &Settings,
    ) -> Storage {
        let mut storage = (nesting.storage)(folder, settings);
        if let Some(journal) = self.namespace.journal() {
            storage.set_journal_of_nested(Arc::clone(journal), contid);
        }
        storage
    }

    /// As [`Storage::store_ahead`], of all namespaces.
    pub(super) fn store_ahead_of_all(&mut self) {
        let waiting = |number: u64| {
            let actions = self.namespace.family().waiting_actions();
            actions.filter(move |(whose, _)| *whose == number).map(|(_, action)| action)
        };
        self.storage.store_ahead(waiting(self.namespace.root()));
        for (number, storage) in self.nest.storages() {
            storage.store_ahead(waiting(number));
        }
    }

    /// When [`Server::write_later`] is due, on the clock of the time since boot.
    pub(super) fn later_deadline(&self) -> Option<Duration> {
        let nested = self.nest.served.values().filter_map(|nested| nested.storage.later_deadline());
        nested.chain(self.storage.later_deadline()).min()
    }

    /// Writes what waits for the logs of what namespaces see.
    pub(super) fn write_later(&mut self) {
        self.storage.write_later(self.observer);
        for (_, storage) in self.nest.storages() {
            storage.write_later(self.observer);
        }
    }

    /// Where a nested namespace comes from, and what the host has settled for it.
    pub(crate) fn nested(&self, namespace: u64) -> Option<(&Origin, &Settings)> {
        self.nest.served.get(&namespace).map(|nested| (&nested.origin, &nested.settings))
    }
}

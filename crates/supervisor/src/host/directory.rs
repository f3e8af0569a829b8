//! The namespaces that live.

use super::orders::Orders;
use auditns_control::interface::Container;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of a namespace without asking it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) contid: u64,
    pub(crate) uid: u32,
    /// First member, and when it started.
    pub(crate) first: (u32, u64),
    /// The container that it is for.
    pub(crate) container: Option<Container>,
    pub(crate) orders: Orders,
}

/// All namespaces of the host, by their index.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<u32, Entry>,
    /// Those that members have made inside others, by number.
    nested: BTreeMap<u64, Entry>,
    /// The names of these, from before they live.
    nested_names: BTreeMap<u64, String>,
    /// Those of which the last member has ended before they lived.
    emptied_early: BTreeSet<u64>,
    /// Names and indices that are being given out, with their users.
    reserved: BTreeMap<u32, (String, u32)>,
}

/// What is known of a nested namespace that has no member left.
#[derive(Clone, Debug)]
pub(crate) enum Emptied {
    Lives(Box<Entry>),
    IsBeingMade,
    /// The host has made it.
    IsNotNested,
    /// It has ended, or was never to be.
    IsGone,
}

/// How many namespaces there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    /// In all.
    pub(crate) namespaces: usize,
    /// Of each user other than root.
    pub(crate) per_user: usize,
}

/// Why there is no room for a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    NameTaken,
    Namespaces(usize),
    PerUser(usize),
}

impl Inner {
    /// Whether somebody has this name, other than that nested namespace.
    fn is_taken(&self, name: &str, besides: Option<u64>) -> bool {
        self.entries.values().any(|entry| entry.name == name)
            || self.reserved.values().any(|(taken, _)| taken == name)
            || self.nested_names.iter().any(|(other, taken)| taken == name && Some(*other) != besides)
    }
}

impl Directory {
    /// Reserves an index and a name for a user.
    pub(crate) fn reserve(&self, name: &str, uid: u32, quota: Quota) -> Result<u32, NoRoom> {
        let mut inner = self.lock();
        let entries = inner.entries.values().map(|entry| (entry.name.as_str(), entry.uid));
        let reserved = inner.reserved.values().map(|(name, uid)| (name.as_str(), *uid));
        let all: Vec<(&str, u32)> = entries.chain(reserved).collect();
        if inner.is_taken(name, None) {
            return Err(NoRoom::NameTaken);
        }
        if all.len() >= quota.namespaces {
            return Err(NoRoom::Namespaces(quota.namespaces));
        }
        if uid != 0 && all.iter().filter(|(_, owner)| *owner == uid).count() >= quota.per_user {
            return Err(NoRoom::PerUser(quota.per_user));
        }
        let free = |index: &u32| !inner.entries.contains_key(index) && !inner.reserved.contains_key(index);
        let index = (1..u32::MAX).find(free).ok_or(NoRoom::Namespaces(quota.namespaces))?;
        inner.reserved.insert(index, (name.to_owned(), uid));
        Ok(index)
    }

    /// Gives back what was reserved.
    pub(crate) fn release(&self, index: u32) {
        self.lock().reserved.remove(&index);
    }

    /// A namespace lives.
    pub(crate) fn add(&self, index: u32, entry: Entry) {
        let mut inner = self.lock();
        inner.reserved.remove(&index);
        inner.entries.insert(index, entry);
    }

    /// A namespace has ended.
    pub(crate) fn remove(&self, index: u32) {
        self.lock().entries.remove(&index);
    }

    /// Reserves a name for a nested namespace. Returns whether nobody else has it.
    pub(crate) fn reserve_nested(&self, name: &str, contid: u64) -> bool {
        let mut inner = self.lock();
        let taken = inner.is_taken(name, Some(contid));
        if !taken {
            inner.nested_names.insert(contid, name.to_owned());
        }
        !taken
    }

    /// A nested namespace has no member left. One that is being made hears of it when it lives.
    pub(crate) fn emptied(&self, contid: u64) -> Emptied {
        let mut inner = self.lock();
        if let Some(entry) = inner.nested.get(&contid) {
            return Emptied::Lives(Box::new(entry.clone()));
        }
        if inner.nested_names.contains_key(&contid) {
            inner.emptied_early.insert(contid);
            return Emptied::IsBeingMade;
        }
        let is_root = inner.entries.values().any(|entry| entry.contid == contid);
        if is_root { Emptied::IsNotNested } else { Emptied::IsGone }
    }

    /// A nested namespace lives. Returns whether it has no member left already.
    pub(crate) fn add_nested(&self, entry: Entry) -> bool {
        let mut inner = self.lock();
        let is_empty = inner.emptied_early.remove(&entry.contid);
        inner.nested_names.insert(entry.contid, entry.name.clone());
        inner.nested.insert(entry.contid, entry);
        is_empty
    }

    /// A nested namespace has ended, or was never to be.
    pub(crate) fn remove_nested(&self, contid: u64) {
        let mut inner = self.lock();
        inner.nested_names.remove(&contid);
        inner.emptied_early.remove(&contid);
        inner.nested.remove(&contid);
    }

    /// The nested namespace with that number.
    #[cfg(test)]
    pub(crate) fn nested(&self, contid: u64) -> Option<Entry> {
        self.lock().nested.get(&contid).cloned()
    }

    /// Those that members have made, by number, which is by age.
    pub(crate) fn all_nested(&self) -> Vec<Entry> {
        self.lock().nested.values().cloned().collect()
    }

    /// All namespaces: first those that were made by the host.
    pub(crate) fn everything(&self) -> Vec<Entry> {
        let inner = self.lock();
        inner.entries.values().chain(inner.nested.values()).cloned().collect()
    }

    /// All namespaces that were made by the host, by age of their index.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.lock().entries.values().cloned().collect()
    }

    /// The first one of those of which something holds.
    pub(crate) fn find(&self, holds: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.lock().entries.values().find(|entry| holds(entry)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { namespaces: 5, per_user: 2 };

    #[test]
    fn names_are_given_once_and_quotas_hold() {
        let directory = Directory::default();
        let first = directory.reserve("web", 0, QUOTA).unwrap();
        assert_eq!(directory.reserve("web", 0, QUOTA), Err(NoRoom::NameTaken));
        directory.reserve("1000:a", 1000, QUOTA).unwrap();
        directory.reserve("1000:b", 1000, QUOTA).unwrap();
        assert_eq!(directory.reserve("1000:c", 1000, QUOTA), Err(NoRoom::PerUser(2)));
        directory.reserve("x", 0, QUOTA).unwrap();
        directory.reserve("y", 0, QUOTA).unwrap();
        assert_eq!(directory.reserve("z", 0, QUOTA), Err(NoRoom::Namespaces(5)));
        directory.release(first);
        assert_eq!(directory.reserve("web", 0, QUOTA), Ok(first));
    }

    fn entry(name: &str, contid: u64) -> Entry {
        Entry {
            name: name.to_owned(),
            contid,
            uid: 0,
            first: (1, 1),
            container: None,
            orders: crate::host::orders::Orders::to_nobody(),
        }
    }

    #[test]
    fn nested_namespaces_have_names_and_ends_of_their_own() {
        let directory = Directory::default();
        directory.reserve("web.1", 0, QUOTA).unwrap();
        assert!(!directory.reserve_nested("web.1", 7) && directory.reserve_nested("web.2", 7));
        assert!(!directory.reserve_nested("web.2", 8) && directory.reserve_nested("web.2", 7));
        assert_eq!(directory.reserve("web.2", 0, QUOTA), Err(NoRoom::NameTaken));
        assert!(matches!(directory.emptied(7), Emptied::IsBeingMade));
        assert!(directory.add_nested(entry("web.2", 7)), "its last member has ended already");
        assert!(matches!(directory.emptied(7), Emptied::Lives(_)));
        assert!(directory.find(|entry| entry.contid == 7).is_none() && directory.all().is_empty());
        assert_eq!(directory.all_nested().len(), 1);
        directory.remove_nested(7);
        assert!(directory.nested(7).is_none() && matches!(directory.emptied(7), Emptied::IsGone));
        assert!(directory.reserve_nested("web.2", 9) && !directory.add_nested(entry("web.2", 9)));
        directory.add(3, entry("root", 5));
        assert!(matches!(directory.emptied(5), Emptied::IsNotNested));
    }
}

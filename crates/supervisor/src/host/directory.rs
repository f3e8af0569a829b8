//! The namespaces that live.

use super::resident::Orders;
use auditns_control::interface::Container;
use std::collections::BTreeMap;
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
    /// Names and indices that are being given out, with their users.
    reserved: BTreeMap<u32, (String, u32)>,
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

impl Directory {
    /// Reserves an index and a name for a user.
    pub(crate) fn reserve(&self, name: &str, uid: u32, quota: Quota) -> Result<u32, NoRoom> {
        let mut inner = self.lock();
        let entries = inner.entries.values().map(|entry| (entry.name.as_str(), entry.uid));
        let reserved = inner.reserved.values().map(|(name, uid)| (name.as_str(), *uid));
        let all: Vec<(&str, u32)> = entries.chain(reserved).collect();
        if all.iter().any(|(taken, _)| *taken == name) {
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

    /// All namespaces, by age of their index.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.lock().entries.values().cloned().collect()
    }

    /// The first one of which something holds.
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
}

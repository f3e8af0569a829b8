//! How many calls into [`crate::Limits`] run at once. Every call holds a thread of the session, so without a bound one
//! user's readers could keep all others waiting.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most calls at once for root.
pub(crate) const MOST_FOR_ROOT: usize = 8;
/// The most calls at once for any one other user.
pub(crate) const MOST_FOR_A_USER: usize = 4;
/// The most calls at once for all other users together.
pub(crate) const MOST_FOR_USERS: usize = 8;

/// Counts the running calls of each user.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    running: Mutex<HashMap<u32, usize>>,
}

impl Admission {
    /// A permit for one call of user `uid`, or `None` if too many run.
    pub(crate) fn admit(&self, uid: u32) -> Option<Permit<'_>> {
        let mut running = self.lock();
        let own = running.get(&uid).copied().unwrap_or(0);
        let admitted = if uid == 0 {
            own < MOST_FOR_ROOT
        } else {
            let others =
                running.iter().filter(|(user, _)| **user != 0).map(|(_, calls)| calls).sum::<usize>();
            own < MOST_FOR_A_USER && others < MOST_FOR_USERS
        };
        if !admitted {
            return None;
        }
        running.insert(uid, own + 1);
        Some(Permit { admission: self, uid })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One running call.
#[derive(Debug)]
pub(crate) struct Permit<'admission> {
    admission: &'admission Admission,
    uid: u32,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut running = self.admission.lock();
        if let Some(calls) = running.get_mut(&self.uid) {
            *calls -= 1;
            if *calls == 0 {
                running.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_bound_and_gets_its_place_back() {
        let admission = Admission::default();
        let mut permits: Vec<_> = (0..MOST_FOR_A_USER).map(|_| admission.admit(1000).unwrap()).collect();
        assert!(admission.admit(1000).is_none());
        permits.pop();
        assert!(admission.admit(1000).is_some());
        drop(permits);
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn all_users_together_have_a_bound_that_leaves_root_its_own() {
        let admission = Admission::default();
        let users: Vec<_> = (1..100).filter_map(|uid| admission.admit(uid)).collect();
        assert_eq!(users.len(), MOST_FOR_USERS);
        let root: Vec<_> = (0..100).filter_map(|_| admission.admit(0)).collect();
        assert_eq!(root.len(), MOST_FOR_ROOT);
    }
}

//! Calls that a proxy has taken off a listener and handed on.

use auditns_sys::Listener;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most calls at a time. A proxy waits for each answer, so there is one for each proxy, and those that it waits for no longer.
const CALLS_MAX: usize = 256;

/// The calls, by the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Proxied(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    /// Each with its id and what answers it.
    calls: BTreeMap<u32, (u64, Arc<Listener>)>,
    next: u32,
}

impl Calls {
    /// Returns whether there is room for one more.
    fn make_room(&mut self, is_waiting: impl Fn(u64, &Listener) -> bool) -> bool {
        if self.calls.len() >= CALLS_MAX {
            self.calls.retain(|_, (id, listener)| is_waiting(*id, listener));
        }
        self.calls.len() < CALLS_MAX
    }
}

impl Proxied {
    /// Takes up the call with that id and returns its number.
    ///
    /// # Errors
    /// `ENOBUFS` if there are as many as there may be, and all wait for their answers.
    pub(super) fn add(&self, id: u64, listener: Listener) -> io::Result<u32> {
        let mut calls = self.lock();
        if !calls.make_room(|id, listener| listener.is_valid(id)) {
            return Err(Errno::NOBUFS.into());
        }
        while calls.calls.contains_key(&calls.next) {
            calls.next = calls.next.wrapping_add(1);
        }
        let number = calls.next;
        calls.next = number.wrapping_add(1);
        calls.calls.insert(number, (id, Arc::new(listener)));
        Ok(number)
    }

    /// What answers the call with that number.
    pub(super) fn get(&self, number: u32) -> Option<Arc<Listener>> {
        self.lock().calls.get(&number).map(|(_, listener)| Arc::clone(listener))
    }

    /// The call needs no answer any more.
    pub(super) fn remove(&self, number: u32) {
        // What is dropped with it is told so, and asks for nothing here.
        let removed = self.lock().calls.remove(&number);
        drop(removed);
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn listener() -> Listener {
        Listener::of_container(File::open("/dev/null").unwrap().into())
    }

    #[test]
    fn calls_are_told_apart_and_forgotten() {
        let proxied = Proxied::default();
        let numbers = [proxied.add(7, listener()).unwrap(), proxied.add(7, listener()).unwrap()];
        assert_ne!(numbers[0], numbers[1]);
        proxied.remove(numbers[0]);
        assert!(proxied.get(numbers[0]).is_none() && proxied.get(numbers[1]).is_some());
        proxied.lock().next = u32::MAX;
        assert_eq!(proxied.add(8, listener()).unwrap(), u32::MAX);
        assert_eq!(proxied.add(9, listener()).unwrap(), 0, "numbers begin anew");
        assert_eq!(proxied.add(9, listener()).unwrap(), 2, "one that is taken is passed over");
    }

    #[test]
    fn calls_that_wait_no_longer_make_room() {
        let proxied = Proxied::default();
        for id in 0..CALLS_MAX as u64 {
            proxied.add(id, listener()).unwrap();
        }
        assert!(!proxied.lock().make_room(|_, _| true), "all wait");
        assert_eq!(proxied.lock().calls.len(), CALLS_MAX);
        // No file but a listener knows of calls, so none of these waits.
        proxied.add(0, listener()).unwrap();
        assert_eq!(proxied.lock().calls.len(), 1);
    }
}

//! Descriptor numbers at which members get their audit sockets.

use crate::identity::Client;
use auditns_sys::descriptors;
use auditns_sys::filter::reserved;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Most files of a process that gets reserved numbers: so many numbers below are free then that no program takes them all
/// between a look and an injection by chance.
const OPEN_MAX: u64 = 576;

/// Numbers that are being given out, by process, so that two threads of one do not get the same.
#[derive(Debug, Default, Clone)]
pub(super) struct Numbers(Arc<Mutex<HashSet<(u32, u32)>>>);

/// A number that is being given out.
#[derive(Debug)]
pub(super) struct Claim {
    numbers: Numbers,
    pid: u32,
    pub(super) number: u32,
}

impl Numbers {
    /// A reserved number that is free in the table of a thread of this process.
    ///
    /// Nobody should take the number between this look and the injection, which would close what it names, while all calls
    /// of the namespace wait for that (kernel: `seccomp_handle_addfd`). The filter lets nobody choose a reserved number,
    /// and whoever takes the lowest free one has to fill all below first. Who has privileges and wants to can do that:
    /// docs/limits.md.
    pub(super) fn take(&self, pid: u32, tid: u32, client: Client) -> Option<Claim> {
        let (first, second) = match client {
            Client::Lenient => (reserved::FAST, reserved::STRICT),
            Client::Strict => (reserved::STRICT, reserved::FAST),
        };
        let start = *reserved::ALL.start();
        let roomy = match descriptors::count(tid).ok()? {
            Some(count) => count <= OPEN_MAX,
            // Before Linux 6.2 some numbers have to stand for all.
            None => [1, 2, 3, 4].iter().all(|fifth| descriptors::is_free(tid, start * fifth / 5)),
        };
        if !roomy || !descriptors::is_free(tid, start - 1) {
            return None;
        }
        first.rev().chain(second.rev()).find_map(|number| {
            let fresh = self.with(|taken| taken.insert((pid, number)));
            // From here on the value's end gives the number back.
            let number = fresh.then(|| Claim { numbers: self.clone(), pid, number })?;
            descriptors::is_free(tid, number.number).then_some(number)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashSet<(u32, u32)>) -> T) -> T {
        // Nothing panics while it holds the lock.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.numbers.with(|taken| taken.remove(&(self.pid, self.number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Background;

    #[test]
    fn numbers_are_given_out_once_from_the_top_of_the_clients_range() {
        let process = Background::new(&["sleep", "60"]);
        let (numbers, pid) = (Numbers::default(), process.pid());
        let take = |client| numbers.take(pid, pid, client);
        let first = take(Client::Strict).unwrap();
        let second = take(Client::Strict).unwrap();
        assert_eq!((first.number, second.number), (*reserved::STRICT.end(), reserved::STRICT.end() - 1));
        assert_eq!(take(Client::Lenient).unwrap().number, *reserved::FAST.end());
        drop(first);
        assert_eq!(take(Client::Strict).unwrap().number, *reserved::STRICT.end(), "it was given back");
        drop(second);
        let all: Vec<Claim> = std::iter::from_fn(|| take(Client::Strict)).take(100).collect();
        assert_eq!(all.len(), 64, "when one range is used up, the other follows");
        drop(all);
        assert!(numbers.with(|taken| taken.is_empty()));
    }

    #[test]
    fn a_process_that_is_gone_has_no_numbers() {
        let gone = Background::new(&["sleep", "60"]).end();
        assert!(Numbers::default().take(gone, gone, Client::Lenient).is_none());
    }
}

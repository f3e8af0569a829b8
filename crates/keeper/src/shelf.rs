//! What is kept.

use crate::inherited::DESCRIPTORS_MAX;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest list of names: the kernel passes no longer word to a program (`MAX_ARG_STRLEN`), and some room is left for the
/// variable's own name.
const NAMES_MAX: usize = 128 * 1024 - 64;

/// Descriptors by name, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    kept: Vec<(String, OwnedFd)>,
    names: usize,
    refused: u64,
}

impl Shelf {
    /// Keeps a descriptor. Returns whether there was room.
    pub(crate) fn keep(&mut self, name: &str, fd: OwnedFd) -> bool {
        if self.kept.len() >= DESCRIPTORS_MAX || self.names + name.len() + 1 > NAMES_MAX {
            self.refused += 1;
            return false;
        }
        self.names += name.len() + 1;
        self.kept.push((name.to_owned(), fd));
        true
    }

    /// Gives up what has that name.
    pub(crate) fn forget(&mut self, name: &str) {
        // Mostly the ones that came last go first.
        while let Some(at) = self.kept.iter().rposition(|(kept, _)| kept == name) {
            self.names -= name.len() + 1;
            self.kept.remove(at);
        }
    }

    /// How many there was no room for.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// All names, as they are handed over.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.kept.iter().map(|(name, _)| name.as_str()).collect();
        names.join(":")
    }

    /// All descriptors, in the order of [`Shelf::names`].
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.kept.iter().map(|(_, fd)| fd.as_fd()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fd() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn what_is_kept_stays_in_order_until_it_is_given_up() {
        let mut shelf = Shelf::default();
        for name in ["a", "b", "a", "c"] {
            assert!(shelf.keep(name, fd()));
        }
        assert_eq!((shelf.names().as_str(), shelf.descriptors().len()), ("a:b:a:c", 4));
        shelf.forget("a");
        assert_eq!((shelf.names().as_str(), shelf.names), ("b:c", 4));
    }

    #[test]
    fn names_stay_short_enough_for_an_environment() {
        let mut shelf = Shelf::default();
        let name = "x".repeat(255);
        let kept = (0..1000).take_while(|_| shelf.keep(&name, fd())).count();
        assert_eq!((kept, shelf.refused()), (511, 1));
        assert!(shelf.names().len() < 128 * 1024 - "LISTEN_FDNAMES=".len());
    }
}

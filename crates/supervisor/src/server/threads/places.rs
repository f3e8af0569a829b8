//! Places for threads, of which there are so many and no more.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the places that are taken, of this whole process.
#[derive(Debug)]
pub(super) struct Places {
    taken: AtomicUsize,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(in crate::server) struct Place(&'static Places);

impl Places {
    pub(super) const fn new() -> Places {
        Places { taken: AtomicUsize::new(0) }
    }

    /// Takes one of so many places, if one is free.
    pub(super) fn take(&'static self, of: usize) -> Option<Place> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(self);
        (before < of).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_taken_than_there_are_and_each_is_given_back() {
        static PLACES: Places = Places::new();
        assert!(PLACES.take(0).is_none());
        for _ in 0..3 {
            let taken: Vec<Place> = (0..10).map_while(|_| PLACES.take(4)).collect();
            assert_eq!(taken.len(), 4);
            assert!(PLACES.take(4).is_none());
        }
        assert_eq!(PLACES.taken.load(Ordering::Relaxed), 0);
    }
}

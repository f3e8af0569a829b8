//! The listing of the root directory.

use std::sync::{Arc, Mutex, PoisonError};

/// The most processes that are listed.
pub(crate) const MOST_LISTED: usize = 65_536;

/// The processes that were listed last.
///
/// A listing takes many requests. The first takes a new snapshot and the others go on with the newest; each entry's
/// position is made of its process, so a snapshot that changes in between neither repeats nor skips those that stay.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    newest: Mutex<Arc<[u32]>>,
}

impl Listing {
    /// Takes `pids` as the newest snapshot.
    pub(crate) fn replace(&self, mut pids: Vec<u32>) -> Arc<[u32]> {
        pids.retain(|pid| *pid != 0);
        pids.sort_unstable();
        pids.dedup();
        pids.truncate(MOST_LISTED);
        let snapshot: Arc<[u32]> = pids.into();
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot);
        snapshot
    }

    /// The newest snapshot, in ascending order.
    pub(crate) fn newest(&self) -> Arc<[u32]> {
        Arc::clone(&self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_ordered_without_repetitions_and_without_zero() {
        let listing = Listing::default();
        assert_eq!(*listing.replace(vec![7, 0, 3, 7]), [3, 7]);
        assert_eq!(*listing.newest(), [3, 7]);
    }

    #[test]
    fn the_lowest_processes_up_to_the_bound_are_listed() {
        let highest = u32::try_from(MOST_LISTED).unwrap() + 5;
        let snapshot = Listing::default().replace((1..=highest).rev().collect());
        assert_eq!(snapshot.len(), MOST_LISTED);
        assert_eq!(snapshot.first(), Some(&1));
        assert_eq!(snapshot.last(), Some(&(highest - 5)));
    }
}

//! How many calls wait for an answer at once. Each keeps memory here, and a file is read by as many threads as like to.
//!
//! The bound of a file keeps one member from using up that of all; members are bounded in number by their container.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::FileNumber;

/// Most calls that wait at once for answers about one file. Beyond, callers get `EAGAIN`.
pub(crate) const MOST_OF_A_FILE: usize = 16;
/// Most calls that wait at once for answers about all files.
pub(crate) const MOST: usize = 4096;

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    files: HashMap<FileNumber, usize>,
}

/// Counts those who wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Mutex<Counts>>);

impl Waiting {
    /// A place for one more, or `None` if too many wait.
    pub(crate) fn enter(&self, file: FileNumber) -> Option<Place> {
        let mut counts = self.lock();
        let of_file = counts.files.get(&file).copied().unwrap_or(0);
        if counts.all >= MOST || of_file >= MOST_OF_A_FILE {
            return None;
        }
        counts.all += 1;
        counts.files.insert(file, of_file + 1);
        Some(Place { waiting: self.clone(), file })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Waiting,
    file: FileNumber,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.waiting.lock();
        counts.all -= 1;
        if let Some(of_file) = counts.files.get_mut(&self.file) {
            *of_file -= 1;
            if *of_file == 0 {
                counts.files.remove(&self.file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_bound_and_gets_its_places_back() {
        let waiting = Waiting::default();
        let mut places: Vec<_> = (0..MOST_OF_A_FILE).map(|_| waiting.enter(FileNumber(2)).unwrap()).collect();
        assert!(waiting.enter(FileNumber(2)).is_none());
        assert!(waiting.enter(FileNumber(3)).is_some());
        places.pop();
        assert!(waiting.enter(FileNumber(2)).is_some());
        drop(places);
        let counts = waiting.lock();
        assert_eq!((counts.all, counts.files.len()), (0, 0));
    }

    #[test]
    fn all_files_together_have_a_bound() {
        let waiting = Waiting::default();
        let places: Vec<_> = (2..10_000).filter_map(|file| waiting.enter(FileNumber(file))).collect();
        assert_eq!(places.len(), MOST);
    }
}

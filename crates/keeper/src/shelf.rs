//! What is kept.

use crate::DESCRIPTORS_MAX;
use crate::inherited::NAMES_VARIABLE;
use auditns_sys::open_file;
use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest text of a variable with its name, `=` and end (`MAX_ARG_STRLEN`), in bytes.
const VARIABLE_MAX: usize = 128 * 1024;
/// Room for names and the colons after them. The last colon is not handed over, so it may stand for the text's end.
const NAMES_MAX: usize = VARIABLE_MAX - NAMES_VARIABLE.len() - 1;

/// Why descriptors are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error(
        "{0} descriptors are kept already; raise the limit on open files if it is lower than {DESCRIPTORS_MAX}"
    )]
    Descriptors(usize),
    #[error("the names of all that is kept would not fit into an environment variable; use shorter names")]
    Names,
}

/// Descriptors by name, in the order in which the names came.
#[derive(Debug)]
pub(crate) struct Shelf {
    capacity: usize,
    descriptors: usize,
    names_length: usize,
    arrivals: HashMap<String, u64>,
    kept: BTreeMap<u64, (String, Vec<OwnedFd>)>,
    next: u64,
}

impl Shelf {
    /// Room for so many descriptors.
    pub(crate) fn new(capacity: usize) -> Shelf {
        let capacity = capacity.min(DESCRIPTORS_MAX);
        let (arrivals, kept) = (HashMap::new(), BTreeMap::new());
        Shelf { capacity, descriptors: 0, names_length: 0, arrivals, kept, next: 0 }
    }

    /// Keeps descriptors, all or none of them. One that is kept under the name already is not kept twice.
    pub(crate) fn keep(&mut self, name: &str, mut fds: Vec<OwnedFd>) -> Result<(), Full> {
        let there = self.arrivals.get(name).and_then(|arrival| self.kept.get(arrival));
        if let Some((_, there)) = there {
            fds.retain(|fd| !there.iter().any(|kept| open_file::is_same(kept.as_fd(), fd.as_fd())));
        }
        if fds.is_empty() {
            return Ok(());
        }
        let names_length = self.names_length + fds.len() * (name.len() + 1);
        if self.descriptors + fds.len() > self.capacity {
            return Err(Full::Descriptors(self.descriptors));
        }
        if names_length > NAMES_MAX {
            return Err(Full::Names);
        }
        (self.descriptors, self.names_length) = (self.descriptors + fds.len(), names_length);
        let arrival = *self.arrivals.entry(name.to_owned()).or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.kept.entry(arrival).or_insert_with(|| (name.to_owned(), Vec::new())).1.extend(fds);
        Ok(())
    }

    /// Gives up what has that name.
    pub(crate) fn forget(&mut self, name: &str) {
        let Some(arrival) = self.arrivals.remove(name) else { return };
        let Some((_, fds)) = self.kept.remove(&arrival) else { return };
        self.descriptors -= fds.len();
        self.names_length -= fds.len() * (name.len() + 1);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// A name for each descriptor, as they are handed over.
    pub(crate) fn names(&self) -> String {
        let each = self.kept.values().flat_map(|(name, fds)| fds.iter().map(|_| name.as_str()));
        each.collect::<Vec<_>>().join(":")
    }

    /// All descriptors, in the order of [`Shelf::names`].
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.kept.values().flat_map(|(_, fds)| fds.iter().map(AsFd::as_fd)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditns_sys::inherited::Program;
    use rustix::process::{Pid, WaitOptions, waitpid};
    use std::path::Path;

    fn fds(count: usize) -> Vec<OwnedFd> {
        (0..count).map(|_| std::fs::File::open("/dev/null").unwrap().into()).collect()
    }

    #[test]
    fn what_is_kept_stays_in_order_until_it_is_given_up() {
        let mut shelf = Shelf::new(100);
        for (name, count) in [("z", 1), ("b", 2), ("z", 1), ("a", 1)] {
            shelf.keep(name, fds(count)).unwrap();
        }
        assert_eq!((shelf.names().as_str(), shelf.descriptors().len()), ("z:z:b:b:a", 5));
        shelf.forget("z");
        shelf.forget("nothing");
        assert_eq!((shelf.names().as_str(), shelf.descriptors().len()), ("b:b:a", 3));
        shelf.keep("z", fds(1)).unwrap();
        assert_eq!(shelf.names(), "b:b:a:z");
        for name in ["a", "b", "z"] {
            shelf.forget(name);
        }
        assert!(shelf.is_empty());
        assert_eq!((shelf.descriptors, shelf.names_length, shelf.arrivals.len()), (0, 0, 0));
    }

    #[test]
    fn one_open_file_is_kept_once_under_a_name() {
        let mut shelf = Shelf::new(100);
        let file = fds(1);
        let copy = || vec![file[0].try_clone().unwrap()];
        for name in ["a", "a", "b"] {
            shelf.keep(name, copy()).unwrap();
        }
        assert_eq!(shelf.names(), "a:b");
    }

    #[test]
    fn descriptors_have_a_bound_and_a_message_is_kept_whole_or_not() {
        let mut shelf = Shelf::new(3);
        shelf.keep("a", fds(2)).unwrap();
        assert_eq!(shelf.keep("b", fds(2)), Err(Full::Descriptors(2)));
        shelf.keep("b", fds(1)).unwrap();
        assert_eq!(shelf.keep("a", fds(1)), Err(Full::Descriptors(3)));
        assert_eq!(shelf.names(), "a:a:b");
        assert_eq!(Shelf::new(usize::MAX).capacity(), DESCRIPTORS_MAX);
    }

    #[test]
    fn names_stay_just_short_enough_for_an_environment() {
        let mut shelf = Shelf::new(DESCRIPTORS_MAX);
        let name = "x".repeat(255);
        // 512 times 256 bytes are the whole variable; what is missing for its own name is taken from the last one's.
        shelf.keep(&name, fds(511)).unwrap();
        let longest = 256 - 1 - NAMES_VARIABLE.len() - 1;
        assert_eq!(shelf.keep(&"y".repeat(longest + 1), fds(1)), Err(Full::Names));
        shelf.keep(&"y".repeat(longest), fds(1)).unwrap();
        assert_eq!(shelf.keep("z", fds(1)), Err(Full::Names));
        let start = |names: String| {
            let environment = [(NAMES_VARIABLE.into(), names.into())];
            Program::new(Path::new("/bin/true"), &["true".into()], environment).unwrap().spawn(&[])
        };
        let pid = start(shelf.names()).unwrap();
        waitpid(Pid::from_raw(pid.cast_signed()), WaitOptions::empty()).unwrap();
        // The kernel's own bound is 32 pages, and pages have 4096 bytes here.
        assert!(!cfg!(target_arch = "x86_64") || start(shelf.names() + "x").is_err());
    }
}

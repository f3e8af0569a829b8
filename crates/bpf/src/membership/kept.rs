//! What outlives the process that looks at tasks, and the supervisor: tags, their counts, and that they are inherited.

use super::Keeper;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the names of kept descriptors begin with. A program that keeps something else under them has another number.
const NAMES: &str = "tags1-";
/// How many descriptors there are.
pub(super) const DESCRIPTORS: usize = 6;

/// Descriptors of the maps and links. As long as somebody has them, tags stay and are inherited.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) tags: OwnedFd,
    pub(super) tagged: OwnedFd,
    pub(super) state: OwnedFd,
    pub(super) events: OwnedFd,
    /// The program of new tasks is attached as long as this is open.
    pub(super) inherit: OwnedFd,
    /// That of tasks that end.
    pub(super) leave: OwnedFd,
}

impl Kept {
    /// In the order in which they travel.
    pub(super) fn descriptors(&self) -> [BorrowedFd<'_>; DESCRIPTORS] {
        [&self.tags, &self.tagged, &self.state, &self.events, &self.inherit, &self.leave].map(AsFd::as_fd)
    }

    /// The first ones of those that came. `None` if there are too few.
    pub(super) fn take(descriptors: &mut impl Iterator<Item = OwnedFd>) -> Option<Kept> {
        Some(Kept {
            tags: descriptors.next()?,
            tagged: descriptors.next()?,
            state: descriptors.next()?,
            events: descriptors.next()?,
            inherit: descriptors.next()?,
            leave: descriptors.next()?,
        })
    }
}

/// Under which names they are kept. Links are kept in two places by turns, so that new ones are kept before old ones are given
/// up: tags are inherited all the time.
#[derive(Debug)]
pub(super) struct Shelf {
    keeper: Box<dyn Keeper>,
    has_maps: bool,
    /// Where links are.
    place: Option<usize>,
}

const MAPS: [&str; 4] = ["tags", "tagged", "state", "events"];
const LINKS: [[&str; 2]; 2] = [["inherit0", "leave0"], ["inherit1", "leave1"]];

impl Shelf {
    /// Takes what a process before this one has had kept out of `all`. Without the whole of it, tags would be wrong, and they
    /// begin anew.
    pub(super) fn new(keeper: Box<dyn Keeper>, all: &mut Vec<(String, OwnedFd)>) -> (Shelf, Option<Kept>) {
        let is_own = |name: &str| name.starts_with(NAMES);
        let (mut own, others) = std::mem::take(all).into_iter().partition(|(name, _)| is_own(name));
        *all = others;
        let own: &mut Vec<(String, OwnedFd)> = &mut own;
        let mut take = |wanted: &str| {
            let at = own.iter().position(|(name, _)| name[NAMES.len()..] == *wanted)?;
            Some(own.swap_remove(at).1)
        };
        let maps = MAPS.map(&mut take);
        let links = LINKS.map(|pair| pair.map(&mut take));
        let mut shelf = Shelf { keeper, has_maps: false, place: None };
        let whole = |pair: &[Option<OwnedFd>; 2]| pair.iter().all(Option::is_some);
        let place = links.iter().position(whole);
        let [tags, tagged, state, events] = maps;
        let [inherit, leave] = match (place, links) {
            (Some(0), [pair, _]) | (Some(1), [_, pair]) => pair,
            _ => [None, None],
        };
        let kept = (|| {
            Some(Kept {
                tags: tags?,
                tagged: tagged?,
                state: state?,
                events: events?,
                inherit: inherit?,
                leave: leave?,
            })
        })();
        if kept.is_some() {
            (shelf.has_maps, shelf.place) = (true, place);
        } else {
            MAPS.iter().chain(LINKS.as_flattened()).for_each(|name| shelf.forget(name));
        }
        (shelf, kept)
    }

    /// Keeps what a process has loaded, in the place of what was kept before.
    pub(super) fn keep(&mut self, kept: &Kept) {
        let [tags, tagged, state, events, inherit, leave] = kept.descriptors();
        if !self.has_maps {
            MAPS.iter().zip([tags, tagged, state, events]).for_each(|(name, fd)| self.put(name, fd));
            self.has_maps = true;
        }
        let place = self.place.map_or(0, |place| 1 - place);
        LINKS[place].iter().for_each(|name| self.forget(name));
        LINKS[place].iter().zip([inherit, leave]).for_each(|(name, fd)| self.put(name, fd));
        if self.place.replace(place).is_some() {
            LINKS[1 - place].iter().for_each(|name| self.forget(name));
        }
    }

    fn put(&self, name: &str, fd: BorrowedFd<'_>) {
        self.keeper.keep(&format!("{NAMES}{name}"), fd);
    }

    fn forget(&self, name: &str) {
        self.keeper.forget(&format!("{NAMES}{name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::sync::{Arc, Mutex};

    /// Keeps by name, as keepers do; a second one of a name would be an error.
    #[derive(Clone, Debug, Default)]
    struct Store(Arc<Mutex<BTreeMap<String, OwnedFd>>>);

    impl Keeper for Store {
        fn keep(&self, name: &str, fd: BorrowedFd<'_>) {
            let before = self.0.lock().unwrap().insert(name.to_owned(), fd.try_clone_to_owned().unwrap());
            assert!(before.is_none(), "{name} was kept twice");
        }

        fn forget(&self, name: &str) {
            self.0.lock().unwrap().remove(name);
        }
    }

    impl Store {
        fn all(&self) -> Vec<(String, OwnedFd)> {
            let store = self.0.lock().unwrap();
            store.iter().map(|(name, fd)| (name.clone(), fd.try_clone().unwrap())).collect()
        }
    }

    fn fresh() -> Kept {
        let mut files = std::iter::repeat_with(|| File::open("/dev/null").unwrap().into());
        Kept::take(&mut files).unwrap()
    }

    #[test]
    fn each_process_takes_up_what_the_one_before_it_left() {
        let store = Store::default();
        let mut all = store.all();
        all.push(("control".to_owned(), File::open("/dev/null").unwrap().into()));
        let (mut shelf, kept) = Shelf::new(Box::new(store.clone()), &mut all);
        assert!(kept.is_none() && all.len() == 1, "what is another's stays");
        for _ in 0..3 {
            shelf.keep(&fresh());
            assert_eq!(store.0.lock().unwrap().len(), DESCRIPTORS);
            let kept;
            (shelf, kept) = Shelf::new(Box::new(store.clone()), &mut store.all());
            assert!(kept.is_some());
        }
    }

    #[test]
    fn after_a_kill_between_the_steps_links_are_there() {
        let store = Store::default();
        let (mut shelf, _) = Shelf::new(Box::new(store.clone()), &mut Vec::new());
        shelf.keep(&fresh());
        // The new ones are kept, and the old ones not given up.
        for name in LINKS[1] {
            store.keep(&format!("{NAMES}{name}"), fresh().tags.as_fd());
        }
        let (mut shelf, kept) = Shelf::new(Box::new(store.clone()), &mut store.all());
        assert!(kept.is_some());
        shelf.keep(&fresh());
        assert_eq!(store.0.lock().unwrap().len(), DESCRIPTORS);
    }

    #[test]
    fn a_part_of_it_is_given_up() {
        let store = Store::default();
        let (mut shelf, _) = Shelf::new(Box::new(store.clone()), &mut Vec::new());
        shelf.keep(&fresh());
        store.forget("tags1-leave0");
        let (_, kept) = Shelf::new(Box::new(store.clone()), &mut store.all());
        assert!(kept.is_none());
        assert!(store.0.lock().unwrap().is_empty());
    }
}

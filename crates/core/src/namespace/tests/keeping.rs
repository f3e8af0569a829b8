//! Saves a namespace and its inputs while a rig uses it.

use super::super::Namespace;
use crate::{Action, Input, Now, OwnedInput};

/// What is done besides using the namespace. Every input and every action counts as a moment.
#[derive(Debug)]
pub(super) enum Keeping {
    /// Nothing.
    Off,
    /// After every so many moments the namespace is saved and read back, and every input is written and read.
    Restored { every: usize, moments: usize, actions: Vec<Action> },
    /// A journal from the numbered moment on.
    Journal { from: usize, moments: usize, actions: Vec<Action>, journal: Journal },
}

/// A saved namespace, and what happened to it afterwards.
#[derive(Debug, Default)]
pub(super) struct Journal {
    snapshot: Vec<u8>,
    entries: Vec<Entry>,
    /// How many actions had been taken before the snapshot.
    pub(super) taken_before: usize,
}

#[derive(Debug)]
enum Entry {
    Input(Vec<u8>),
    Taken,
}

impl Keeping {
    pub(super) fn restored(every: usize) -> Keeping {
        Keeping::Restored { every, moments: 0, actions: Vec::new() }
    }

    pub(super) fn journal(from: usize) -> Keeping {
        Keeping::Journal { from, moments: 0, actions: Vec::new(), journal: Journal::default() }
    }

    /// The actions that were taken, in order.
    pub(super) fn actions(&self) -> &[Action] {
        match self {
            Keeping::Off => &[],
            Keeping::Restored { actions, .. } | Keeping::Journal { actions, .. } => actions,
        }
    }

    pub(super) fn handle(&mut self, namespace: &mut Namespace, input: Input<'_>, now: Now) {
        match self {
            Keeping::Off => namespace.handle(input, now),
            Keeping::Restored { .. } => {
                let (input, now) = read_input(&written(&(input, now)));
                namespace.handle(input.as_input(), now);
            }
            Keeping::Journal { from, moments, journal, .. } => {
                if moments >= from {
                    journal.entries.push(Entry::Input(written(&(&input, now))));
                }
                namespace.handle(input, now);
            }
        }
        self.moment(namespace);
    }

    pub(super) fn poll_action(&mut self, namespace: &mut Namespace) -> Option<Action> {
        let action = namespace.poll_action()?;
        match self {
            Keeping::Off => {}
            Keeping::Restored { actions, .. } => actions.push(action.clone()),
            Keeping::Journal { from, moments, actions, journal } => {
                actions.push(action.clone());
                if moments >= from {
                    journal.entries.push(Entry::Taken);
                }
            }
        }
        self.moment(namespace);
        Some(action)
    }

    fn moment(&mut self, namespace: &mut Namespace) {
        match self {
            Keeping::Off => {}
            Keeping::Restored { every, moments, .. } => {
                *moments += 1;
                if moments.is_multiple_of(*every) {
                    *namespace = read_back(namespace);
                }
            }
            Keeping::Journal { from, moments, actions, journal } => {
                *moments += 1;
                if moments == from {
                    (journal.snapshot, journal.taken_before) = (written(namespace), actions.len());
                }
            }
        }
    }
}

impl Journal {
    /// The namespace that follows from the journal, and the actions that were taken on the way; `None` if the journal
    /// never began.
    pub(super) fn replay(&self) -> Option<(Namespace, Vec<Action>)> {
        if self.snapshot.is_empty() {
            return None;
        }
        let mut namespace: Namespace = postcard::from_bytes(&self.snapshot).expect("a saved namespace");
        let mut actions = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Input(bytes) => {
                    let (input, now) = read_input(bytes);
                    namespace.handle(input.as_input(), now);
                }
                Entry::Taken => actions.extend(namespace.poll_action()),
            }
        }
        Some((namespace, actions))
    }
}

/// The namespace, saved and read.
pub(super) fn read_back(namespace: &Namespace) -> Namespace {
    let bytes = written(namespace);
    let (read, rest): (Namespace, _) = postcard::take_from_bytes(&bytes).expect("a saved namespace");
    assert!(rest.is_empty());
    // What is not saved, but follows from the rest, is shown too.
    assert_eq!(format!("{read:?}"), format!("{namespace:?}"));
    read
}

pub(super) fn written(value: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("memory")
}

fn read_input(bytes: &[u8]) -> (OwnedInput, Now) {
    postcard::from_bytes(bytes).expect("a written input")
}

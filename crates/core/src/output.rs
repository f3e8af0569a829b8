//! What waits to be done, in order, and whose it is.

use crate::action::Action;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An action, and the number of the namespace that wants it done.
pub(crate) type Owned = (u64, Action);

/// Actions that wait, in order. The namespaces of a family have one sequence, which is lent to the one that is at work.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Output {
    /// Whoever adds to it.
    owner: u64,
    actions: VecDeque<Owned>,
}

impl Output {
    /// Of the namespace with that number.
    pub(crate) fn of(owner: u64) -> Output {
        Output { owner, actions: VecDeque::new() }
    }

    /// Exchanges what waits; each keeps its owner.
    pub(crate) fn swap(&mut self, other: &mut Output) {
        std::mem::swap(&mut self.actions, &mut other.actions);
    }

    /// Takes over what waits there; each keeps its owner.
    pub(crate) fn append(&mut self, other: &mut Output) {
        self.actions.append(&mut other.actions);
    }

    pub(crate) fn push_back(&mut self, action: Action) {
        self.actions.push_back((self.owner, action));
    }

    pub(crate) fn push_front(&mut self, action: Action) {
        self.actions.push_front((self.owner, action));
    }

    #[cfg(feature = "faults")]
    pub(crate) fn insert(&mut self, at: usize, action: Action) {
        self.actions.insert(at, (self.owner, action));
    }

    pub(crate) fn extend(&mut self, actions: impl IntoIterator<Item = Action>) {
        let owner = self.owner;
        self.actions.extend(actions.into_iter().map(|action| (owner, action)));
    }

    pub(crate) fn len(&self) -> usize {
        self.actions.len()
    }

    pub(crate) fn pop_front(&mut self) -> Option<Owned> {
        self.actions.pop_front()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Owned> + Clone {
        self.actions.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Action> {
        self.actions.iter_mut().map(|(_, action)| action)
    }

    /// Those from a place on.
    pub(crate) fn since(&self, first: usize) -> impl Iterator<Item = &Action> {
        self.actions.range(first..).map(|(_, action)| action)
    }

    /// Takes out those from a place on of which something holds.
    pub(crate) fn take_since(&mut self, first: usize, holds: impl Fn(&Action) -> bool) -> Vec<Action> {
        let mut taken = Vec::new();
        for (owner, action) in self.actions.split_off(first) {
            if holds(&action) {
                taken.push(action);
            } else {
                self.actions.push_back((owner, action));
            }
        }
        taken
    }
}

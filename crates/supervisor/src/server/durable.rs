//! The namespaces, and the journal from which they can be had again.

use crate::state::{Entry, Journal};
use crate::time::now;
use auditns_core::{Action, Family, Input, Namespace, Nesting, Now};
use std::ops::Deref;
use std::sync::Arc;

/// A family of namespaces of which every input is noted before it takes effect, if there is a journal. What is not said to be
/// for another one is for the one that the host has made.
#[derive(Debug)]
pub(crate) struct Durable {
    family: Family,
    root: u64,
    journal: Option<Arc<Journal>>,
}

impl Durable {
    pub(crate) fn new(family: Family, journal: Option<Arc<Journal>>) -> Durable {
        let root = family.root().contid();
        Durable { family, root, journal }
    }

    pub(super) fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref()
    }

    /// All namespaces.
    pub(super) fn family(&self) -> &Family {
        &self.family
    }

    /// What members may make.
    pub(crate) fn nesting(&self) -> Nesting {
        self.family.nesting()
    }

    /// Number of the one that the host has made.
    pub(super) fn root(&self) -> u64 {
        self.root
    }

    /// See [`Family::handle`].
    pub(super) fn handle_in(&mut self, namespace: u64, input: Input<'_>, now: Now) {
        self.note(&if namespace == self.root {
            Entry::Input(&input, now)
        } else {
            Entry::InputOf(namespace, &input, now)
        });
        self.family.handle(namespace, input, now);
    }

    /// As [`Durable::handle_in`], of the one that the host has made.
    pub(super) fn handle(&mut self, input: Input<'_>, now: Now) {
        self.handle_in(self.root, input, now);
    }

    /// As [`Durable::handle`], now.
    pub(super) fn feed(&mut self, input: Input<'_>) {
        self.handle(input, now());
    }

    /// As [`Durable::handle_in`], now.
    pub(super) fn feed_in(&mut self, namespace: u64, input: Input<'_>) {
        self.handle_in(namespace, input, now());
    }

    /// See [`Family::poll_action`]. The action before is done when the next one is asked for.
    pub(super) fn poll_action(&mut self) -> Option<(u64, Action)> {
        let action = self.family.poll_action();
        if let Some(journal) = &self.journal {
            if action.is_some() { journal.take_up() } else { journal.all_done() }
        }
        action
    }

    pub(super) fn note(&self, entry: &Entry<'_>) {
        if let Some(journal) = &self.journal {
            journal.note(entry);
        }
    }
}

impl Deref for Durable {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        self.family.root()
    }
}

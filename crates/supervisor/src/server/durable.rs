//! The namespace, and the journal from which it can be had again.

use crate::state::{Entry, Journal};
use crate::time::now;
use auditns_core::{Action, Input, Namespace, Now};
use std::ops::Deref;
use std::sync::Arc;

/// A namespace of which every input is noted before it takes effect, if there is a journal.
#[derive(Debug)]
pub(crate) struct Durable {
    namespace: Namespace,
    journal: Option<Arc<Journal>>,
}

impl Durable {
    pub(crate) fn new(namespace: Namespace, journal: Option<Arc<Journal>>) -> Durable {
        Durable { namespace, journal }
    }

    pub(super) fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref()
    }

    /// See [`Namespace::handle`].
    pub(super) fn handle(&mut self, input: Input<'_>, now: Now) {
        self.note(&Entry::Input(&input, now));
        self.namespace.handle(input, now);
    }

    /// As [`Durable::handle`], now.
    pub(super) fn feed(&mut self, input: Input<'_>) {
        self.handle(input, now());
    }

    /// See [`Namespace::poll_action`]. The action before is done when the next one is asked for.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        let action = self.namespace.poll_action();
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
        &self.namespace
    }
}

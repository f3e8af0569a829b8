//! The end of nested namespaces.

use super::super::Server;
use super::Nest;
use crate::keeping::Kind;
use auditns_core::{EndpointId, Input};
use std::time::{Duration, Instant};

/// How long what its last members left behind is read before a namespace ends. They are gone, so all of it is there already,
/// but behind what others have sent.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Messages of one socket that are read then: more than its buffer holds.
const MESSAGES: usize = 512;

impl Nest {
    /// A namespace is there for all who ask the host.
    pub(super) fn tell_of(&self, contid: u64) {
        if let (Some(nesting), Some(nested)) = (&self.nesting, self.served.get(&contid)) {
            nesting.register.add(contid, &nested.origin);
        }
    }
}

impl Server<'_> {
    /// A nested namespace has no member left. It ends after what they have sent. Somebody may have been let in since that was said;
    /// where nobody was, it is said again.
    pub(crate) fn nested_emptied(&mut self, contid: u64) {
        if self.nest.served.contains_key(&contid) {
            // Of one that nobody was let into, what was said is true.
            let was_let_in = self.nest.let_in.contains(&contid);
            let tags = self.nest.nesting.as_ref().map(|nesting| &nesting.tags);
            if tags.is_some_and(|tags| tags.is_empty(contid).unwrap_or(!was_let_in)) {
                self.nest.emptied.insert(contid);
            }
        } else if let Some(nesting) = &self.nest.nesting
            && contid != self.namespace.root()
        {
            nesting.tags.forget(contid);
        }
    }

    /// Ends those that have no member left and nobody who waits.
    pub(in crate::server) fn end_emptied(&mut self) {
        if self.nest.emptied.is_empty() {
            return;
        }
        let until = Instant::now() + LAST_WORDS;
        for endpoint in self.connections.keys().copied().collect::<Vec<EndpointId>>() {
            for _ in 0..MESSAGES {
                let may_read =
                    self.connections.get(&endpoint).is_some_and(super::super::Connection::may_read);
                if !may_read || Instant::now() >= until || !self.read_message(endpoint) {
                    break;
                }
                self.perform();
            }
        }
        for contid in self.nest.emptied.clone() {
            let family = self.namespace.family();
            // Whoever has waited has perhaps sent more, which is read when the wait is over.
            if family.get(contid).is_none_or(|nested| !nested.has_waiters()) {
                self.end_nested(contid);
            }
        }
    }

    /// Ends all of them.
    pub(in crate::server) fn end_all_nested(&mut self) {
        for contid in self.nest.served.keys().copied().collect::<Vec<u64>>() {
            self.end_nested(contid);
        }
    }

    fn end_nested(&mut self, contid: u64) {
        self.perform();
        self.namespace.feed_in(contid, Input::Ended);
        self.perform();
        self.nest.emptied.remove(&contid);
        self.nest.let_in.remove(&contid);
        if let Some(mut nested) = self.nest.served.remove(&contid) {
            nested.storage.write_later(self.observer);
        }
        if let Some(nesting) = &self.nest.nesting {
            nesting.tags.forget(contid);
        }
        self.forget_nested(contid);
    }

    /// Nothing of them is to be kept any more.
    pub(in crate::server) fn forget_all_nested(&self) {
        self.nest.served.keys().for_each(|contid| self.forget_nested(*contid));
    }

    pub(super) fn forget_nested(&self, contid: u64) {
        if let Some(keeping) = &self.keeping {
            keeping.forget(Kind::NestedPidNamespace(contid));
        }
        if let Some(nesting) = &self.nest.nesting {
            nesting.register.remove(contid);
        }
    }
}

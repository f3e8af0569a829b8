//! A family: the namespace that the host has made, and those that members have made inside it.
//!
//! One filter has one listener, so all of them have the same edge. They share the sockets, for a socket acts for the namespace
//! of whoever uses it, and the sequence of actions, which is the order on the wire. Everything else each has for itself.

mod creation;
#[cfg(test)]
mod tests;

pub use creation::Creation;

use crate::action::{Action, EndpointId};
use crate::config::Nesting;
use crate::input::{Input, Inquiry};
use crate::namespace::Namespace;
use crate::time::Now;
use creation::{Pace, Pending};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The namespaces that one edge serves. Each goes by its number, [`crate::Config::contid`].
///
/// As [`Namespace`] it can be saved and read back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Family {
    /// Holds the sockets and the actions of all.
    root: Namespace,
    nested: BTreeMap<u64, Namespace>,
    /// Namespaces whose first members are being moved.
    pending: BTreeMap<u64, Pending>,
    nesting: Nesting,
    pace: Pace,
}

impl Family {
    /// Of a namespace that the host has made.
    pub fn new(root: Namespace, nesting: Nesting) -> Family {
        Family { root, nested: BTreeMap::new(), pending: BTreeMap::new(), nesting, pace: Pace::default() }
    }

    /// Takes one event of a namespace. Collect what follows from it with [`Family::poll_action`]. Sockets that close, time
    /// that passes and room in sockets are told to all of them. What is for a namespace that has ended changes nothing.
    pub fn handle(&mut self, namespace: u64, input: Input<'_>, now: Now) {
        match input {
            Input::Datagram { endpoint, sender, bytes, answers } if answers.creation.is_some() => {
                self.ask_for_namespace(namespace, endpoint, sender, bytes, answers, now);
            }
            Input::ThreadGroupMoved { contid, outcome } => self.thread_group_moved(contid, outcome, now),
            input if self.nested.is_empty() && namespace == self.root.contid() => {
                self.root.handle(input, now);
            }
            Input::EndpointClosed { endpoint } => self.close_endpoint(endpoint, now),
            Input::Writable { endpoint } => self.tell_all(&|| Input::Writable { endpoint }, now),
            Input::Tick => self.tell_all(&|| Input::Tick, now),
            Input::Ended => self.end(namespace, now),
            input => {
                fault!(NestedHandledByParent: let namespace = self.root.contid());
                self.at_work(namespace, |namespace| namespace.handle(input, now));
            }
        }
    }

    /// The next thing to do, in order, and the number of the namespace that wants it done: an outcome is told to that one.
    pub fn poll_action(&mut self) -> Option<(u64, Action)> {
        self.root.output_mut().pop_front()
    }

    /// What [`Family::poll_action`] will yield if nothing else happens; see [`Namespace::waiting_actions`].
    pub fn waiting_actions(&self) -> impl ExactSizeIterator<Item = &(u64, Action)> + Clone {
        self.root.output().iter()
    }

    /// See [`Namespace::inquire`].
    pub fn inquire(&self, namespace: u64, bytes: &[u8]) -> Inquiry {
        self.get(namespace).map_or_else(Inquiry::default, |namespace| namespace.inquire(bytes))
    }

    /// When [`Input::Tick`] is due; see [`Namespace::next_deadline`].
    pub fn next_deadline(&self) -> Option<Duration> {
        let nested = self.nested.values().filter_map(Namespace::next_deadline).min();
        [self.root.next_deadline(), nested].into_iter().flatten().min()
    }

    /// What members may make.
    pub fn nesting(&self) -> Nesting {
        self.nesting
    }

    /// The namespace that the host has made. What it says of sockets holds for the sockets of all.
    pub fn root(&self) -> &Namespace {
        &self.root
    }

    /// The namespace with that number.
    pub fn get(&self, namespace: u64) -> Option<&Namespace> {
        if namespace == self.root.contid() { Some(&self.root) } else { self.nested.get(&namespace) }
    }

    /// The namespaces that members have made, by number.
    pub fn nested(&self) -> impl ExactSizeIterator<Item = &Namespace> {
        self.nested.values()
    }

    /// Sockets that get a copy of every record of a namespace.
    pub fn listeners_count(&self, namespace: u64) -> usize {
        self.root.endpoints().listeners(namespace).count()
    }

    /// The namespace, of which this process, as the host sees it, is the registered audit daemon.
    pub fn of_daemon(&self, pid: u32) -> Option<u64> {
        let mut all = std::iter::once(&self.root).chain(self.nested.values());
        all.find(|namespace| namespace.daemon() == Some(pid)).map(Namespace::contid)
    }

    /// The audit daemons of all, as [`Namespace::daemon`] tells of each.
    pub fn daemons(&self) -> impl Iterator<Item = u32> {
        std::iter::once(&self.root).chain(self.nested.values()).filter_map(Namespace::daemon)
    }

    /// Whether there is any.
    pub fn has_daemon(&self) -> bool {
        self.daemons().next().is_some()
    }

    /// Lets a namespace work on the sockets and actions of all. Returns whether there is such a namespace.
    fn at_work<R>(&mut self, namespace: u64, work: impl FnOnce(&mut Namespace) -> R) -> Option<R> {
        if namespace == self.root.contid() {
            return Some(work(&mut self.root));
        }
        let nested = self.nested.get_mut(&namespace)?;
        self.root.exchange(nested);
        let result = work(nested);
        self.root.exchange(nested);
        Some(result)
    }

    fn numbers(&self) -> Vec<u64> {
        std::iter::once(self.root.contid()).chain(self.nested.keys().copied()).collect()
    }

    fn tell_all<'i>(&mut self, input: &dyn Fn() -> Input<'i>, now: Now) {
        for number in self.numbers() {
            self.at_work(number, |namespace| namespace.handle(input(), now));
        }
    }

    fn close_endpoint(&mut self, endpoint: EndpointId, now: Now) {
        // It records that a listener is gone.
        let first = self.root.endpoints().joined_in(endpoint);
        let rest = self.numbers().into_iter().filter(|number| Some(*number) != first);
        for number in first.into_iter().chain(rest) {
            self.at_work(number, |namespace| namespace.handle(Input::EndpointClosed { endpoint }, now));
        }
    }

    /// With the one that the host has made, all end.
    fn end(&mut self, namespace: u64, now: Now) {
        if namespace == self.root.contid() {
            for nested in self.nested.keys().copied().collect::<Vec<_>>() {
                self.end(nested, now);
            }
            self.root.handle(Input::Ended, now);
            return;
        }
        self.at_work(namespace, |namespace| {
            namespace.release_waiters();
            fault!(NestedEndMissing => return);
            namespace.handle(Input::Ended, now);
        });
        self.nested.remove(&namespace);
    }
}

//! Nested namespaces whose last member has ended.

use super::directory::{self, Directory};
use super::orders::Order;
use auditns_bpf::{Membership, Observer};
use std::sync::{Arc, Weak};

/// Tells namespaces that nobody is in them any more.
#[derive(Debug)]
pub(super) struct Emptied {
    directory: Arc<Directory>,
    membership: Weak<Membership>,
}

impl Emptied {
    pub(super) fn new(directory: Arc<Directory>, membership: &Arc<Membership>) -> Emptied {
        Emptied { directory, membership: Arc::downgrade(membership) }
    }
}

impl Observer for Emptied {
    /// What has ended while nobody could say so is looked for.
    fn renewed(&self) {
        // First of all: whoever makes one meanwhile has somebody moved before it is there for all.
        let nested = self.directory.all_nested();
        let Some(tagged) = self.membership.upgrade().and_then(|membership| membership.tagged().ok()) else {
            return;
        };
        for entry in nested {
            if !tagged.iter().any(|(namespace, tasks)| *namespace == entry.contid && *tasks > 0) {
                entry.orders.leave(Order::Emptied);
            }
        }
    }

    fn lost(&self, _: &str) {}

    fn emptied(&self, namespace: u64) {
        match self.directory.emptied(namespace) {
            directory::Emptied::Lives(entry) => entry.orders.leave(Order::Emptied),
            directory::Emptied::IsBeingMade | directory::Emptied::IsNotNested => {}
            directory::Emptied::IsGone => {
                let _ = self.membership.upgrade().map(|membership| membership.forget(namespace));
            }
        }
    }
}

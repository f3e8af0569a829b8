//! Doing what the namespace says.

use super::Server;
use super::storage::Line;
use crate::observer::Event;
use crate::time::now;
use auditns_core::{Action, Input};
use auditns_sys::clock;

impl Server<'_> {
    /// Performs all actions, in order, except that records are stored in the host's log ahead of what comes before them, and
    /// in the namespace's own after what follows.
    pub(super) fn perform(&mut self) {
        if self.nest.is_empty() {
            self.storage.store_ahead(self.namespace.waiting_actions());
        } else {
            self.store_ahead_of_all();
        }
        while let Some((namespace, action)) = self.namespace.poll_action() {
            self.perform_one(namespace, action, false);
        }
        if self.later_deadline().is_some_and(|deadline| deadline <= clock::since_boot()) {
            self.write_later();
        }
    }

    /// Performs an action of a namespace. `in_doubt`: a process that was killed may have done so.
    pub(super) fn perform_one(&mut self, namespace: u64, action: Action, in_doubt: bool) {
        match action {
            Action::Store { serial, line, lifetime } => {
                self.observer.observe(&Event::Record(&line));
                let line = Line { serial, text: &line, lifetime, in_doubt };
                let root = self.namespace.root();
                let Some(storage) = self.nest.storage(namespace, root, &mut self.storage) else { return };
                if let Err(errno) = storage.store(line, self.observer) {
                    self.namespace.handle_in(namespace, Input::StoreFailed { serial, errno }, now());
                }
            }
            Action::StoreInside { serial, line } => {
                let root = self.namespace.root();
                if let Some(storage) = self.nest.storage(namespace, root, &mut self.storage) {
                    storage.store_inside(serial, &line, self.observer);
                }
            }
            Action::Reply { endpoint, frame } => self.reply(endpoint, frame),
            Action::Deliver { endpoint, frame } => {
                let outcome = self.deliver(endpoint, &frame);
                self.namespace.handle_in(namespace, Input::Delivered { endpoint, outcome }, now());
            }
            Action::Offer { endpoint, frame } => {
                self.offer(namespace, endpoint, &frame);
            }
            Action::AwaitWritable { endpoint } => {
                if let Some(connection) = self.connections.get_mut(&endpoint) {
                    connection.await_writable();
                    self.update_interest(endpoint);
                }
            }
            Action::Pause { endpoint } => self.set_paused(endpoint, true),
            Action::Resume { endpoint } => self.set_paused(endpoint, false),
            Action::MoveThreadGroup { contid, process } => self.create_nested(namespace, contid, process),
            Action::KeepLogin { task, login } => self.keep_login(task, login),
            Action::LoginuidAnswer { call, result } => self.answer_login_write(call, result),
            Action::Notice(notice) => self.observer.observe(&Event::Notice(&notice)),
            Action::SocketAnswer { call, result } => {
                let Some(call) = self.requested.take().filter(|known| known.id == call) else { return };
                let _ = match result {
                    Ok(()) => self.calls.answer_value(&call, 0),
                    Err(errno) => self.calls.answer_errno(&call, errno.0),
                };
            }
        }
    }

    fn set_paused(&mut self, endpoint: auditns_core::EndpointId, paused: bool) {
        if let Some(connection) = self.connections.get_mut(&endpoint) {
            connection.set_paused(paused);
            self.update_interest(endpoint);
        }
    }
}

//! Doing what the namespace says.

use super::Server;
use crate::observer::Event;
use crate::time::now;
use auditns_core::{Action, Input};

impl Server<'_> {
    /// Performs all actions, in order.
    pub(super) fn perform(&mut self) {
        while let Some(action) = self.namespace.poll_action() {
            match action {
                Action::Store { serial, line } => {
                    self.observer.observe(&Event::Record(&line));
                    if let Err(errno) = self.storage.store(&line, self.observer) {
                        self.namespace.handle(Input::StoreFailed { serial, errno }, now());
                    }
                }
                Action::Reply { endpoint, frame } => self.reply(endpoint, frame),
                Action::Deliver { endpoint, frame } => {
                    let outcome = self.deliver(endpoint, &frame);
                    self.namespace.handle(Input::Delivered { endpoint, outcome }, now());
                }
                Action::Offer { endpoint, frame } => {
                    self.offer(endpoint, &frame);
                }
                Action::AwaitWritable { endpoint } => {
                    if let Some(connection) = self.connections.get_mut(&endpoint) {
                        connection.await_writable();
                        self.update_interest(endpoint);
                    }
                }
                Action::Pause { endpoint } => self.set_paused(endpoint, true),
                Action::Resume { endpoint } => self.set_paused(endpoint, false),
                Action::Notice(notice) => self.observer.observe(&Event::Notice(&notice)),
                Action::SocketAnswer { call, result } => {
                    let _ = match result {
                        Ok(()) => self.listener.answer_value(call, 0),
                        Err(errno) => self.listener.answer_errno(call, errno.0),
                    };
                }
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

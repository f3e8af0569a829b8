//! Having the kernel know which filters are those of the namespace.

use super::Server;
use auditns_sys::Listener;
use std::os::fd::AsFd;

impl Server<'_> {
    /// Where the kernel cannot be asked, members are told by descent. It is tried again when it can.
    pub(super) fn note_listener(&mut self, listener: &Listener, number: u32) {
        // Another one may begin meanwhile, and has to be told as well.
        let renewals = self.membership.renewals();
        let contid = self.namespace.contid();
        if !listener.is_proxied() && self.membership.note_listener(listener.as_fd(), contid).is_ok() {
            self.noted.insert(number, renewals);
        }
    }

    /// The process that is asked has not been told yet.
    pub(crate) fn note_listeners(&mut self) {
        let numbers: Vec<u32> = self.listeners.iter().map(|state| state.number).collect();
        for number in numbers {
            if let Some(listener) = self.calls.listener(number as usize) {
                self.note_listener(&listener, number);
            }
        }
    }

    /// Whether the kernel can be asked by now, and listeners have not been noted.
    pub(crate) fn has_to_note(&self) -> bool {
        let can_be = |number: u32| self.calls.listener(number as usize).is_some_and(|own| !own.is_proxied());
        self.membership.is_exact()
            && self.all_noted() != Some(self.membership.renewals())
            && self.listeners.iter().any(|state| can_be(state.number))
    }

    /// Before it is closed, since another filter may be where this one was.
    pub(super) fn forget_listener(&mut self, listener: &Listener, number: usize) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        if self.noted.remove(&number).is_some() {
            let _ = self.membership.forget_listener(listener.as_fd());
        }
    }

    /// Nothing is known of the namespace any more.
    pub(super) fn forget_membership(&mut self) {
        self.noted.clear();
        let _ = self.membership.forget(self.namespace.contid());
    }

    /// As of which process that is asked all listeners of the namespace are noted; `None` if some are not.
    pub(crate) fn all_noted(&self) -> Option<u32> {
        let mut noted = self.listeners.iter().map(|state| self.noted.get(&state.number).copied());
        let first = noted.next()??;
        noted.all(|other| other == Some(first)).then_some(first)
    }
}

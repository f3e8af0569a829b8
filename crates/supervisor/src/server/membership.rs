//! Having the kernel know which filters are those of the namespace.

use super::Server;
use auditns_bpf::MembershipError;
use auditns_sys::Listener;
use std::os::fd::AsFd;

impl Server<'_> {
    /// Where the kernel cannot be asked, members are told by descent. It is tried again when it can. Returns whether whoever is
    /// asked answers.
    pub(super) fn note_listener(&mut self, listener: &Listener, number: u32) -> bool {
        if listener.is_proxied() {
            return true;
        }
        // Another one may begin meanwhile, and has to be told as well.
        let renewals = self.membership.renewals();
        match self.membership.note_listener(listener.as_fd(), self.namespace.contid()) {
            Ok(()) => {
                self.noted.insert(number, renewals);
                true
            }
            Err(error) => !matches!(error, MembershipError::TimedOut | MembershipError::Unavailable { .. }),
        }
    }

    /// The process that is asked has not been told yet.
    pub(crate) fn note_listeners(&mut self) {
        let numbers: Vec<u32> = self.listeners.iter().map(|state| state.number).collect();
        for number in numbers {
            let listener = self.calls.listener(number as usize);
            // Each would wait as long, with the namespace's lock.
            if listener.is_some_and(|listener| !self.note_listener(&listener, number)) {
                return;
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
        self.noted.remove(&number);
        // What it was not told in time it may have heard later.
        if !listener.is_proxied() {
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

//! Calls of members that wait for answers, and the listeners that they come from.

use super::LISTENERS_MAX;
use super::proxied::Proxied;
use crate::state::CallTable;
use auditns_sys::{InjectError, Listener, Notification, Patience, open_file};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, PoisonError, RwLock};

/// The listeners of one namespace. Every thread that works on a call answers it here.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    listeners: RwLock<Vec<Option<Arc<Listener>>>>,
    /// Where calls are kept that were taken and not answered.
    table: Option<CallTable>,
    /// Calls that a proxy has handed on, each with the listener that it came from.
    proxied: Proxied,
}

/// In place of a listener's number in the origin of calls that a proxy has handed on.
const PROXIED: usize = LISTENERS_MAX;

impl Calls {
    /// Calls are forgotten with the process if there is no table.
    pub(crate) fn new(table: Option<CallTable>) -> Calls {
        Calls { listeners: RwLock::default(), table, proxied: Proxied::default() }
    }

    /// Takes up a call that a proxy has handed on, until it is answered.
    ///
    /// # Errors
    /// As [`Proxied::add`].
    pub(super) fn add_proxied(&self, call: Notification, listener: Listener) -> io::Result<Notification> {
        let number = self.proxied.add(call.id, listener)?;
        Ok(Notification { origin: CallTable::origin(PROXIED, u64::from(number)), ..call })
    }

    /// Whether a proxy has handed a call on.
    pub(super) fn is_proxied(call: &Notification) -> bool {
        Calls::number_of(call) == PROXIED
    }

    /// Takes up a listener under a number, below [`Calls::LISTENERS_MAX`].
    pub(crate) fn add(&self, number: usize, listener: Listener) -> Arc<Listener> {
        let listener = Arc::new(listener);
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if listeners.len() <= number {
            listeners.resize(number + 1, None);
        }
        if let Some(place) = listeners.get_mut(number) {
            *place = Some(Arc::clone(&listener));
        }
        listener
    }

    /// Gives a listener up. Returns whether others are left.
    pub(crate) fn remove(&self, number: usize) -> bool {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = listeners.get_mut(number) {
            *place = None;
        }
        listeners.iter().any(Option::is_some)
    }

    /// The listener of that number.
    pub(crate) fn listener(&self, number: usize) -> Option<Arc<Listener>> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).get(number)?.clone()
    }

    /// Whether a descriptor stands for one of the listeners.
    pub(super) fn has(&self, listener: &Listener) -> bool {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().flatten().any(|own| open_file::is_same(own.as_fd(), listener.as_fd()))
    }

    /// How many listeners there are.
    pub(crate) fn count(&self) -> usize {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter().flatten().count()
    }

    /// Takes the next call of a listener.
    ///
    /// # Errors
    /// As [`Listener::receive`].
    pub(super) fn receive(&self, number: usize) -> io::Result<Option<Notification>> {
        let Some(listener) = self.listener(number) else { return Ok(None) };
        let is_waiting = |call: &Notification| self.is_valid(call);
        if let Some(place) = self.table.as_ref().and_then(|table| table.claim(number, is_waiting)) {
            return place.receive(&listener);
        }
        let received = listener.receive()?;
        Ok(received.map(|call| Notification { origin: CallTable::unkept(number), ..call }))
    }

    /// The calls that a process before this one had taken and not answered.
    pub(crate) fn left_over(&self) -> Vec<Notification> {
        let left = self.table.as_ref().map(CallTable::left_over).unwrap_or_default();
        let (waiting, gone): (Vec<_>, Vec<_>) = left.into_iter().partition(|call| self.is_valid(call));
        for call in gone {
            self.release(&call);
        }
        waiting
    }

    /// As [`Listener::is_valid`].
    pub(super) fn is_valid(&self, call: &Notification) -> bool {
        self.of(call).is_some_and(|listener| listener.is_valid(call.id))
    }

    /// As [`Listener::answer_errno`].
    pub(super) fn answer_errno(&self, call: &Notification, errno: i32) -> io::Result<()> {
        self.answer(call, |listener| listener.answer_errno(call.id, errno))
    }

    /// As [`Listener::answer_continue`].
    pub(super) fn answer_continue(&self, call: &Notification) -> io::Result<()> {
        self.answer(call, |listener| listener.answer_continue(call.id))
    }

    /// As [`Listener::answer_value`].
    pub(super) fn answer_value(&self, call: &Notification, value: i64) -> io::Result<()> {
        self.answer(call, |listener| listener.answer_value(call.id, value))
    }

    /// As [`Listener::inject`].
    pub(super) fn inject(
        &self,
        call: &Notification,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
        patience: Patience,
    ) -> Result<i32, InjectError> {
        let listener = self.of(call).ok_or(InjectError::Gone)?;
        let injected = listener.inject(call.id, fd, close_on_exec, patience);
        self.release_injected(call, &injected);
        injected
    }

    /// As [`Listener::inject_at`].
    pub(super) fn inject_at(
        &self,
        call: &Notification,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
        number: u32,
        patience: Patience,
    ) -> Result<i32, InjectError> {
        let listener = self.of(call).ok_or(InjectError::Gone)?;
        let injected = listener.inject_at(call.id, fd, close_on_exec, number, patience);
        self.release_injected(call, &injected);
        injected
    }

    fn release_injected(&self, call: &Notification, injected: &Result<i32, InjectError>) {
        if matches!(injected, Ok(_) | Err(InjectError::Gone)) {
            self.release(call);
        }
    }

    fn answer(
        &self,
        call: &Notification,
        answer: impl FnOnce(&Listener) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(listener) = self.of(call) else { return Err(io::ErrorKind::NotFound.into()) };
        let answered = answer(&listener);
        // One that could not be answered waits no longer.
        self.release(call);
        answered
    }

    fn release(&self, call: &Notification) {
        if Calls::is_proxied(call) {
            self.proxied.remove(CallTable::place_of(call));
            return;
        }
        if let Some(table) = &self.table {
            table.release(call);
        }
    }

    /// The number of the listener that a call came from.
    pub(super) fn number_of(call: &Notification) -> usize {
        CallTable::listener_of(call)
    }

    fn of(&self, call: &Notification) -> Option<Arc<Listener>> {
        if Calls::is_proxied(call) {
            return self.proxied.get(CallTable::place_of(call));
        }
        self.listener(Calls::number_of(call))
    }
}

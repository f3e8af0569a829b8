//! Who makes sockets before they are needed, and gives up those that are closed.

use super::{CLOSED_MAX, Sockets, Stock};
use auditns_sys::placement;
use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long sockets that are closed are kept at most.
const CLOSED_FOR: Duration = Duration::from_secs(1);
/// When it is tried again to make some.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Needs next to nothing; the process that makes sockets has a stack of its own.
const STACK: usize = 128 * 1024;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    Make,
    GiveUp,
    /// Nothing before then, or before something changes.
    Wait(Option<Instant>),
}

/// Somebody attends to it.
#[derive(Debug)]
pub(crate) struct Attendance(Arc<Sockets>);

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.lock().attended = false;
        self.0.changed.notify_one();
    }
}

impl Sockets {
    /// Starts a thread that attends to it as long as the value lives.
    ///
    /// # Errors
    /// `EAGAIN`, `ENOMEM`: there can be no thread. Sockets are made in members' calls then.
    pub(crate) fn attend(self: &Arc<Sockets>) -> io::Result<Attendance> {
        let sockets = Arc::clone(self);
        let mut stock = self.lock();
        let thread = thread::Builder::new().name("sockets".to_owned()).stack_size(STACK);
        thread.spawn(move || sockets.work())?;
        stock.attended = true;
        drop(stock);
        Ok(Attendance(Arc::clone(self)))
    }

    fn work(&self) {
        // How much there is to do is up to members.
        placement::give_up_boost();
        let mut not_before = None;
        let mut stock = self.lock();
        while stock.attended {
            match stock.task(self.advance, not_before, Instant::now()) {
                Task::Make => {
                    drop(stock);
                    not_before = self.make_more().is_err().then(|| Instant::now() + AFTER_FAILURE);
                    stock = self.lock();
                }
                Task::GiveUp => {
                    let closed = std::mem::take(&mut stock.closed);
                    stock.closed_since = None;
                    drop(stock);
                    self.forget(&closed);
                    stock = self.lock();
                }
                Task::Wait(until) => stock = self.wait(stock, until),
            }
        }
    }

    fn wait<'s>(&'s self, stock: MutexGuard<'s, Stock>, until: Option<Instant>) -> MutexGuard<'s, Stock> {
        let Some(until) = until else {
            return self.changed.wait(stock).unwrap_or_else(PoisonError::into_inner);
        };
        let rest = until.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(stock, rest).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Stock {
    /// What is to be done now; sockets are made no earlier than `not_before`.
    pub(super) fn task(&self, advance: usize, not_before: Option<Instant>, now: Instant) -> Task {
        let is_short = self.ready.len() < advance;
        if is_short && not_before.is_none_or(|time| time <= now) {
            return Task::Make;
        }
        let give_up = self.closed_since.map(|since| since + CLOSED_FOR);
        if self.closed.len() >= CLOSED_MAX || give_up.is_some_and(|time| time <= now) {
            return Task::GiveUp;
        }
        Task::Wait(give_up.into_iter().chain(not_before.filter(|_| is_short)).min())
    }
}

//! How a thread waits for events.

use super::crowd::Expected;
use super::expecting::Expecting;
use crate::server::EVENTS;
use auditns_sys::{clock, stack};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// A thread to which nothing has happened for so long gives back what its stack does not need: most threads mostly wait.
const QUIET: Duration = Duration::from_secs(1);

/// A set of descriptors, and until when is waited for them.
pub(super) struct Waiting {
    epoll: Arc<OwnedFd>,
    events: Vec<Event>,
    /// On the clock of the time since boot.
    due: Option<Duration>,
    expecting: Expecting,
    gave_back: bool,
}

impl Waiting {
    pub(super) fn new(epoll: Arc<OwnedFd>) -> Waiting {
        // What is due is seen at the first turn.
        let due = Some(Duration::ZERO);
        let events = Vec::with_capacity(EVENTS);
        Waiting { epoll, events, due, expecting: Expecting::default(), gave_back: false }
    }

    /// Something is due then, and that will soon come.
    pub(super) fn until(&mut self, due: Option<Duration>, expected: Expected) {
        self.due = due;
        self.expecting.set(expected);
    }

    /// The next turn sees what is due.
    pub(super) fn look_again(&mut self) {
        self.due = Some(Duration::ZERO);
    }

    /// Waits until there are events, something is due, or `longest` has passed.
    ///
    /// # Errors
    /// Those of `epoll_wait(2)`.
    pub(super) fn wait(&mut self, longest: Option<Duration>) -> io::Result<&[Event]> {
        let Waiting { epoll, events, expecting, .. } = self;
        if !expecting.look(|| look(epoll, events, Some(Duration::ZERO)))? {
            let now = clock::since_boot();
            let until = [self.due, longest.map(|longest| now + longest)].into_iter().flatten().min();
            if self.gave_back || until.is_some_and(|until| until <= now + QUIET) {
                self.gave_back &= !self.look_until(until)?;
            } else if !self.look_until(Some(now + QUIET))? {
                stack::give_back();
                self.gave_back = !self.look_until(until)?;
            }
        }
        Ok(&self.events)
    }

    fn look_until(&mut self, until: Option<Duration>) -> io::Result<bool> {
        let timeout = until.map(|until| until.saturating_sub(clock::since_boot()));
        look(&self.epoll, &mut self.events, timeout)
    }
}

/// Returns whether there are events.
fn look(epoll: &OwnedFd, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<bool> {
    events.clear();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match epoll::wait(epoll, spare_capacity(events), timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(!events.is_empty()),
        Err(error) => Err(io::Error::from(error)),
    }
}

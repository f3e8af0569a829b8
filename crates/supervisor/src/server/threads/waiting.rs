//! How a thread waits for events.

use super::alarm::{ALARM_TOKEN, Alarm};
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

/// What is due so soon is mostly due at the same time when the next wait begins.
const SOON: Duration = Duration::from_millis(500);

/// A set of descriptors, and until when is waited for them.
pub(super) struct Waiting {
    epoll: Arc<OwnedFd>,
    events: Vec<Event>,
    /// On the clock of the time since boot.
    due: Option<Duration>,
    expecting: Expecting,
    /// Where something was due soon.
    alarm: Option<Alarm>,
    gave_back: bool,
}

impl Waiting {
    pub(super) fn new(epoll: Arc<OwnedFd>) -> Waiting {
        // What is due is seen at the first turn.
        let due = Some(Duration::ZERO);
        let events = Vec::with_capacity(EVENTS);
        Waiting { epoll, events, due, expecting: Expecting::default(), alarm: None, gave_back: false }
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
                self.alarm = None;
                self.gave_back = !self.look_until(until)?;
            }
        }
        Ok(&self.events)
    }

    /// Returns whether there are events. It may return without any before that time.
    fn look_until(&mut self, until: Option<Duration>) -> io::Result<bool> {
        let now = clock::since_boot();
        let mut timeout = until.map(|until| until.saturating_sub(now));
        if let (Some(until), Some(rest)) = (until, timeout)
            && !rest.is_zero()
            && rest < SOON
            && self.set_alarm(until, now).is_ok()
        {
            timeout = None;
        }
        look(&self.epoll, &mut self.events, timeout)
    }

    fn set_alarm(&mut self, until: Duration, now: Duration) -> io::Result<()> {
        let alarm = match &mut self.alarm {
            Some(alarm) => alarm,
            none => none.insert(Alarm::new(&self.epoll)?),
        };
        alarm.set(until, now)
    }
}

/// Returns whether there are events.
fn look(epoll: &OwnedFd, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<bool> {
    events.clear();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match epoll::wait(epoll, spare_capacity(events), timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {
            events.retain(|event| event.data.u64() != ALARM_TOKEN);
            Ok(!events.is_empty())
        }
        Err(error) => Err(io::Error::from(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::epoll::{EventData, EventFlags};
    use rustix::event::{EventfdFlags, eventfd};

    const MOMENT: Duration = Duration::from_millis(20);

    fn waiting() -> (Waiting, OwnedFd) {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let bell = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        epoll::add(&epoll, &bell, EventData::new_u64(1), EventFlags::IN).unwrap();
        let mut waiting = Waiting::new(Arc::new(epoll));
        waiting.due = None;
        (waiting, bell)
    }

    /// Waits as a thread does whose turn finds nothing to do. Returns whether there was an event.
    fn wait_until(waiting: &mut Waiting, due: Duration) -> bool {
        while clock::since_boot() < due {
            waiting.until(Some(due), Expected::default());
            if !waiting.wait(None).unwrap().is_empty() {
                return true;
            }
        }
        false
    }

    #[test]
    fn a_wait_ends_when_something_is_due_however_often_it_begins_again() {
        let (mut waiting, _bell) = waiting();
        for _ in 0..5 {
            let due = clock::since_boot() + MOMENT;
            assert!(!wait_until(&mut waiting, due));
            assert!(clock::since_boot() < due + Duration::from_secs(20));
        }
        // On a busy machine not each time.
        let in_time = (0..20).any(|_| {
            let due = clock::since_boot() + MOMENT;
            waiting.until(Some(due + 10 * MOMENT), Expected::default());
            waiting.set_alarm(due + 10 * MOMENT, clock::since_boot()).unwrap();
            assert!(!wait_until(&mut waiting, due));
            clock::since_boot() < due + 9 * MOMENT
        });
        assert!(in_time, "what is due sooner counts");
    }

    #[test]
    fn events_end_a_wait_before_and_the_alarm_is_none_of_them() {
        let (mut waiting, bell) = waiting();
        rustix::io::write(&bell, &1_u64.to_ne_bytes()).unwrap();
        assert!(wait_until(&mut waiting, clock::since_boot() + MOMENT));
        let tokens: Vec<u64> = waiting.events.iter().map(|event| event.data.u64()).collect();
        assert_eq!(tokens, [1]);
        rustix::io::read(&bell, &mut [0; 8]).unwrap();
        assert!(!wait_until(&mut waiting, clock::since_boot() + 2 * MOMENT));
        assert!(waiting.events.is_empty());
    }
}

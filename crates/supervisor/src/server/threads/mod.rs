//! The threads that serve a namespace, and the lock that they share.
//!
//! The main thread takes calls off listeners, does what the host orders, and serves clients as long as one at a time is busy;
//! it goes to the processor of whoever sends. When several are busy, the processor of each gets a worker: a thread that stays
//! there and serves the clients that run there, so that neither has to wake the other's processor.
//!
//! All that changes the namespace is done under one lock, so that the journal is one sequence, and the order on the wire is
//! that of the journal. Taking calls off listeners is done without it: that can make the kernel wait.

mod alarm;
mod course;
mod crowd;
mod expecting;
mod places;
mod sharing;
mod stay;
mod trial;
mod waiting;
mod watchers;
mod worker;

pub(super) use course::Course;
use crowd::Expected;
pub(super) use crowd::{Busy, Crowd};
use sharing::Place;
pub(super) use sharing::Sharing;
pub(super) use watchers::{Watcher, Watchers};

use super::answers::{Gathered, Returned};
use super::{ASIDE_TOKEN, FOREIGN_TOKENS, LISTENER_TOKENS, NOTIFICATIONS_PER_TURN, Server};
use crate::server::calls::Calls;
use rustix::event::epoll::{Event, EventFlags};
use stay::Stay;
use std::hint::spin_loop;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::Duration;
use waiting::Waiting;
use watchers::Start;

/// How often the lock is tried before the kernel is asked to wait for it. Who holds it handles a few messages, which takes
/// less time than being put to sleep and woken.
const TRIES: u32 = 2000;

/// What is waited after a failure of the kernel's, before the next attempt.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Event data of what the main thread is woken with to see what is due. Workers end with it.
const WAKE_TOKEN: u64 = 14;

/// What a turn of the main thread came to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Descriptors of the caller that are ready, by token.
    pub(crate) ready: Vec<u64>,
    /// The last member is gone.
    pub(crate) ended: bool,
}

/// A namespace as its threads share it.
pub(crate) struct Serving<'o> {
    server: Mutex<Server<'o>>,
    calls: Arc<Calls>,
}

/// The main thread of a namespace.
pub(crate) struct MainThread<'scope, 'env, 'o> {
    serving: &'scope Serving<'o>,
    scope: &'scope Scope<'scope, 'env>,
    waiting: Waiting,
    /// What the last turn has sent, and nobody has taken back.
    returned: Returned,
    stay: Stay,
}

/// What a turn leaves to be done without the lock.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// When something is due, on the clock of the time since boot.
    due: Option<Duration>,
    /// What will soon come.
    expected: Expected,
    /// Where the main thread is to run.
    place: Place,
    /// Workers that are to be started.
    start: Vec<Start>,
    /// Answers to be sent.
    answers: Gathered,
}

impl<'o> Serving<'o> {
    pub(crate) fn new(server: Server<'o>) -> Serving<'o> {
        let calls = Arc::clone(&server.calls);
        Serving { server: Mutex::new(server), calls }
    }

    /// Runs the main thread: the calling one. Workers have ended when this returns.
    pub(crate) fn run<R>(&self, main: impl FnOnce(&mut MainThread<'_, '_, 'o>) -> R) -> R {
        thread::scope(|scope| {
            let server = self.lock();
            let (epoll, placement) = (Arc::clone(server.watchers.main()), server.watchers.placement());
            drop(server);
            let mut thread = MainThread {
                serving: self,
                scope,
                waiting: Waiting::new(epoll),
                returned: Returned::default(),
                stay: Stay::new(placement),
            };
            let result = main(&mut thread);
            self.lock().end_workers();
            result
        })
    }

    /// The server, for one thread at a time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Server<'o>> {
        for _ in 0..TRIES {
            if let Ok(server) = self.server.try_lock() {
                return server;
            }
            spin_loop();
        }
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a turn has left to be done without the lock. Returns what is to be taken back when the lock is taken again.
    fn leave_turn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        mut rest: Rest,
        waiting: &mut Waiting,
    ) -> Returned {
        let mut returned = rest.send();
        if returned.is_urgent() {
            self.lock().take_back(std::mem::take(&mut returned));
        }
        waiting.until(rest.due, rest.expected);
        self.start_workers(scope, rest.start);
        returned
    }

    fn start_workers<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, start: Vec<Start>) {
        for start in start {
            let processor = start.processor;
            if worker::start(self, scope, start).is_err() {
                self.lock().do_without_worker(processor);
            }
        }
    }
}

impl<'o> MainThread<'_, '_, 'o> {
    /// The server, for one thread at a time.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Server<'o>> {
        self.serving.lock()
    }

    /// Waits for events, at most `longest`, and handles them.
    ///
    /// # Errors
    /// Those of `epoll_wait(2)` and of taking calls off listeners.
    pub(crate) fn turn(&mut self, longest: Option<Duration>) -> io::Result<Turn> {
        let events = self.waiting.wait(longest)?;
        let mut turn = Turn::default();
        turn.ready.extend(events.iter().map(|event| event.data.u64()).filter(|token| *token < WAKE_TOKEN));
        let mut server = self.serving.lock();
        server.begin_turn(std::mem::take(&mut self.returned));
        server.endpoints_ready(events);
        if events.iter().any(|event| event.data.u64() == ASIDE_TOKEN) {
            server.aside_ready();
        }
        if events.iter().any(|event| event.data.u64() == WAKE_TOKEN) {
            server.watchers.acknowledge();
        }
        let rest = server.end_turn();
        drop(server);
        let calls = events.iter().map(|event| (event.data.u64(), event.flags));
        let calls: Vec<_> = calls.filter(|(token, _)| *token >= LISTENER_TOKENS).collect();
        // A call finds the answers to what was sent before it on sockets that this thread watches.
        self.leave_turn(rest);
        for (token, flags) in calls {
            let ended = self.serving.listener_ready(token - LISTENER_TOKENS, flags);
            let rest = self.lock().end_turn();
            self.leave_turn(rest);
            turn.ended |= ended?;
        }
        Ok(turn)
    }

    /// Something was done outside of a turn: the next one sees what is due.
    pub(crate) fn look_again(&mut self) {
        self.waiting.look_again();
    }

    fn leave_turn(&mut self, rest: Rest) {
        let place = rest.place;
        let sent = self.serving.leave_turn(self.scope, rest, &mut self.waiting);
        self.returned.append(sent);
        self.stay.go(place);
    }

    /// Ends the workers and handles what members left behind.
    pub(crate) fn finish(&mut self) {
        let mut server = self.serving.lock();
        server.take_back(std::mem::take(&mut self.returned));
        server.end_workers();
        server.finish();
    }
}

impl Serving<'_> {
    /// Returns whether the last member is gone.
    fn listener_ready(&self, number: u64, flags: EventFlags) -> io::Result<bool> {
        let Ok(number) = usize::try_from(number) else { return Ok(false) };
        if flags.contains(EventFlags::IN) {
            for _ in 0..NOTIFICATIONS_PER_TURN {
                let Some(call) = self.calls.receive(number)? else { break };
                let mut server = self.lock();
                server.answer(&call);
                server.perform();
            }
        }
        let Some(listener) = self.calls.listener(number) else { return Ok(false) };
        let may_be_over = flags.contains(EventFlags::HUP) || listener.is_proxied();
        if !may_be_over || !listener.is_hung_up()? {
            return Ok(false);
        }
        Ok(self.lock().lose_listener(number, &listener))
    }
}

impl Server<'_> {
    /// Handles events of endpoints; leaves others alone.
    fn endpoints_ready(&mut self, events: &[Event]) {
        let endpoints = FOREIGN_TOKENS..LISTENER_TOKENS;
        for event in events.iter().filter(|event| endpoints.contains(&event.data.u64())) {
            self.endpoint_event(event, events.len() == 1);
        }
        self.perform();
    }

    /// From now on answers are gathered.
    fn begin_turn(&mut self, returned: Returned) {
        self.take_back(returned);
        self.answers.gather();
    }

    /// Does what is due and says what is left.
    fn end_turn(&mut self) -> Rest {
        self.perform();
        if self.parked.rest().is_some() {
            // What they wait for is perhaps among it.
            let returned = self.answers.take().send();
            self.take_back(returned);
        }
        self.serve_parked();
        self.hand_out_tokens();
        self.tick();
        self.end_emptied();
        self.save_if_long();
        Rest {
            due: self.due(),
            expected: self.crowd.expected(),
            place: self.sharing.place(),
            start: self.watchers.take_start(),
            answers: self.answers.take(),
        }
    }
}

impl Rest {
    /// Sends the answers.
    fn send(&mut self) -> Returned {
        std::mem::take(&mut self.answers).send()
    }
}

#[cfg(test)]
pub(super) use tests::turn_once;

#[cfg(test)]
mod tests;

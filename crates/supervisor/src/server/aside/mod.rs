//! Work that may take as long as a member likes, in threads that nobody waits for.
//!
//! Looking a path up asks the file systems on the way, and reading a member's memory may need a page of one; a member can
//! serve such a file system itself (FUSE) and never answer. Then a thread here waits, and nothing else.

mod pool;

use crate::identity::path_answers;
use auditns_core::rules::{PathAnswers, PathQuestion};
use auditns_core::{Answers, EndpointId, Sender};
use auditns_sys::Notification;
use auditns_wire::Errno;
use pool::Pool;
use rustix::event::{EventfdFlags, eventfd};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::time::{Duration, Instant};

/// Most datagrams whose paths are looked up at a time. Beyond, all paths of a datagram get `ENOMEM`.
const LOOKUPS: usize = 16;
/// Most calls worked on at a time. Beyond, they wait, and with them their callers.
const CALLS: usize = 64;

/// A datagram that waits for its paths.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) endpoint: EndpointId,
    pub(super) sender: Sender,
    pub(super) bytes: Vec<u8>,
    pub(super) answers: Answers,
}

/// What came of something; `W` of work on a call.
#[derive(Debug)]
pub(super) enum Done<W> {
    /// The answers are complete.
    LookedUp(Box<Waiting>),
    /// Work on a call is done, and the call is not yet answered.
    Worked(W),
    /// There is no thread to work on a call.
    NoThread(Notification),
}

enum Result<W> {
    Paths(EndpointId, PathAnswers),
    Call(Option<Done<W>>),
}

/// Some work on a call.
struct CallWork<W> {
    notification: Notification,
    run: Box<dyn FnOnce() -> Option<W> + Send>,
}

/// The threads, and what they have done.
pub(super) struct Aside<W> {
    pool: Pool,
    results: Receiver<Result<W>>,
    channel: Channel<Result<W>>,
    /// Readable when something is done.
    ready: Arc<OwnedFd>,
    waiting: BTreeMap<EndpointId, Waiting>,
    calls: usize,
    later: VecDeque<CallWork<W>>,
    look_up: fn(u32, &[PathQuestion]) -> PathAnswers,
}

impl<W: Send + 'static> Aside<W> {
    /// Nothing runs yet.
    ///
    /// # Errors
    /// Those of `eventfd(2)`.
    pub(super) fn new() -> io::Result<Aside<W>> {
        let (channel, results) = channel();
        let ready = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok(Aside {
            pool: Pool::default(),
            results,
            channel,
            ready,
            waiting: BTreeMap::new(),
            calls: 0,
            later: VecDeque::new(),
            look_up: path_answers,
        })
    }

    /// Looks paths up and adds them to the answers. There is at most one datagram of an endpoint. Returns it, with
    /// `ENOMEM` for each path, where the look-up cannot be done now.
    pub(super) fn look_up(&mut self, mut waiting: Waiting, questions: Vec<PathQuestion>) -> Option<Waiting> {
        let refused = questions.iter().map(|question| (question.clone(), Err(Errno::ENOMEM))).collect();
        let (endpoint, pid, look_up) = (waiting.endpoint, waiting.sender.process.pid, self.look_up);
        let started = self.waiting.len() < LOOKUPS
            && self.start(move || Result::Paths(endpoint, look_up(pid, &questions)));
        if started {
            self.waiting.insert(endpoint, waiting);
            None
        } else {
            waiting.answers.paths = refused;
            Some(waiting)
        }
    }

    /// Works on a call whose caller's memory or executable has to be looked at. What the work returns comes out of
    /// [`Aside::next`].
    pub(super) fn work_on_call(
        &mut self,
        notification: Notification,
        run: impl FnOnce() -> Option<W> + Send + 'static,
    ) {
        self.later.push_back(CallWork { notification, run: Box::new(run) });
        self.start_calls();
    }

    fn start_calls(&mut self) {
        while self.calls < CALLS
            && let Some(work) = self.later.pop_front()
        {
            self.calls += 1;
            let notification = work.notification;
            if !self.start(move || Result::Call((work.run)().map(Done::Worked))) {
                tell(&self.channel, &self.ready, Result::Call(Some(Done::NoThread(notification))));
            }
        }
    }

    /// The next thing that is done.
    pub(super) fn next(&mut self) -> Option<Done<W>> {
        loop {
            let result = self.results.try_recv().ok()?;
            if let Some(done) = self.take(result) {
                return Some(done);
            }
        }
    }

    /// As [`Aside::next`], waiting until `until` as long as a datagram waits for its paths.
    pub(super) fn next_until(&mut self, until: Instant) -> Option<Done<W>> {
        while !self.waiting.is_empty() {
            let result = self.results.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
            if let Some(done) = self.take(result) {
                return Some(done);
            }
        }
        None
    }

    fn take(&mut self, result: Result<W>) -> Option<Done<W>> {
        match result {
            Result::Paths(endpoint, paths) => {
                let mut waiting = self.waiting.remove(&endpoint)?;
                waiting.answers.paths = paths;
                Some(Done::LookedUp(Box::new(waiting)))
            }
            Result::Call(done) => {
                self.calls -= 1;
                self.start_calls();
                done
            }
        }
    }

    /// To be called when the descriptor is readable, before [`Aside::next`].
    pub(super) fn acknowledge(&self) {
        let _ = rustix::io::read(&self.ready, &mut [0; 8]);
    }

    fn start(&self, work: impl FnOnce() -> Result<W> + Send + 'static) -> bool {
        let (channel, ready) = (self.channel.clone(), Arc::clone(&self.ready));
        self.pool.start(move || tell(&channel, &ready, work()))
    }
}

fn tell<W>(channel: &Channel<Result<W>>, ready: &OwnedFd, result: Result<W>) {
    if channel.send(result).is_ok() {
        // It can fail only where it is readable already.
        let _ = rustix::io::write(ready, &1_u64.to_ne_bytes());
    }
}

impl<W> AsFd for Aside<W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// How long the end of a namespace waits for paths.
pub(super) const LAST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

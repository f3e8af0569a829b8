//! Work that may take as long as a member likes, in threads that nobody waits for.
//!
//! Looking a path up asks the file systems on the way, and reading a member's memory may need a page of one; a member can
//! serve such a file system itself (FUSE) and never answer. Then a thread here waits, and nothing else.

mod pool;

use crate::identity::path_answers;
use crate::state::LookingUp;
use auditns_core::EndpointId;
use auditns_core::rules::{PathAnswers, PathQuestion};
use auditns_sys::Notification;
use auditns_wire::Errno;
use pool::Pool;
use rustix::event::{EventfdFlags, eventfd};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::time::{Duration, Instant};

/// Most datagrams whose paths are looked up at a time. Beyond, all paths of a datagram get `ENOMEM`.
const LOOKUPS: usize = 16;
/// Most calls worked on at a time. Beyond, they wait, and with them their callers.
pub(super) const CALLS: usize = 64;
/// Descriptors that work on a call opens at most: the caller's memory, its pidfd, a copy of its socket.
pub(super) const DESCRIPTORS_PER_CALL: usize = 3;
/// Waiting work is gone through for callers that are gone whenever it has doubled, from this number on.
const LATER: usize = 128;

/// For whom work on a call is done. One user's calls, which may take any time, leave threads for those of others, and all
/// users' leave some for those with privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OnBehalf {
    /// The caller's effective user id: a program with more rights than its user is not held up by that user's calls.
    pub(super) uid: u32,
    /// It is root, of the host or inside.
    pub(super) privileged: bool,
}

/// What came of something; `W` of work on a call.
#[derive(Debug)]
pub(super) enum Done<W> {
    /// The answers are complete.
    LookedUp(Box<LookingUp>),
    /// Work on a call is done, and the call is not yet answered.
    Worked(W),
    /// There is no thread to work on a call.
    NoThread(Notification),
}

enum Finished<W> {
    Paths(EndpointId, PathAnswers),
    Call(OnBehalf, Option<Done<W>>),
}

/// Some work on a call.
struct CallWork<W> {
    notification: Notification,
    on_behalf: OnBehalf,
    run: Box<dyn FnOnce() -> Option<W> + Send>,
}

/// The threads, and what they have done.
pub(super) struct Aside<W> {
    pool: Pool,
    results: Receiver<Finished<W>>,
    channel: Channel<Finished<W>>,
    /// Readable when something is done.
    ready: Arc<OwnedFd>,
    waiting: BTreeMap<EndpointId, LookingUp>,
    /// Most calls worked on at a time.
    calls_max: usize,
    /// Calls worked on, and by user.
    running: usize,
    calls: BTreeMap<u32, usize>,
    unprivileged_calls: usize,
    /// Work that waits, by user.
    later: BTreeMap<u32, VecDeque<CallWork<W>>>,
    /// The user whose work was started last.
    served_last: u32,
    /// How much waits.
    waiting_calls: usize,
    /// When waiting work is gone through next.
    prune_at: usize,
    is_waiting: Box<dyn Fn(&Notification) -> bool + Send>,
    look_up: fn(u32, &[PathQuestion]) -> PathAnswers,
}

impl<W: Send + 'static> Aside<W> {
    /// Nothing runs yet. `calls_max` is 4 to [`CALLS`]; `is_waiting` tells whether a caller still waits.
    ///
    /// # Errors
    /// Those of `eventfd(2)`.
    pub(super) fn new(
        calls_max: usize,
        is_waiting: impl Fn(&Notification) -> bool + Send + 'static,
    ) -> io::Result<Aside<W>> {
        let (channel, results) = channel();
        let ready = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok(Aside {
            pool: Pool::new(),
            results,
            channel,
            ready,
            waiting: BTreeMap::new(),
            calls_max,
            running: 0,
            calls: BTreeMap::new(),
            unprivileged_calls: 0,
            later: BTreeMap::new(),
            served_last: 0,
            waiting_calls: 0,
            prune_at: LATER,
            is_waiting: Box::new(is_waiting),
            look_up: path_answers,
        })
    }

    /// Looks paths up and adds them to the answers. There is at most one datagram of an endpoint. Returns it, with
    /// `ENOMEM` for each path, where the look-up cannot be done now.
    pub(super) fn look_up(
        &mut self,
        mut waiting: LookingUp,
        questions: Vec<PathQuestion>,
    ) -> Option<LookingUp> {
        let refused = questions.iter().map(|question| (question.clone(), Err(Errno::ENOMEM))).collect();
        let (endpoint, pid, look_up) = (waiting.endpoint, waiting.sender.process.pid, self.look_up);
        let started = self.waiting.len() < LOOKUPS
            && self.start(move || Finished::Paths(endpoint, look_up(pid, &questions)));
        if started {
            self.waiting.insert(endpoint, waiting);
            None
        } else {
            waiting.answers.paths = refused;
            Some(waiting)
        }
    }

    /// The datagrams whose paths are being looked up.
    pub(super) fn looked_up(&self) -> impl Iterator<Item = &LookingUp> {
        self.waiting.values()
    }

    /// Works on a call whose caller's memory or executable has to be looked at. What the work returns comes out of
    /// [`Aside::next`].
    pub(super) fn work_on_call(
        &mut self,
        notification: Notification,
        on_behalf: OnBehalf,
        run: impl FnOnce() -> Option<W> + Send + 'static,
    ) {
        let work = CallWork { notification, on_behalf, run: Box::new(run) };
        self.later.entry(on_behalf.uid).or_default().push_back(work);
        self.waiting_calls += 1;
        if self.waiting_calls >= self.prune_at {
            self.later.retain(|_, queue| {
                queue.retain(|work| (self.is_waiting)(&work.notification));
                !queue.is_empty()
            });
            self.waiting_calls = self.later.values().map(VecDeque::len).sum();
            self.prune_at = LATER.max(2 * self.waiting_calls);
        }
        self.start_calls();
    }

    fn start_calls(&mut self) {
        while let Some(CallWork { notification, on_behalf, run }) = self.next_to_start() {
            self.running += 1;
            *self.calls.entry(on_behalf.uid).or_default() += 1;
            self.unprivileged_calls += usize::from(!on_behalf.privileged);
            if !self.start(move || Finished::Call(on_behalf, run().map(Done::Worked))) {
                let none = Finished::Call(on_behalf, Some(Done::NoThread(notification)));
                tell(&self.channel, &self.ready, none);
            }
        }
    }

    fn next_to_start(&mut self) -> Option<CallWork<W>> {
        let startable =
            |queue: &VecDeque<CallWork<W>>| queue.front().is_some_and(|work| self.may_start(work.on_behalf));
        // One user after the other.
        let (served, next) = (..=self.served_last, (Bound::Excluded(self.served_last), Bound::Unbounded));
        let queues = self.later.range(next).chain(self.later.range(served));
        let uid = queues.filter(|(_, queue)| startable(queue)).map(|(uid, _)| *uid).next()?;
        self.served_last = uid;
        let queue = self.later.get_mut(&uid)?;
        let work = queue.pop_front();
        if queue.is_empty() {
            self.later.remove(&uid);
        }
        self.waiting_calls -= usize::from(work.is_some());
        work
    }

    fn may_start(&self, on_behalf: OnBehalf) -> bool {
        let own = self.calls.get(&on_behalf.uid).copied().unwrap_or(0);
        let quarter = self.calls_max / 4;
        self.running < self.calls_max
            && own < quarter
            && (on_behalf.privileged || self.unprivileged_calls < self.calls_max - quarter)
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

    /// As [`Aside::next`], waiting until `until` as long as there is something to come.
    pub(super) fn next_until(&mut self, until: Instant) -> Option<Done<W>> {
        while !self.waiting.is_empty() || self.running != 0 {
            let result = self.results.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
            if let Some(done) = self.take(result) {
                return Some(done);
            }
        }
        None
    }

    fn take(&mut self, result: Finished<W>) -> Option<Done<W>> {
        match result {
            Finished::Paths(endpoint, paths) => {
                let mut waiting = self.waiting.remove(&endpoint)?;
                waiting.answers.paths = paths;
                Some(Done::LookedUp(Box::new(waiting)))
            }
            Finished::Call(on_behalf, done) => {
                self.running -= 1;
                if let Some(count) = self.calls.get_mut(&on_behalf.uid) {
                    *count -= 1;
                    if *count == 0 {
                        self.calls.remove(&on_behalf.uid);
                    }
                }
                self.unprivileged_calls -= usize::from(!on_behalf.privileged);
                self.start_calls();
                done
            }
        }
    }

    /// To be called when the descriptor is readable, before [`Aside::next`].
    pub(super) fn acknowledge(&self) {
        let _ = rustix::io::read(&self.ready, &mut [0; 8]);
    }

    fn start(&self, work: impl FnOnce() -> Finished<W> + Send + 'static) -> bool {
        let (channel, ready) = (self.channel.clone(), Arc::clone(&self.ready));
        self.pool.start(move || tell(&channel, &ready, work()))
    }
}

fn tell<W>(channel: &Channel<Finished<W>>, ready: &OwnedFd, result: Finished<W>) {
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

/// How long the end of a namespace waits for what is done aside.
pub(super) const LAST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

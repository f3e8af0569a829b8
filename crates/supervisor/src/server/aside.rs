//! Work that may take as long as a member likes, in threads that nobody waits for.
//!
//! Looking a path up asks the file systems on the way, and reading a member's memory may need a page of one; a member can
//! serve such a file system itself (FUSE) and never answer. Then a thread here waits, and nothing else.

use crate::identity::path_answers;
use auditns_core::rules::{PathAnswers, PathQuestion};
use auditns_core::{Answers, EndpointId, Sender};
use auditns_sys::{Call, Notification, call};
use auditns_wire::Errno;
use rustix::event::{EventfdFlags, eventfd};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Most datagrams whose paths are looked up at a time. Beyond, all paths of a datagram get `ENOMEM`.
const LOOKUPS: usize = 16;
/// Most calls decoded at a time. Beyond, they wait, and with them their callers.
const DECODES: usize = 64;
/// The threads use no more than a few kilobytes.
const STACK: usize = 128 * 1024;

/// A datagram that waits for its paths.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) endpoint: EndpointId,
    pub(super) sender: Sender,
    pub(super) bytes: Vec<u8>,
    pub(super) answers: Answers,
}

/// What came of something.
#[derive(Debug)]
pub(super) enum Done {
    /// The answers are complete.
    LookedUp(Box<Waiting>),
    /// A call was decoded.
    Decoded {
        /// The call's notification.
        notification: Notification,
        /// The call; as [`call::classify`].
        call: io::Result<Call>,
    },
}

enum Result {
    Paths(EndpointId, PathAnswers),
    Call(Notification, io::Result<Call>),
}

/// The threads, and what they have done.
#[derive(Debug)]
pub(super) struct Aside {
    results: Receiver<Result>,
    channel: Channel<Result>,
    /// Readable when something is done.
    ready: Arc<OwnedFd>,
    waiting: BTreeMap<EndpointId, Waiting>,
    decodes: usize,
    undecoded: VecDeque<Notification>,
    decode: fn(&Notification) -> io::Result<Call>,
    look_up: fn(u32, &[PathQuestion]) -> PathAnswers,
}

impl Aside {
    /// Nothing runs yet.
    ///
    /// # Errors
    /// Those of `eventfd(2)`.
    pub(super) fn new() -> io::Result<Aside> {
        let (channel, results) = channel();
        let ready = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok(Aside {
            results,
            channel,
            ready,
            waiting: BTreeMap::new(),
            decodes: 0,
            undecoded: VecDeque::new(),
            decode: call::classify,
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

    /// Decodes a call whose operands stand in its caller's memory.
    pub(super) fn decode(&mut self, notification: Notification) {
        self.undecoded.push_back(notification);
        self.decode_next();
    }

    fn decode_next(&mut self) {
        while self.decodes < DECODES
            && let Some(notification) = self.undecoded.pop_front()
        {
            self.decodes += 1;
            let decode = self.decode;
            if !self.start(move || Result::Call(notification, decode(&notification))) {
                self.report(Result::Call(notification, Err(io::ErrorKind::OutOfMemory.into())));
            }
        }
    }

    /// The next thing that is done.
    pub(super) fn next(&mut self) -> Option<Done> {
        let result = self.results.try_recv().ok()?;
        self.take(result)
    }

    /// As [`Aside::next`], waiting until `until` as long as a datagram waits for its paths.
    pub(super) fn next_until(&mut self, until: Instant) -> Option<Done> {
        if self.waiting.is_empty() {
            return None;
        }
        let result = self.results.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
        self.take(result)
    }

    fn take(&mut self, result: Result) -> Option<Done> {
        match result {
            Result::Paths(endpoint, paths) => {
                let mut waiting = self.waiting.remove(&endpoint)?;
                waiting.answers.paths = paths;
                Some(Done::LookedUp(Box::new(waiting)))
            }
            Result::Call(notification, call) => {
                self.decodes -= 1;
                self.decode_next();
                Some(Done::Decoded { notification, call })
            }
        }
    }

    /// To be called when the descriptor is readable, before [`Aside::next`].
    pub(super) fn acknowledge(&self) {
        let _ = rustix::io::read(&self.ready, &mut [0; 8]);
    }

    fn start(&self, work: impl FnOnce() -> Result + Send + 'static) -> bool {
        let (channel, ready) = (self.channel.clone(), Arc::clone(&self.ready));
        let run = move || tell(&channel, &ready, work());
        thread::Builder::new().name("aside".to_owned()).stack_size(STACK).spawn(run).is_ok()
    }

    fn report(&self, result: Result) {
        tell(&self.channel, &self.ready, result);
    }
}

fn tell(channel: &Channel<Result>, ready: &OwnedFd, result: Result) {
    if channel.send(result).is_ok() {
        // It can fail only where it is readable already.
        let _ = rustix::io::write(ready, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Aside {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// How long the end of a namespace waits for paths.
pub(super) const LAST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

//! Which thread watches which sockets.

use super::WAKE_TOKEN;
use super::expecting::places;
use super::places::{Place, Places};
use auditns_sys::placement::Placement;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Most workers of this process, of all namespaces together. Beyond, the main threads do their work.
const WORKERS_MAX: usize = 256;

/// Workers of this process.
static WORKERS: Places = Places::new();

/// How long a namespace does without workers after one could not be started.
const WITHOUT: Duration = Duration::from_secs(10);

/// A thread that watches sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Watcher {
    Main,
    /// The worker on this processor.
    Worker(u32),
}

/// A worker that is to be started.
#[derive(Debug)]
pub(in crate::server) struct Start {
    pub(super) processor: u32,
    pub(super) epoll: Arc<OwnedFd>,
    pub(super) placement: Placement,
    pub(super) place: Place,
}

/// The threads of a namespace, as the sets of sockets that they watch.
#[derive(Debug)]
pub(in crate::server) struct Watchers {
    main: Arc<OwnedFd>,
    workers: BTreeMap<u32, Arc<OwnedFd>>,
    start: Vec<Start>,
    placement: Option<Placement>,
    without_until: Duration,
    over: bool,
    /// What threads wake each other with, from the first worker on.
    bells: Option<Bells>,
}

#[derive(Debug)]
struct Bells {
    /// Wakes the main thread.
    wake: OwnedFd,
    /// Wakes the workers for good.
    end: OwnedFd,
}

impl Watchers {
    /// The main thread alone.
    ///
    /// # Errors
    /// Those of `epoll_create(2)`.
    pub(in crate::server) fn new() -> io::Result<Watchers> {
        let main = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        // Workers may run on one processor only.
        let _ = places();
        let placement = Placement::of_this_thread().ok().filter(|placement| placement.processors() > 1);
        Ok(Watchers {
            main,
            workers: BTreeMap::new(),
            start: Vec::new(),
            placement,
            without_until: Duration::ZERO,
            over: false,
            bells: None,
        })
    }

    pub(in crate::server) fn main(&self) -> &Arc<OwnedFd> {
        &self.main
    }

    /// Where threads may run; `None` where there is one processor, or too many to tell.
    pub(in crate::server) fn placement(&self) -> Option<Placement> {
        self.placement
    }

    /// What a thread watches.
    pub(in crate::server) fn of(&self, watcher: Watcher) -> &OwnedFd {
        match watcher {
            Watcher::Main => &self.main,
            Watcher::Worker(processor) => self.workers.get(&processor).unwrap_or(&self.main),
        }
    }

    /// What all threads watch.
    pub(in crate::server) fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        std::iter::once(&self.main).chain(self.workers.values()).map(|epoll| &**epoll)
    }

    /// Whether there is a worker on that processor, or one will be started. `now` is on the clock of the time since boot.
    pub(in crate::server) fn have_worker(&mut self, processor: u32, now: Duration) -> bool {
        if self.workers.contains_key(&processor) {
            return true;
        }
        if self.over || now < self.without_until {
            return false;
        }
        let Some(placement) = self.placement.filter(|placement| placement.allows(processor)) else {
            return false;
        };
        let (Some(place), Ok(epoll)) = (WORKERS.take(WORKERS_MAX), self.set_of_worker()) else {
            self.without_until = now + WITHOUT;
            return false;
        };
        let epoll = Arc::new(epoll);
        self.workers.insert(processor, Arc::clone(&epoll));
        self.start.push(Start { processor, epoll, placement, place });
        true
    }

    fn set_of_worker(&mut self) -> io::Result<OwnedFd> {
        let bells = match &mut self.bells {
            Some(bells) => bells,
            none => none.insert(Bells::new(&self.main)?),
        };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &bells.end, EventData::new_u64(WAKE_TOKEN), EventFlags::IN)?;
        Ok(epoll)
    }

    pub(super) fn take_start(&mut self) -> Vec<Start> {
        std::mem::take(&mut self.start)
    }

    /// There is no worker on that processor any more. The main thread takes over what is due.
    pub(super) fn remove(&mut self, processor: u32) {
        self.workers.remove(&processor);
        if let Some(bells) = &self.bells {
            ring(&bells.wake);
        }
    }

    /// A worker could not be started.
    pub(super) fn do_without(&mut self, now: Duration) {
        self.without_until = now + WITHOUT;
    }

    /// The main thread was woken.
    pub(super) fn acknowledge(&self) {
        if let Some(bells) = &self.bells {
            let _ = rustix::io::read(&bells.wake, &mut [0; 8]);
        }
    }

    /// The workers are to end.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.start.clear();
        self.workers.clear();
        if let Some(bells) = &self.bells {
            ring(&bells.end);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}

impl Bells {
    fn new(main: &OwnedFd) -> io::Result<Bells> {
        let bell = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let (wake, end) = (bell()?, bell()?);
        epoll::add(main, &wake, EventData::new_u64(WAKE_TOKEN), EventFlags::IN)?;
        Ok(Bells { wake, end })
    }
}

fn ring(bell: &OwnedFd) {
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}

//! A thread that stays on a processor and serves the clients that run there.

use super::watchers::Start;
use super::{AFTER_FAILURE, Serving, Waiting, Watcher};
use crate::server::Server;
use crate::server::answers::Returned;
use crate::state::Blame;
use auditns_core::EndpointId;
use auditns_sys::{clock, placement};
use std::io;
use std::thread::{Builder, Scope};
use std::time::Duration;

/// A worker that has had nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(1);

/// Starts a worker.
///
/// # Errors
/// Those of `clone(2)`.
pub(super) fn start<'scope>(
    serving: &'scope Serving<'_>,
    scope: &'scope Scope<'scope, '_>,
    start: Start,
) -> io::Result<()> {
    let blame = Blame::of_this_thread();
    let work = move || {
        let Start { processor, epoll, placement, place: _place } = start;
        // Where it may not stay there it does the same work, with more waiting.
        placement.keep_on(processor);
        let _ = placement::shorten_slice();
        // Several clients are busy here: the processor is not to be kept from others.
        placement::give_up_boost();
        let work = || work(serving, scope, processor, Waiting::new(epoll));
        match blame {
            Some(blame) => blame.during(work),
            None => work(),
        }
    };
    Builder::new().name("worker".to_owned()).spawn_scoped(scope, work).map(|_| ())
}

fn work<'scope>(
    serving: &'scope Serving<'_>,
    scope: &'scope Scope<'scope, '_>,
    processor: u32,
    mut waiting: Waiting,
) {
    let mut busy = clock::since_boot();
    let mut returned = Returned::default();
    loop {
        let Ok(events) = waiting.wait(Some(IDLE)) else {
            std::thread::sleep(AFTER_FAILURE);
            continue;
        };
        let idle = events.is_empty();
        let mut server = serving.lock();
        if server.watchers.is_over() {
            server.take_back(returned);
            return;
        }
        server.begin_turn(std::mem::take(&mut returned));
        server.endpoints_ready(events);
        let rest = server.end_turn();
        let now = clock::since_boot();
        if !idle {
            busy = now;
        } else if now.saturating_sub(busy) >= IDLE {
            server.give_back(processor);
            drop(server);
            let returned = serving.leave_turn(scope, rest, &mut waiting);
            serving.lock().take_back(returned);
            return;
        }
        drop(server);
        returned = serving.leave_turn(scope, rest, &mut waiting);
    }
}

impl Server<'_> {
    /// A busy client's socket is watched on its processor from now on, if there can be a worker.
    pub(in crate::server) fn move_to(&mut self, endpoint: EndpointId, processor: u32, now: Duration) {
        let wanted = Watcher::Worker(processor);
        let Some(connection) = self.connections.get(&endpoint) else { return };
        if connection.watcher() != wanted && self.watchers.have_worker(processor, now) {
            self.set_watcher(endpoint, wanted);
            if let Some(connection) = self.connections.get_mut(&endpoint) {
                connection.course_mut().note_move(now);
            }
        }
    }

    fn set_watcher(&mut self, endpoint: EndpointId, watcher: Watcher) {
        if let Some(connection) = self.connections.get_mut(&endpoint) {
            let before = connection.watcher();
            connection.unregister(self.watchers.of(before));
            connection.set_watcher(watcher);
            self.update_interest(endpoint);
        }
    }

    /// The main thread watches again what a worker has watched.
    fn give_back(&mut self, processor: u32) {
        let watched = |watcher: Watcher| watcher == Watcher::Worker(processor);
        self.take_from(watched);
        self.watchers.remove(processor);
    }

    fn take_from(&mut self, watched: impl Fn(Watcher) -> bool) {
        let connections = self.connections.iter();
        let taken = connections.filter(|(_, connection)| watched(connection.watcher()));
        let taken: Vec<EndpointId> = taken.map(|(id, _)| *id).collect();
        for endpoint in taken {
            self.set_watcher(endpoint, Watcher::Main);
        }
    }

    /// A worker could not be started.
    pub(super) fn do_without_worker(&mut self, processor: u32) {
        self.give_back(processor);
        self.watchers.do_without(clock::since_boot());
    }

    /// The main thread watches everything from now on.
    pub(super) fn end_workers(&mut self) {
        self.take_from(|watcher| watcher != Watcher::Main);
        self.watchers.end();
    }
}

//! Threads that are kept for the next piece of work.

use crate::state::Blame;
use auditns_sys::placement::{self, Placement};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The threads use no more than a few kilobytes, and once a datagram of some more.
const STACK: usize = 256 * 1024;
/// How long a thread waits for more before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    idle: usize,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

/// Starts work at once: in a thread that has nothing to do, else in a new one. Whoever uses it bounds how much.
pub(super) struct Pool {
    shared: Arc<Shared>,
    /// Where its threads run, wherever the thread that starts them is kept by then.
    placement: Option<Placement>,
}

impl Pool {
    /// Its threads run where the calling thread may run now.
    pub(super) fn new() -> Pool {
        Pool { shared: Arc::default(), placement: Placement::of_this_thread().ok() }
    }

    /// Returns whether a thread took the work.
    pub(super) fn start(&self, work: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.shared.lock();
        if state.idle > state.work.len() {
            state.work.push_back(Box::new(work));
            self.shared.more.notify_one();
            return true;
        }
        drop(state);
        let shared = Arc::clone(&self.shared);
        let placement = self.placement;
        let run = move || {
            if let Some(placement) = placement {
                placement.release();
            }
            placement::give_up_boost();
            work();
            while let Some(work) = shared.next() {
                work();
            }
        };
        let blame = Blame::of_this_thread();
        let run = move || match blame {
            Some(blame) => blame.during(run),
            None => run(),
        };
        thread::Builder::new().name("aside".to_owned()).stack_size(STACK).spawn(run).is_ok()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.more.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        state.idle += 1;
        let waiting = |state: &mut State| state.work.is_empty() && !state.closed;
        let waited = self.more.wait_timeout_while(state, IDLE, waiting);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.work.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn a_thread_is_used_again_and_two_pieces_of_work_do_not_wait_for_each_other() {
        let pool = Pool::new();
        let (sender, receiver) = channel();
        let report = |sender: &std::sync::mpsc::Sender<_>| {
            let sender = sender.clone();
            move || sender.send(thread::current().id()).unwrap()
        };
        let mut seen = std::collections::HashSet::new();
        for _ in 0..50 {
            assert!(pool.start(report(&sender)));
            seen.insert(receiver.recv_timeout(LIMIT).unwrap());
            while pool.shared.lock().idle == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(seen.len(), 1, "one thread was enough");
        let (one, other) = (channel::<()>(), channel::<()>());
        assert!(pool.start(move || assert!(one.1.recv().is_err())));
        assert!(pool.start(move || other.0.send(()).unwrap()));
        other.1.recv_timeout(LIMIT).expect("the second does not wait for the first");
        drop(one.0);
    }

    #[test]
    fn threads_end_with_the_pool() {
        let pool = Pool::new();
        let (sender, receiver) = channel::<()>();
        // The thread drops its piece of work only when it ends or has done it; the pool's share it drops when it ends.
        let shared = Arc::downgrade(&pool.shared);
        assert!(pool.start(move || drop(sender)));
        assert!(receiver.recv_timeout(LIMIT).is_err());
        drop(pool);
        let start = std::time::Instant::now();
        while shared.strong_count() > 0 {
            assert!(start.elapsed() < LIMIT, "a thread stays");
            thread::yield_now();
        }
    }
}

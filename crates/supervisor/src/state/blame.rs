//! Which namespace is to blame for a panic.
//!
//! A panic ends the supervisor, and the next one goes on with what the last one had in hand. Were it that which made it
//! panic, no supervisor would live any more. So the thread's namespace is noted in memory that the next one finds.

use super::layout::PANICS_AT;
use auditns_sys::shared::SharedMemory;
use std::cell::RefCell;
use std::panic;
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::Ordering;

thread_local! {
    static WORKS_FOR: RefCell<Option<Blame>> = const { RefCell::new(None) };
}

/// The namespace for which a thread works.
#[derive(Clone, Debug)]
pub(crate) struct Blame(pub(super) Arc<SharedMemory>);

impl Blame {
    /// The namespace for which this thread works, if it is known to work for one.
    pub(crate) fn of_this_thread() -> Option<Blame> {
        WORKS_FOR.try_with(|works_for| works_for.try_borrow().ok()?.clone()).ok()?
    }

    /// Works for the namespace: panics meanwhile are noted, if [`end_at_panics`] was called.
    pub(crate) fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        let before = WORKS_FOR.replace(Some(self.clone()));
        let result = work();
        WORKS_FOR.set(before);
        result
    }

    /// How often supervisors have panicked over the namespace.
    pub(crate) fn panics(&self) -> u64 {
        self.0.word(PANICS_AT).map_or(0, |word| word.load(Ordering::Acquire))
    }

    pub(crate) fn note(&self) {
        if let Some(word) = self.0.word(PANICS_AT) {
            word.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// From now on a panic in any thread ends the process, after it has been noted for which namespace the thread works. A
/// namespace over which two supervisors have panicked is not taken up by a third one.
pub fn end_at_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if let Some(blame) = Blame::of_this_thread() {
            blame.note();
        }
        before(panic);
        abort();
    }));
}

#[cfg(test)]
mod tests {
    use crate::state::{Blame, State};

    #[test]
    fn a_thread_works_for_one_namespace_at_a_time() {
        let (outer, inner) = (State::create().unwrap().blame(), State::create().unwrap().blame());
        let noted = || Blame::of_this_thread().inspect(Blame::note).is_some();
        assert!(!noted());
        outer.during(|| {
            assert!(noted());
            inner.during(|| assert!(noted() && noted()));
            assert!(std::thread::spawn(|| Blame::of_this_thread().is_none()).join().unwrap());
        });
        assert!(!noted());
        assert_eq!((outer.panics(), inner.panics()), (1, 2));
    }
}

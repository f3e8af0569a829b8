//! The table of calls that were taken off a listener and not answered.
//!
//! The kernel writes a call into its place of the table itself, so that a call is there as soon as it is off the queue, where
//! the next process would not find it.

use super::layout;
use auditns_sys::shared::{CallSlot, SharedMemory};
use auditns_sys::{Listener, Notification};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// The number in [`Notification::origin`] of a call that has no place.
const NONE: u64 = 0xffff_ffff;

/// The table of one namespace.
#[derive(Debug)]
pub(crate) struct CallTable {
    memory: Arc<SharedMemory>,
    free: Mutex<Vec<u32>>,
}

/// A place that was claimed.
#[derive(Debug)]
pub(crate) struct Place<'t> {
    table: &'t CallTable,
    number: u32,
    listener: usize,
}

impl CallTable {
    /// The table in that memory, as it was left.
    pub(super) fn new(memory: Arc<SharedMemory>) -> CallTable {
        let table = CallTable { memory, free: Mutex::default() };
        let free: Vec<u32> = (0..table.used())
            .rev()
            .filter(|number| table.slot(*number).is_some_and(|slot| slot.call().is_none()))
            .collect();
        *table.free() = free;
        table
    }

    /// The listener that a call came from.
    pub(crate) fn listener_of(call: &Notification) -> usize {
        usize::try_from(call.origin >> 32).unwrap_or(usize::MAX)
    }

    /// The number of a call's place.
    pub(crate) fn place_of(call: &Notification) -> u32 {
        u32::try_from(call.origin & NONE).unwrap_or(u32::MAX)
    }

    /// What [`CallTable::listener_of`] and [`CallTable::place_of`] take apart.
    pub(crate) fn origin(listener: usize, place: u64) -> u64 {
        (listener as u64) << 32 | place
    }

    /// The origin of a call from that listener that has no place in a table.
    pub(crate) fn unkept(listener: usize) -> u64 {
        CallTable::origin(listener, NONE)
    }

    /// A place for the next call of a listener. `None` if all are taken by calls that wait.
    pub(crate) fn claim(
        &self,
        listener: usize,
        is_waiting: impl Fn(&Notification) -> bool,
    ) -> Option<Place<'_>> {
        let mut free = self.free();
        if free.is_empty() {
            free.extend(self.next_unused());
        }
        if free.is_empty() {
            for number in 0..layout::CALLS {
                let Some(slot) = self.slot(number) else { continue };
                if self.call(number).is_some_and(|call| !is_waiting(&call)) {
                    slot.clear();
                    free.push(number);
                }
            }
        }
        let number = free.pop()?;
        self.memory.word(layout::call_listener(number))?.store(listener as u64, Ordering::Release);
        Some(Place { table: self, number, listener })
    }

    /// The calls in the table.
    pub(crate) fn left_over(&self) -> Vec<Notification> {
        (0..self.used()).filter_map(|number| self.call(number)).collect()
    }

    /// Gives the place of a call back.
    pub(crate) fn release(&self, call: &Notification) {
        let number = CallTable::place_of(call);
        let mut free = self.free();
        if let Some(slot) = self.slot(number)
            && slot.call().is_some_and(|found| found.id == call.id)
        {
            slot.clear();
            free.push(number);
        }
    }

    /// How many places were ever used.
    fn used(&self) -> u32 {
        let used = self.memory.word(layout::CALLS_USED_AT).map_or(0, |word| word.load(Ordering::Acquire));
        u32::try_from(used).unwrap_or(u32::MAX).min(layout::CALLS)
    }

    /// Uses one more place, if there is one.
    fn next_unused(&self) -> Option<u32> {
        let number = self.used();
        if number == layout::CALLS {
            return None;
        }
        self.memory.word(layout::CALLS_USED_AT)?.store(u64::from(number) + 1, Ordering::Release);
        Some(number)
    }

    fn call(&self, number: u32) -> Option<Notification> {
        let call = self.slot(number)?.call()?;
        let listener = self.memory.word(layout::call_listener(number))?.load(Ordering::Acquire);
        let listener = usize::try_from(listener).ok()?;
        Some(Notification { origin: CallTable::origin(listener, u64::from(number)), ..call })
    }

    fn slot(&self, number: u32) -> Option<CallSlot<'_>> {
        if number >= layout::CALLS {
            return None;
        }
        CallSlot::new(&self.memory, layout::call(number))
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        // Nothing panics while it holds the lock.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// As [`Listener::receive`], into the place.
    ///
    /// # Errors
    /// As [`Listener::receive`].
    pub(crate) fn receive(self, listener: &Listener) -> io::Result<Option<Notification>> {
        let received = match self.table.slot(self.number) {
            Some(slot) => slot.receive(listener),
            None => Ok(None),
        };
        match received {
            Ok(Some(call)) => Ok(Some(Notification {
                origin: CallTable::origin(self.listener, u64::from(self.number)),
                ..call
            })),
            none => {
                self.table.free().push(self.number);
                none
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(table: &CallTable, place: &Place<'_>, id: u64) -> Notification {
        assert!(table.memory.write(layout::call(place.number), &id.to_ne_bytes()));
        table.call(place.number).unwrap()
    }

    fn memory() -> Arc<SharedMemory> {
        Arc::new(SharedMemory::create("test", layout::LENGTH).unwrap())
    }

    #[test]
    fn calls_stay_until_they_are_answered_and_the_next_process_finds_them() {
        let memory = memory();
        let table = CallTable::new(Arc::clone(&memory));
        let calls: Vec<Notification> = [5, 6, 7]
            .map(|id| {
                let place = table.claim(2, |_| true).unwrap();
                put(&table, &place, id)
            })
            .into();
        table.release(&calls[1]);
        table.release(&calls[1]);
        table.release(&Notification { origin: CallTable::unkept(2), ..calls[0] });
        let next = CallTable::new(memory);
        let mut left: Vec<u64> = next.left_over().iter().map(|call| call.id).collect();
        left.sort_unstable();
        assert_eq!(left, [5, 7]);
        assert!(next.left_over().iter().all(|call| CallTable::listener_of(call) == 2));
        assert_eq!((next.free().len(), next.used()), (1, 3), "the places that were used are known");
    }

    #[test]
    fn a_full_table_drops_calls_that_wait_no_longer_and_no_others() {
        let table = CallTable::new(memory());
        for id in 1..=u64::from(layout::CALLS) {
            let place = table.claim(0, |_| true).unwrap();
            put(&table, &place, id);
        }
        assert!(table.claim(0, |_| true).is_none());
        assert!(table.claim(0, |call| call.id != 9).is_some());
        assert_eq!(table.left_over().len(), layout::CALLS as usize - 1);
    }
}

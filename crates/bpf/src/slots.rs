//! The memory shared with the program: a slot for each connection.

use crate::slot::{SLOT_SIZE, Slot, Taken};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

/// Slots that the program looks at for a socket, from the one that its cookie names onward.
pub(crate) const PROBES: u64 = 8;

/// Slots of the program, mapped.
#[derive(Debug)]
pub(crate) struct Slots {
    base: NonNull<Slot>,
    /// A power of two.
    count: u32,
}

// SAFETY: the mapping belongs to the value and moves with it.
unsafe impl Send for Slots {}
// SAFETY: slots are atomics only.
unsafe impl Sync for Slots {}

/// Why a socket got no slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoSlot {
    /// The socket has one already.
    Same,
    /// Those that could be its own are in use.
    Full,
}

impl Slots {
    /// Maps the slots of an array map of `count` of them.
    pub(crate) fn map(map: BorrowedFd<'_>, count: u32) -> io::Result<Slots> {
        let length = count as usize * SLOT_SIZE;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let base = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, map, 0)
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Slots { base, count })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The slots themselves.
    fn all(&self) -> &[Slot] {
        // SAFETY: the mapping has `count` slots, lives as long as `self`, is page-aligned, and atomics have no bit pattern
        // that is wrong; the kernel changes them by atomic or single aligned stores only.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.count as usize) }
    }

    /// Takes a slot for a socket and says which.
    pub(crate) fn take(&self, cookie: u64) -> Result<usize, NoSlot> {
        take(self.all(), cookie)
    }

    /// The slot of this number.
    pub(crate) fn get(&self, index: usize) -> Option<&Slot> {
        self.all().get(index)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the mapping any more: references to slots borrow the value.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.count as usize * SLOT_SIZE) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// Where a socket's slot can be among `count` of them.
fn places(cookie: u64, count: usize) -> impl Iterator<Item = usize> {
    let mask = (count as u64).wrapping_sub(1);
    (0..PROBES).filter_map(move |probe| usize::try_from(cookie.wrapping_add(probe) & mask).ok())
}

fn take(slots: &[Slot], cookie: u64) -> Result<usize, NoSlot> {
    let candidates = || places(cookie, slots.len()).filter_map(|index| Some((index, slots.get(index)?)));
    if candidates().any(|(_, slot)| slot.belongs_to(cookie)) {
        return Err(NoSlot::Same);
    }
    for (index, slot) in candidates() {
        match slot.take(cookie) {
            Ok(()) => return Ok(index),
            Err(Taken::Same) => return Err(NoSlot::Same),
            Err(Taken::Busy) => {}
        }
    }
    Err(NoSlot::Full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SLOTS_MAX;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::AsFd;

    fn slots(count: u32) -> Slots {
        let memory = memfd_create("slots", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, u64::from(count) * SLOT_SIZE as u64).unwrap();
        Slots::map(memory.as_fd(), count).unwrap()
    }

    #[test]
    fn every_slot_is_used_and_no_more() {
        let slots = slots(SLOTS_MAX);
        let first = 1_234_567;
        for cookie in 0..u64::from(SLOTS_MAX) {
            slots.take(first + cookie).unwrap();
        }
        let next = first + u64::from(SLOTS_MAX);
        assert_eq!(slots.take(next), Err(NoSlot::Full));
        let place = places(next, SLOTS_MAX as usize).next().unwrap();
        slots.get(place).unwrap().release();
        assert_eq!(slots.take(next), Ok(place));
    }

    #[test]
    fn a_socket_has_one_slot() {
        let slots = slots(64);
        let index = slots.take(5).unwrap();
        let beside = slots.take(5 + 64).unwrap();
        assert_eq!(beside, index + 1);
        slots.get(index).unwrap().release();
        assert_eq!(slots.take(5 + 64), Err(NoSlot::Same), "not a second one at the place that is free now");
    }

    #[test]
    fn places_go_round() {
        assert_eq!(places(62, 64).collect::<Vec<_>>(), [62, 63, 0, 1, 2, 3, 4, 5]);
    }
}

//! Places for answers that are sent without the namespace's lock.
//!
//! Several threads send at the same time, so one mark is not enough: each answer that is on its way has a place of its own, with
//! a mark and the number of the action that it is. A place is given back when it is known what became of the answer, so an
//! action without a place was done.

use super::layout;
use auditns_sys::shared::{Mark, SharedMemory};
use auditns_sys::{Sent, SentBy};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence};

/// The places of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct AnswerTable {
    memory: Arc<SharedMemory>,
}

/// An answer in its place, as the process before this one left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftAnswer {
    pub(crate) place: u32,
    /// It was sent.
    pub(crate) sent: bool,
}

impl AnswerTable {
    /// How many places there are.
    pub(crate) const PLACES: u32 = layout::ANSWERS;

    pub(super) fn new(memory: Arc<SharedMemory>) -> AnswerTable {
        AnswerTable { memory }
    }

    /// The answer that is this action is about to be sent from this place, which is free.
    pub(crate) fn announce(&self, place: u32, action: u64) {
        let used = self.used();
        if place >= used {
            self.set(layout::ANSWERS_USED_AT, u64::from(place) + 1);
        }
        // The mark is about the action only once it is clear.
        self.set(layout::answer(place), 0);
        compiler_fence(Ordering::SeqCst);
        if let Some(mark) = self.mark(place) {
            mark.clear();
        }
        self.set(layout::answer(place), action);
    }

    /// Sends the answer of a place.
    ///
    /// # Errors
    /// As [`auditns_sys::endpoint::send`].
    pub(crate) fn send(
        &self,
        place: u32,
        fd: impl AsFd,
        message: &[u8],
        sent_by: SentBy,
    ) -> io::Result<Sent> {
        let Some(mark) = self.mark(place) else { return Err(io::ErrorKind::InvalidInput.into()) };
        mark.send(fd, message, sent_by)
    }

    /// The answers in the table, by action.
    pub(super) fn left(&self) -> BTreeMap<u64, LeftAnswer> {
        let answer = |place: u32| {
            let action = self.memory.word(layout::answer(place))?.load(Ordering::Acquire);
            let sent = self.mark(place)?.is_set();
            (action != 0).then_some((action, LeftAnswer { place, sent }))
        };
        (0..self.used()).filter_map(answer).collect()
    }

    /// How many places were ever used. The others are not looked at, because that would take memory.
    fn used(&self) -> u32 {
        let used = self.memory.word(layout::ANSWERS_USED_AT).map_or(0, |word| word.load(Ordering::Acquire));
        u32::try_from(used).unwrap_or(u32::MAX).min(AnswerTable::PLACES)
    }

    fn mark(&self, place: u32) -> Option<Mark<'_>> {
        if place >= AnswerTable::PLACES {
            return None;
        }
        Mark::new(&self.memory, layout::answer(place) + size_of::<u64>())
    }

    fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.memory.word(at) {
            word.store(value, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn the_next_process_finds_what_is_on_its_way_and_whether_it_was_sent() {
        let memory = Arc::new(SharedMemory::create("test", layout::LENGTH).unwrap());
        let table = AnswerTable::new(Arc::clone(&memory));
        assert!(table.left().is_empty());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, _theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let send = |place| table.send(place, &ours, b"answer", SentBy::Supervisor).unwrap();
        for (place, action) in [(0, 70), (2, 71), (AnswerTable::PLACES - 1, 72)] {
            table.announce(place, action);
        }
        assert_eq!(send(2), Sent::Sent);
        let next = AnswerTable::new(memory);
        let expected = [(70, 0, false), (71, 2, true), (72, AnswerTable::PLACES - 1, false)];
        let left = |place, sent| LeftAnswer { place, sent };
        assert_eq!(next.left(), expected.map(|(action, place, sent)| (action, left(place, sent))).into());
        table.announce(2, 80);
        assert_eq!(next.left().get(&80), Some(&left(2, false)), "the mark is not that of the one before");
        assert!(!next.left().contains_key(&71));
        assert!(table.send(AnswerTable::PLACES, &ours, b"answer", SentBy::Supervisor).is_err());
    }
}

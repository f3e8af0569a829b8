//! The journal: what happened to a namespace since its last snapshot.
//!
//! [`auditns_core`] is a state machine without a clock: from a snapshot and the inputs since then follows where it was, and
//! which actions it asked for. The journal counts how many of those were taken up and done. At most one is in doubt after a
//! kill, and where it sends or writes something, a mark in memory or the log's own length says whether it was done.

use super::answers::{AnswerTable, LeftAnswer};
use super::entry::Entry;
use super::layout;
use crate::log::Place;
use auditns_core::EndpointId;
use auditns_sys::shared::{Inbox, Mark, SharedMemory};
use auditns_sys::{Credentials, Received, Sent, SentBy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

/// A snapshot is taken when the journal is longer than this and than the snapshot before it.
const ENOUGH: usize = 256 * 1024;

/// So much of a journal and of a snapshot that hold no more stays, for the ones after the next: a busy namespace needs it again at
/// once, and taking new pages takes longer than writing them.
const SPARE: usize = 2 * ENOUGH;

/// Length, number of the handled message, actions taken up so far.
const HEAD: usize = 4 + 4 + 8;

/// Bytes of a buffer for messages that stay allocated.
const BUFFER: usize = 16 * 1024;

/// Says that the send mark stands for an answer that had to wait, and for which.
const LATE: u64 = 1 << 63;

/// Writes a journal. One thread at a time does: whoever holds the namespace's lock, which is also what orders the numbers here.
#[derive(Debug)]
pub(crate) struct Journal {
    memory: Arc<SharedMemory>,
    epoch: AtomicU64,
    length: AtomicUsize,
    enough: AtomicUsize,
    taken: AtomicU64,
    /// Number of the message in the inbox until it is handled.
    unhandled: AtomicU32,
    received: AtomicU32,
    late: AtomicU64,
    /// Entries that did not fit.
    missing: AtomicU64,
    /// Memory is left of a journal and a snapshot that hold no more.
    has_spare: AtomicBool,
    entry: Mutex<Vec<u8>>,
}

/// One of the two logs of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Log {
    /// The host's.
    Host,
    /// What the namespace sees.
    Inside,
}

/// A write to a log that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// The nested namespace whose records they are; `None` for the one that the host has made.
    pub(crate) nested: Option<u64>,
    pub(crate) log: Log,
    /// Serial number of the last record of it. The first one is the one after what is written for certain.
    pub(crate) last: u32,
    /// Where it was to be.
    pub(crate) place: Place,
}

/// A message that was received: on which endpoint, from whom, and its beginning.
pub(crate) type KeptMessage = (EndpointId, Credentials, Vec<u8>);

/// What a journal holds.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The snapshot.
    pub(crate) snapshot: Vec<u8>,
    /// The entries since, each with how many actions had been taken up.
    pub(crate) entries: Vec<(u64, Vec<u8>)>,
    /// Actions taken up since the snapshot.
    pub(crate) taken: u64,
    /// Actions done since the snapshot: as many or one less.
    pub(crate) done: u64,
    /// Whether the last action that was taken up has sent something.
    pub(crate) sent: bool,
    /// The late answer that was sent last, if one was in this epoch: its endpoint and number.
    pub(crate) late: Option<(EndpointId, u64)>,
    /// The write that was begun last.
    pub(crate) write: Option<Write>,
    /// Serial numbers of the last records since the snapshot that are for certain in the host's log and in the other one.
    pub(crate) written: [Option<u32>; 2],
    /// The message that was received and not handled.
    pub(crate) message: Option<KeptMessage>,
    /// The epoch.
    pub(crate) epoch: u64,
    /// The answers that were on their way, by action.
    pub(crate) answers: BTreeMap<u64, LeftAnswer>,
}

impl Journal {
    /// A journal in new memory. [`Journal::snapshot`] has to be the first thing.
    pub(super) fn new(memory: Arc<SharedMemory>) -> Journal {
        Journal {
            memory,
            epoch: AtomicU64::new(0),
            length: AtomicUsize::new(0),
            enough: AtomicUsize::new(ENOUGH),
            taken: AtomicU64::new(0),
            unhandled: AtomicU32::new(0),
            received: AtomicU32::new(0),
            late: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            has_spare: AtomicBool::new(false),
            entry: Mutex::default(),
        }
    }

    /// What a process before this one left, and the journal to go on with: again [`Journal::snapshot`] has to be the first
    /// thing, once everything in doubt is settled.
    ///
    /// # Errors
    /// `InvalidData` where the memory is not what a supervisor leaves.
    pub(super) fn left(memory: Arc<SharedMemory>) -> io::Result<(Journal, Kept)> {
        let journal = Journal::new(memory);
        let epoch = journal.get(layout::EPOCH_AT);
        journal.epoch.store(epoch, Relaxed);
        let half = layout::half(epoch);
        let length = |at: usize, most: usize| {
            let found = usize::try_from(journal.get(half + at)).unwrap_or(usize::MAX);
            if found <= most { Ok(found) } else { Err(io::Error::from(io::ErrorKind::InvalidData)) }
        };
        let mut snapshot = vec![0; length(layout::LENGTH_OF_SNAPSHOT, layout::SNAPSHOT)?];
        journal.memory.read(layout::snapshot(epoch), &mut snapshot);
        let mut bytes = vec![0; length(layout::LENGTH_OF_JOURNAL, layout::JOURNAL)?];
        journal.memory.read(layout::journal(epoch), &mut bytes);
        let mut entries = Vec::new();
        let mut handled = 0;
        let mut rest = bytes.as_slice();
        while let Some((head, after)) = rest.split_at_checked(HEAD) {
            let word = |at: usize| head.get(at..).and_then(|part| part.first_chunk::<4>());
            let taken = head.last_chunk().map_or(0, |taken| u64::from_ne_bytes(*taken));
            let (Some(length), Some(number)) = (word(0), word(4)) else { break };
            let length = u32::from_ne_bytes(*length) as usize;
            handled = u32::from_ne_bytes(*number).max(handled);
            let Some((entry, next)) = after.split_at_checked(length) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            entries.push((taken, entry.to_vec()));
            rest = next;
        }
        let (taken, done) =
            (journal.get(half + layout::ACTIONS_TAKEN), journal.get(half + layout::ACTIONS_DONE));
        let sent_for = journal.get(layout::SEND_FOR_AT);
        let marked = journal.mark().is_some_and(Mark::is_set);
        let is_current = |word: usize| journal.get(word) == action(epoch, taken);
        let write = journal.write_begun();
        let written = [Log::Host, Log::Inside].map(|log| journal.written_until(log));
        let number = u32::try_from(journal.get(layout::INBOX_NUMBER_AT)).unwrap_or(0);
        let message = journal.unhandled_message(number, handled);
        let kept = Kept {
            snapshot,
            entries,
            taken,
            done,
            sent: marked && is_current(layout::SEND_FOR_AT),
            late: (marked && sent_for >> 32 == LATE >> 32 | epoch)
                .then(|| (EndpointId(journal.get(layout::SEND_ENDPOINT_AT)), sent_for & 0xffff_ffff)),
            write,
            written,
            message,
            epoch,
            answers: AnswerTable::new(Arc::clone(&journal.memory)).left(),
        };
        if kept.message.is_some() {
            journal.unhandled.store(number, Relaxed);
        }
        journal.received.store(number, Relaxed);
        journal.taken.store(taken, Relaxed);
        // Until the next snapshot this journal goes on.
        journal.length.store(bytes.len(), Relaxed);
        if sent_for >> 32 == LATE >> 32 | epoch {
            journal.late.store(sent_for & 0xffff_ffff, Relaxed);
        }
        Ok((journal, kept))
    }

    fn unhandled_message(&self, number: u32, handled: u32) -> Option<KeptMessage> {
        if number <= handled {
            return None;
        }
        let inbox = self.inbox()?;
        let (length, credentials) = inbox.message()?;
        let mut bytes = vec![0; length.min(layout::MESSAGE)];
        inbox.read(&mut bytes);
        Some((EndpointId(self.get(layout::INBOX_ENDPOINT_AT)), credentials, bytes))
    }

    /// Notes something that happened. Nothing may be done because of it before.
    pub(crate) fn note(&self, entry: &Entry<'_>) {
        let handles = entry.handles_message();
        let number = if handles { self.unhandled.swap(0, Relaxed) } else { 0 };
        if self.append(entry, number).is_none() {
            self.missing.store(self.missing.load(Relaxed) + 1, Relaxed);
        }
    }

    fn append(&self, entry: &Entry<'_>, number: u32) -> Option<()> {
        let mut space = self.entry.try_lock().ok()?;
        space.clear();
        let bytes = postcard::to_extend(entry, std::mem::take(&mut *space)).ok()?;
        let (at, length) = (self.length.load(Relaxed), HEAD + bytes.len());
        if at + length > layout::JOURNAL {
            return None;
        }
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&u32::try_from(bytes.len()).ok()?.to_ne_bytes());
        head[4..8].copy_from_slice(&number.to_ne_bytes());
        head[8..].copy_from_slice(&self.taken.load(Relaxed).to_ne_bytes());
        let journal = layout::journal(self.epoch.load(Relaxed));
        self.memory.write(journal + at, &head);
        self.memory.write(journal + at + HEAD, &bytes);
        self.length.store(at + length, Relaxed);
        self.set_of_half(layout::LENGTH_OF_JOURNAL, (at + length) as u64);
        *space = bytes;
        Some(())
    }

    /// An action is about to be done; the one before it is.
    pub(crate) fn take_up(&self) {
        self.set_of_half(layout::ACTIONS_DONE, self.taken.load(Relaxed));
        self.taken.store(self.taken.load(Relaxed) + 1, Relaxed);
        self.set_of_half(layout::ACTIONS_TAKEN, self.taken.load(Relaxed));
    }

    /// All actions that were taken up are done.
    pub(crate) fn all_done(&self) {
        self.set_of_half(layout::ACTIONS_DONE, self.taken.load(Relaxed));
    }

    /// Sends what the current action is about.
    ///
    /// # Errors
    /// As [`auditns_sys::endpoint::send`].
    pub(crate) fn send(&self, fd: impl AsFd, message: &[u8], sent_by: SentBy) -> io::Result<Sent> {
        self.send_for(self.current(), fd, message, sent_by)
    }

    /// Sends an answer that had to wait. Returns its number as well, by which [`Entry::Flushed`] names it.
    ///
    /// # Errors
    /// As [`auditns_sys::endpoint::send`].
    pub(crate) fn send_late(
        &self,
        endpoint: EndpointId,
        fd: impl AsFd,
        message: &[u8],
        sent_by: SentBy,
    ) -> (io::Result<Sent>, u64) {
        let number = self.late.load(Relaxed) + 1;
        self.late.store(number, Relaxed);
        self.set(layout::SEND_FOR_AT, 0);
        self.set(layout::SEND_ENDPOINT_AT, endpoint.0);
        let purpose = LATE | self.epoch.load(Relaxed) << 32 | number & 0xffff_ffff;
        (self.send_for(purpose, fd, message, sent_by), number)
    }

    fn send_for(&self, purpose: u64, fd: impl AsFd, message: &[u8], sent_by: SentBy) -> io::Result<Sent> {
        let Some(mark) = self.mark() else { return Err(io::ErrorKind::InvalidData.into()) };
        mark.clear();
        self.set(layout::SEND_FOR_AT, purpose);
        mark.send(fd, message, sent_by)
    }

    /// Records are about to be written, in one piece.
    pub(crate) fn begin_write(&self, Write { nested, log, last, place }: Write) {
        self.set(layout::STORE_FOR_AT, 0);
        self.set(layout::STORE_NESTED_AT, nested.unwrap_or(0));
        self.set(layout::STORE_INODE_AT, place.inode);
        self.set(layout::STORE_LENGTH_AT, place.length);
        self.set(layout::STORE_FOR_AT, self.of_log(log) | u64::from(last));
    }

    /// Records up to this one are written.
    pub(crate) fn note_written(&self, log: Log, last: u32) {
        self.set(layout::WRITTEN_AT[log as usize], self.of_log(log) | u64::from(last));
    }

    fn write_begun(&self) -> Option<Write> {
        let word = self.get(layout::STORE_FOR_AT);
        let (purpose, last) = (word & !0xffff_ffff, u32::try_from(word & 0xffff_ffff).ok()?);
        let log = [Log::Host, Log::Inside].into_iter().find(|log| self.of_log(*log) == purpose)?;
        let place =
            Place { inode: self.get(layout::STORE_INODE_AT), length: self.get(layout::STORE_LENGTH_AT) };
        let nested = Some(self.get(layout::STORE_NESTED_AT)).filter(|number| *number != 0);
        Some(Write { nested, log, last, place })
    }

    fn written_until(&self, log: Log) -> Option<u32> {
        let word = self.get(layout::WRITTEN_AT[log as usize]);
        let current = word & !0xffff_ffff == self.of_log(log);
        u32::try_from(word & 0xffff_ffff).ok().filter(|_| current)
    }

    /// What marks of a log have in common in this epoch. No epoch is 0 when something is written.
    fn of_log(&self, log: Log) -> u64 {
        ((log as u64) << 31 | self.epoch.load(Relaxed) & 0x7fff_ffff) << 32
    }

    /// Receives a message; its beginning is in the buffer.
    ///
    /// # Errors
    /// As [`auditns_sys::endpoint::receive`].
    pub(crate) fn receive(
        &self,
        endpoint: EndpointId,
        fd: impl AsFd,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Received> {
        let Some(inbox) = self.inbox() else { return Err(io::ErrorKind::InvalidData.into()) };
        inbox.clear();
        let number = self.received.load(Relaxed).wrapping_add(1).max(1);
        self.received.store(number, Relaxed);
        self.set(layout::INBOX_ENDPOINT_AT, endpoint.0);
        self.set(layout::INBOX_NUMBER_AT, u64::from(number));
        let received = inbox.receive(fd)?;
        if let Received::Message { length, .. } = received {
            self.unhandled.store(number, Relaxed);
            // Few messages are long, and one buffer of a namespace is enough.
            buffer.shrink_to(BUFFER);
            buffer.resize(length.min(layout::MESSAGE), 0);
            inbox.read(buffer);
        }
        Ok(received)
    }

    /// The message in the inbox will not be handled.
    pub(crate) fn discard_message(&self) {
        self.unhandled.store(0, Relaxed);
        if let Some(inbox) = self.inbox() {
            inbox.clear();
        }
    }

    /// Whether it is time for a snapshot.
    pub(crate) fn is_long(&self) -> bool {
        self.length.load(Relaxed) > self.enough.load(Relaxed) || self.missing.load(Relaxed) > 0
    }

    /// Begins anew with a snapshot. No message may be unhandled and no action left.
    ///
    /// # Errors
    /// `OutOfMemory` if the snapshot is longer than there is room. The journal goes on then.
    pub(crate) fn snapshot(&self, state: &impl Serialize) -> io::Result<()> {
        let bytes = postcard::to_stdvec(state).map_err(io::Error::other)?;
        if bytes.len() > layout::SNAPSHOT {
            self.enough.store(self.enough.load(Relaxed).saturating_mul(2), Relaxed);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let old = self.epoch.load(Relaxed);
        let new = old + 1;
        let (journal_before, snapshot_before) = (self.length.load(Relaxed), self.length_of_snapshot());
        let half = layout::half(new);
        self.memory.write(layout::snapshot(new), &bytes);
        self.set(half + layout::LENGTH_OF_SNAPSHOT, bytes.len() as u64);
        for word in [layout::LENGTH_OF_JOURNAL, layout::ACTIONS_TAKEN, layout::ACTIONS_DONE] {
            self.set(half + word, 0);
        }
        // What was handled before the snapshot is not to be handled again.
        self.discard_message();
        self.set(layout::EPOCH_AT, new);
        self.set(layout::MAGIC_AT, layout::MAGIC);
        self.epoch.store(new, Relaxed);
        self.length.store(0, Relaxed);
        self.taken.store(0, Relaxed);
        self.late.store(0, Relaxed);
        self.missing.store(0, Relaxed);
        self.enough.store(bytes.len().clamp(ENOUGH, layout::JOURNAL / 2), Relaxed);
        self.discard_beyond_spare(layout::journal(old), journal_before, layout::JOURNAL);
        self.discard_beyond_spare(layout::snapshot(old), snapshot_before, layout::SNAPSHOT);
        self.has_spare.store(journal_before > 0, Relaxed);
        Ok(())
    }

    fn length_of_snapshot(&self) -> usize {
        let length = self.get(layout::half(self.epoch.load(Relaxed)) + layout::LENGTH_OF_SNAPSHOT);
        usize::try_from(length).unwrap_or(layout::SNAPSHOT)
    }

    fn discard_beyond_spare(&self, at: usize, length: usize, room: usize) {
        if length > SPARE {
            // Memory that is not given back is no error.
            let _ = self.memory.discard(at + SPARE, room - SPARE);
        }
    }

    /// Whether [`Journal::give_back`] has something to give.
    pub(crate) fn has_spare(&self) -> bool {
        self.has_spare.load(Relaxed)
    }

    /// Gives memory back that a namespace with nothing to do does not need.
    pub(crate) fn give_back(&self) {
        self.has_spare.store(false, Relaxed);
        let unused = layout::journal(self.epoch.load(Relaxed) + 1);
        let _ = self.memory.discard(unused, layout::JOURNAL + layout::SNAPSHOT);
    }

    /// Late answers up to this number were sent in this epoch.
    pub(crate) fn go_on_after_late(&self, number: u64) {
        self.late.fetch_max(number, Relaxed);
    }

    /// The action in hand, as the marks name it.
    pub(crate) fn current(&self) -> u64 {
        action(self.epoch.load(Relaxed), self.taken.load(Relaxed))
    }

    fn mark(&self) -> Option<Mark<'_>> {
        Mark::new(&self.memory, layout::MARK_AT)
    }

    fn inbox(&self) -> Option<Inbox<'_>> {
        Inbox::new(&self.memory, layout::INBOX_AT, layout::MESSAGE)
    }

    fn get(&self, at: usize) -> u64 {
        self.memory.word(at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.memory.word(at) {
            word.store(value, Ordering::Release);
        }
    }

    fn set_of_half(&self, at: usize, value: u64) {
        self.set(layout::half(self.epoch.load(Relaxed)) + at, value);
    }
}

/// How marks name an action of an epoch: the one that was taken up as the `taken`th.
pub(super) fn action(epoch: u64, taken: u64) -> u64 {
    epoch << 32 | taken & 0xffff_ffff
}

//! Where what lies in the memory that outlives a supervisor.

use auditns_sys::shared::{CallSlot, Inbox, Mark};

/// Written last when the memory is made; another number is another layout.
pub(super) const MAGIC: u64 = 0x6175_6469_746e_0009;

/// Calls that wait for answers.
pub(super) const CALLS: u32 = 1024;
/// Answers that are on their way without the namespace's lock.
pub(super) const ANSWERS: u32 = 1024;
/// Bytes of a journal. Journals begin anew long before, except within one turn of the loop.
pub(super) const JOURNAL: usize = 32 << 20;
/// Bytes of a snapshot: all that a namespace may hold.
pub(super) const SNAPSHOT: usize = 384 << 20;
/// Longest message taken whole, in bytes: more than the kernel's default send buffer lets through. Of a longer one the
/// beginning is handled.
pub(crate) const MESSAGE: usize = 256 * 1024;

const PAGE: usize = 4096;

/// Words of the first page.
pub(super) const MAGIC_AT: usize = 0;
/// Which of the two halves holds, and how often it changed.
pub(super) const EPOCH_AT: usize = 8;
/// For what the send mark stands.
pub(super) const SEND_FOR_AT: usize = 16;
/// Number of the message in the inbox, its endpoint, and the last number that was handled.
pub(super) const INBOX_NUMBER_AT: usize = 24;
pub(super) const INBOX_ENDPOINT_AT: usize = 32;
/// The write to a log that is being done: which one and up to which record, and the log's inode number and length before.
pub(super) const STORE_FOR_AT: usize = 40;
pub(super) const STORE_INODE_AT: usize = 48;
pub(super) const STORE_LENGTH_AT: usize = 56;
/// How many places for answers were ever used.
pub(super) const ANSWERS_USED_AT: usize = 128;
/// How many places for calls were ever used: the others hold nothing, and are not looked at, because that would take memory.
pub(super) const CALLS_USED_AT: usize = 216;
/// Up to which record each of the logs is written.
pub(super) const WRITTEN_AT: [usize; 2] = [224, 232];
/// How often supervisors have panicked over the namespace.
pub(super) const PANICS_AT: usize = 240;
/// The endpoint of a late answer.
pub(super) const SEND_ENDPOINT_AT: usize = 248;
/// The number of the nested namespace that the write to a log is about; 0 for the one that the host has made.
pub(super) const STORE_NESTED_AT: usize = 384;
/// The mark of the last send.
pub(super) const MARK_AT: usize = 64;

const _: () = assert!(MARK_AT + Mark::LENGTH <= ANSWERS_USED_AT);

/// Words of a half, from [`half`] on.
pub(super) const LENGTH_OF_SNAPSHOT: usize = 0;
pub(super) const LENGTH_OF_JOURNAL: usize = 8;
pub(super) const ACTIONS_TAKEN: usize = 16;
pub(super) const ACTIONS_DONE: usize = 24;

const _: () = assert!(half(1) + 64 <= STORE_NESTED_AT);

/// Words of one of the two halves.
pub(super) const fn half(epoch: u64) -> usize {
    256 + 64 * (epoch & 1) as usize
}

const TABLE_AT: usize = PAGE;
const PLACE: usize = CallSlot::LENGTH + 8;
const ANSWERS_AT: usize = (TABLE_AT + CALLS as usize * PLACE).next_multiple_of(PAGE);
const ANSWER: usize = 8 + Mark::LENGTH;
const INBOX: usize = (ANSWERS_AT + ANSWERS as usize * ANSWER).next_multiple_of(PAGE);
const HALVES: usize = (INBOX + Inbox::OVERHEAD + MESSAGE).next_multiple_of(PAGE);

/// Length of the whole. What is never written takes no memory.
pub(super) const LENGTH: usize = HALVES + 2 * (JOURNAL + SNAPSHOT);

/// Where a call lies.
pub(super) const fn call(number: u32) -> usize {
    TABLE_AT + number as usize * PLACE
}

/// The word that says which listener it came from.
pub(super) const fn call_listener(number: u32) -> usize {
    call(number) + CallSlot::LENGTH
}

/// The word with the action that an answer is. Its mark follows.
pub(super) const fn answer(place: u32) -> usize {
    ANSWERS_AT + place as usize * ANSWER
}

pub(super) const INBOX_AT: usize = INBOX;

pub(super) const fn journal(epoch: u64) -> usize {
    HALVES + (epoch & 1) as usize * (JOURNAL + SNAPSHOT)
}

pub(super) const fn snapshot(epoch: u64) -> usize {
    journal(epoch) + JOURNAL
}

//! What the tests share: values that are made up, and answers that are held back.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use auditns_loginfs::{FileNumber, Logins, ReadReply, Write, WriteReply};
use auditns_wire::Errno;

/// Longer than any answer takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A write as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) file: FileNumber,
    pub(crate) writer: u32,
    pub(crate) call: u64,
    pub(crate) offset: u64,
    pub(crate) text: Vec<u8>,
    pub(crate) length: u32,
}

/// Answers that are owed about a file.
type Held = (Vec<ReadReply>, Vec<(WriteReply, u32)>);

#[derive(Default)]
struct State {
    values: BTreeMap<FileNumber, u32>,
    held: BTreeMap<FileNumber, Held>,
    readers: Vec<(FileNumber, u32)>,
    written: Vec<Written>,
    closed: Vec<FileNumber>,
}

/// Values in a table; what is not there is unset. Files whose answers are held are answered by [`Book::let_go`].
#[derive(Default)]
pub(crate) struct Book {
    state: Mutex<State>,
    changed: Condvar,
}

impl Book {
    pub(crate) fn hold(&self, file: FileNumber) {
        self.state.lock().unwrap().held.entry(file).or_default();
    }

    /// Answers, with errors if the reply is to be refused.
    pub(crate) fn let_go(&self, file: FileNumber, refusal: Option<Errno>) {
        let (reads, writes) = self.state.lock().unwrap().held.remove(&file).unwrap();
        for reply in reads {
            match refusal {
                None => reply.text("1"),
                Some(errno) => reply.error(errno),
            }
        }
        for (reply, length) in writes {
            match refusal {
                None => reply.taken(length),
                Some(errno) => reply.error(errno),
            }
        }
    }

    /// Forgets answers that are held, which the crate turns into errors.
    pub(crate) fn lose(&self, file: FileNumber) {
        self.state.lock().unwrap().held.remove(&file);
    }

    pub(crate) fn readers(&self) -> Vec<(FileNumber, u32)> {
        self.state.lock().unwrap().readers.clone()
    }

    pub(crate) fn written(&self) -> Vec<Written> {
        self.state.lock().unwrap().written.clone()
    }

    /// Waits until so many reads and writes have come.
    pub(crate) fn wait_for(&self, reads: usize, writes: usize) {
        let state = self.state.lock().unwrap();
        let (state, timeout) = self
            .changed
            .wait_timeout_while(state, LONG, |state| {
                state.readers.len() < reads || state.written.len() < writes
            })
            .unwrap();
        assert!(!timeout.timed_out(), "only {:?} and {:?} came", state.readers, state.written);
    }

    /// Waits until so many files have been closed.
    pub(crate) fn wait_closed(&self, count: usize) -> Vec<FileNumber> {
        let state = self.state.lock().unwrap();
        let (state, timeout) =
            self.changed.wait_timeout_while(state, LONG, |state| state.closed.len() < count).unwrap();
        assert!(!timeout.timed_out(), "only {:?} were closed", state.closed);
        state.closed.clone()
    }
}

impl Logins for Book {
    fn read(&self, file: FileNumber, reader: u32, reply: ReadReply) {
        let mut state = self.state.lock().unwrap();
        state.readers.push((file, reader));
        if let Some((reads, _)) = state.held.get_mut(&file) {
            reads.push(reply);
        } else {
            reply.text(&state.values.get(&file).copied().unwrap_or(u32::MAX).to_string());
        }
        self.changed.notify_all();
    }

    fn write(&self, write: Write<'_>, reply: WriteReply) {
        let Write { file, writer, call, offset, text, length } = write;
        let mut state = self.state.lock().unwrap();
        state.written.push(Written { file, writer, call, offset, text: text.to_vec(), length });
        let value = std::str::from_utf8(text).ok().and_then(|text| text.trim_end().parse().ok());
        if let Some((_, writes)) = state.held.get_mut(&file) {
            writes.push((reply, length));
        } else if let (0, Some(value)) = (offset, value) {
            state.values.insert(file, value);
            reply.taken(length);
        } else {
            reply.error(Errno::EINVAL);
        }
        self.changed.notify_all();
    }

    fn closed(&self, file: FileNumber) {
        self.state.lock().unwrap().closed.push(file);
        self.changed.notify_all();
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not within {LONG:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

//! The log, and saying once when it fails.

use crate::forward::Forwarder;
use crate::keeping::{Keeping, Kind};
use crate::log::{HostLog, LogFile, Rotation};
use crate::observer::{Event, Observer};
use crate::state::{Entry, Journal, Log, Write, is_after};
use auditns_core::Action;
use auditns_sys::clock;
use auditns_wire::Errno;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Writes records and remembers whether the last one could be written.
#[derive(Debug)]
pub(crate) struct Storage {
    log: LogFile,
    /// The records as the namespace sees them.
    inside: Option<LogFile>,
    /// Where the beginning and the end of every namespace stand.
    host: Option<Arc<HostLog>>,
    /// Where copies go.
    forwarder: Option<Arc<Forwarder>>,
    noted: Option<Noted>,
    /// Serial numbers of the last records in the host's log and in the other one.
    written: [Option<u32>; 2],
    /// Lines that are written in one piece.
    piece: String,
    /// Lines for what the namespace sees, the serial number of the last of them, and since when the first one waits.
    later: (String, u32),
    later_since: Duration,
    missed: u64,
}

/// What is noted of writes, so that the next process can judge them.
#[derive(Debug)]
struct Noted {
    journal: Arc<Journal>,
    /// The nested namespace whose records they are.
    nested: Option<u64>,
    /// What keeps the open files of one that the host has made.
    keeping: Option<Keeping>,
    log: Kept,
    inside: Kept,
}

/// A log as somebody keeps it open.
#[derive(Debug, Default)]
struct Kept {
    /// Inode number of the file that is kept.
    inode: u64,
    /// The file that the process before this one had open.
    before: Option<File>,
}

/// A line for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) serial: u32,
    pub(super) text: &'a str,
    /// It says that the namespace begins or ends.
    pub(super) lifetime: bool,
    /// A process that was killed may have written it into the host's own log.
    pub(super) in_doubt: bool,
}

/// How long a line waits for others to be written with.
const DELAY: Duration = Duration::from_millis(20);

/// Bytes that are written in one piece, and one line more.
const PIECE: usize = 64 * 1024;

impl Storage {
    pub(crate) fn new(log: LogFile) -> Storage {
        Storage {
            log,
            inside: None,
            host: None,
            forwarder: None,
            noted: None,
            written: [None; 2],
            piece: String::new(),
            later: (String::new(), 0),
            later_since: Duration::ZERO,
            missed: 0,
        }
    }

    /// Keeps the records as the namespace sees them as well.
    pub(crate) fn set_inside(&mut self, inside: LogFile) {
        self.inside = Some(inside);
    }

    /// Names the host's own log.
    pub(crate) fn set_host(&mut self, host: Arc<HostLog>) {
        self.host = Some(host);
    }

    /// Forwards copies of all records.
    pub(crate) fn set_forwarder(&mut self, forwarder: Arc<Forwarder>) {
        self.forwarder = Some(forwarder);
    }

    pub(super) fn set_journal(&mut self, journal: Arc<Journal>, keeping: Option<Keeping>) {
        self.noted =
            Some(Noted { journal, nested: None, keeping, log: Kept::default(), inside: Kept::default() });
    }

    /// As [`Storage::set_journal`], of a nested namespace.
    pub(super) fn set_journal_of_nested(&mut self, journal: Arc<Journal>, namespace: u64) {
        self.set_journal(journal, None);
        if let Some(noted) = &mut self.noted {
            noted.nested = Some(namespace);
        }
    }

    /// The logs as the process before this one had them open.
    pub(super) fn set_kept(&mut self, log: Option<File>, inside: Option<File>) {
        if let Some(noted) = &mut self.noted {
            (noted.log.before, noted.inside.before) = (log, inside);
        }
    }

    pub(super) fn set_rotation(&mut self, rotation: Rotation) {
        self.log.set_rotation(rotation);
        if let Some(inside) = &mut self.inside {
            inside.set_rotation(rotation);
        }
    }

    /// What the process before this one has written, and the write that it may have been killed in. `actions` are those
    /// that were not done.
    pub(super) fn settle<'a>(
        &mut self,
        written: [Option<u32>; 2],
        write: Option<Write>,
        actions: impl Iterator<Item = &'a Action>,
    ) {
        self.written = written;
        let nested = self.noted.as_ref().and_then(|noted| noted.nested);
        let is_own = |write: &Write| write.nested == nested && self.lacks(write.log, write.last);
        let Some(Write { log, last, place, .. }) = write.filter(is_own) else {
            return;
        };
        self.piece.clear();
        for (serial, text) in lines(log, actions) {
            if self.lacks(log, serial) && !is_after(serial, last) {
                push_line(&mut self.piece, text);
            }
        }
        let Some(piece) = self.piece.strip_suffix('\n') else { return };
        let (file, noted) = match (log, &mut self.inside, &mut self.noted) {
            (Log::Host, _, Some(noted)) => (&mut self.log, &mut noted.log),
            (Log::Inside, Some(inside), Some(noted)) => (inside, &mut noted.inside),
            _ => return,
        };
        // A log that cannot be looked at will most likely not be written to either, and that is told.
        if file.settle(piece, place, noted.before.take()).unwrap_or(false) {
            self.note_written(log, last);
        }
    }

    /// Writes records into the host's log ahead of other actions, in large pieces. What cannot be written is left to when its
    /// turn comes.
    pub(super) fn store_ahead<'a>(&mut self, actions: impl Iterator<Item = &'a Action>) {
        let mut waiting = lines(Log::Host, actions).peekable();
        self.piece.clear();
        while let Some((serial, text)) = waiting.next() {
            if !self.lacks(Log::Host, serial) {
                continue;
            }
            push_line(&mut self.piece, text);
            if self.piece.len() > PIECE || waiting.peek().is_none() {
                let piece = std::mem::take(&mut self.piece);
                let stored = self.append(Log::Host, piece.trim_end_matches('\n'), serial);
                self.piece = piece;
                self.piece.clear();
                if stored.is_err() {
                    return;
                }
            }
        }
    }

    /// Appends a line, unless it was stored ahead. The observer hears of the first failure and of the recovery.
    pub(super) fn store(&mut self, line: Line<'_>, observer: &mut dyn Observer) -> Result<(), Errno> {
        let ahead = !self.lacks(Log::Host, line.serial);
        let stored = if ahead { Ok(()) } else { self.append(Log::Host, line.text, line.serial) };
        let stored = stored.and_then(|()| match &self.host {
            Some(host) if line.lifetime => host.append(line.text, line.in_doubt),
            _ => Ok(()),
        });
        if let Some(forwarder) = &self.forwarder {
            forwarder.offer(line.text);
        }
        self.tell(stored, observer)
    }

    /// Appends a line to what the namespace sees, with others, soon. Nobody waits for it: the record is in the host's log, and
    /// the line in the journal, if there is one.
    pub(super) fn store_inside(&mut self, serial: u32, text: &str, observer: &mut dyn Observer) {
        if self.lacks(Log::Inside, serial) {
            if self.later.0.is_empty() {
                self.later_since = clock::since_boot();
            }
            push_line(&mut self.later.0, text);
            self.later.1 = serial;
            if self.later.0.len() > PIECE {
                self.write_later(observer);
            }
        }
    }

    /// When [`Storage::write_later`] is due, on the clock of the time since boot.
    pub(super) fn later_deadline(&self) -> Option<Duration> {
        let delay = if self.noted.is_some() { DELAY } else { Duration::ZERO };
        (!self.later.0.is_empty()).then(|| self.later_since + delay)
    }

    /// Writes what waits.
    pub(super) fn write_later(&mut self, observer: &mut dyn Observer) {
        let (mut piece, last) = std::mem::take(&mut self.later);
        if !piece.is_empty() {
            let stored = self.append(Log::Inside, piece.trim_end_matches('\n'), last);
            // The records themselves are in the log, or were counted as lost.
            let _ = self.tell(stored, observer);
            piece.clear();
        }
        self.later.0 = piece;
    }

    fn lacks(&self, log: Log, serial: u32) -> bool {
        self.written[log as usize].is_none_or(|last| is_after(serial, last))
    }

    fn note_written(&mut self, log: Log, last: u32) {
        self.written[log as usize] = Some(last);
        if let Some(noted) = &self.noted {
            match noted.nested {
                None => noted.journal.note_written(log, last),
                Some(namespace) => noted.journal.note(&Entry::NestedWritten(namespace, log, last)),
            }
        }
    }

    /// Appends lines, in one piece.
    fn append(&mut self, log: Log, piece: &str, last: u32) -> io::Result<()> {
        let file = match log {
            Log::Host => &mut self.log,
            Log::Inside => match &mut self.inside {
                Some(inside) => inside,
                None => return Ok(()),
            },
        };
        let noted = self.noted.as_mut();
        file.append_announced(piece, |file, place| {
            if let Some(noted) = noted {
                let nested = noted.nested;
                noted.announce(file, Write { nested, log, last, place });
            }
        })?;
        self.note_written(log, last);
        Ok(())
    }

    fn tell(&mut self, stored: io::Result<()>, observer: &mut dyn Observer) -> Result<(), Errno> {
        let path = self.log.path();
        match stored {
            Ok(()) => {
                let missed = std::mem::take(&mut self.missed);
                if missed > 0 {
                    observer.observe(&Event::LogRecovered { path, missed });
                }
                Ok(())
            }
            Err(error) => {
                if self.missed == 0 {
                    observer.observe(&Event::LogFailed { path, error: &error });
                }
                self.missed += 1;
                Err(error.raw_os_error().map_or(Errno::EIO, Errno))
            }
        }
    }
}

impl Noted {
    /// Before a write.
    fn announce(&mut self, file: &File, write: Write) {
        let (kind, kept) = match write.log {
            Log::Host => (Kind::Log, &mut self.log),
            Log::Inside => (Kind::InsideLog, &mut self.inside),
        };
        if let Some(keeping) = &self.keeping
            && kept.inode != write.place.inode
        {
            keeping.log(kind, file);
            kept.inode = write.place.inode;
        }
        self.journal.begin_write(write);
    }
}

/// The records that are to stand in a log, with their serial numbers.
fn lines<'a>(log: Log, actions: impl Iterator<Item = &'a Action>) -> impl Iterator<Item = (u32, &'a str)> {
    actions.filter_map(move |action| match (log, action) {
        (Log::Host, Action::Store { serial, line, .. })
        | (Log::Inside, Action::StoreInside { serial, line }) => Some((*serial, line.as_str())),
        _ => None,
    })
}

fn push_line(piece: &mut String, text: &str) {
    piece.push_str(text);
    piece.push('\n');
}

#[cfg(test)]
mod tests;

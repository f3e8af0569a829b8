//! The log, and saying once when it fails.

use crate::forward::Forwarder;
use crate::keeping::{Keeping, Kind};
use crate::log::{HostLog, LogFile, Place, Rotation};
use crate::observer::{Event, Observer};
use crate::state::Journal;
use auditns_wire::Errno;
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

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
    missed: u64,
}

/// What is noted of writes, so that the next process can judge them.
#[derive(Debug)]
struct Noted {
    journal: Rc<Journal>,
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
    pub(super) text: &'a str,
    /// It says that the namespace begins or ends.
    pub(super) lifetime: bool,
    pub(super) doubt: Doubt,
}

/// Whether something may have been done already, by a process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It was not.
    None,
    /// It may have been; where it was to be written, if it was about to be.
    Write(Option<Place>),
}

impl Storage {
    pub(crate) fn new(log: LogFile) -> Storage {
        Storage { log, inside: None, host: None, forwarder: None, noted: None, missed: 0 }
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

    pub(super) fn set_journal(&mut self, journal: Rc<Journal>, keeping: Option<Keeping>) {
        self.noted = Some(Noted { journal, keeping, log: Kept::default(), inside: Kept::default() });
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

    /// Appends a line. The observer hears of the first failure and of the recovery.
    pub(super) fn store(&mut self, line: Line<'_>, observer: &mut dyn Observer) -> Result<(), Errno> {
        let stored = append(&mut self.log, line, &mut self.noted, Kind::Log);
        let stored = stored.and_then(|()| match &self.host {
            Some(host) if line.lifetime => host.append(line.text, line.doubt != Doubt::None),
            _ => Ok(()),
        });
        if let Some(forwarder) = &self.forwarder {
            forwarder.offer(line.text);
        }
        self.tell(stored, observer)
    }

    /// Appends a line to what the namespace sees.
    pub(super) fn store_inside(&mut self, line: Line<'_>, observer: &mut dyn Observer) {
        let Some(inside) = &mut self.inside else { return };
        let stored = append(inside, line, &mut self.noted, Kind::InsideLog);
        // The record itself is in the log, or was counted as lost.
        let _ = self.tell(stored, observer);
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

fn append(log: &mut LogFile, line: Line<'_>, noted: &mut Option<Noted>, kind: Kind) -> io::Result<()> {
    let Some(Noted { journal, keeping, log: host, inside }) = noted else { return log.append(line.text) };
    let kept = if kind == Kind::InsideLog { inside } else { host };
    let before = kept.before.take();
    if let Doubt::Write(Some(place)) = line.doubt
        && log.settle(line.text, place, before)?
    {
        return Ok(());
    }
    log.append_announced(line.text, |file, place| {
        if let Some(keeping) = keeping
            && kept.inode != place.inode
        {
            keeping.log(kind, file);
            kept.inode = place.inode;
        }
        journal.begin_write(place);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<'_> {
        Line { text, lifetime: false, doubt: Doubt::None }
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Told {
        Failed,
        Recovered(u64),
        Else,
    }

    #[derive(Default)]
    struct Ear(Vec<Told>);

    impl Observer for Ear {
        fn observe(&mut self, event: &Event<'_>) {
            self.0.push(match event {
                Event::LogFailed { .. } => Told::Failed,
                Event::LogRecovered { missed, .. } => Told::Recovered(*missed),
                _ => Told::Else,
            });
        }
    }

    #[test]
    fn a_disturbance_is_told_once_and_so_is_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later");
        let mut storage = Storage::new(LogFile::new(&path, Rotation::default()));
        let mut ear = Ear::default();
        for _ in 0..2 {
            for _ in 0..5 {
                assert_eq!(storage.store(line("lost"), &mut ear), Err(Errno::ENOENT));
            }
            std::fs::create_dir(&path).unwrap();
            for _ in 0..5 {
                assert_eq!(storage.store(line("kept"), &mut ear), Ok(()));
            }
            std::fs::remove_dir_all(&path).unwrap();
        }
        let once = [Told::Failed, Told::Recovered(5)];
        assert!(ear.0.iter().eq(once.iter().chain(&once)), "{:?}", ear.0);
    }

    #[test]
    fn a_full_device_is_told_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        let (device, mode) = (rustix::fs::makedev(1, 7), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, &log, kind, mode, device).unwrap();
        let mut storage = Storage::new(LogFile::new(folder.path(), Rotation::default()));
        assert_eq!(storage.store(line("line"), &mut Ear::default()), Err(Errno::ENOSPC));
    }
}

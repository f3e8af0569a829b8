//! The log, and saying once when it fails.

use crate::log::LogFile;
use crate::observer::{Event, Observer};
use auditns_wire::Errno;

/// Writes records and remembers whether the last one could be written.
#[derive(Debug)]
pub(super) struct Storage {
    log: LogFile,
    missed: u64,
}

impl Storage {
    pub(super) fn new(log: LogFile) -> Storage {
        Storage { log, missed: 0 }
    }

    /// Appends a line. The observer hears of the first failure and of the recovery.
    pub(super) fn store(&mut self, line: &str, observer: &mut dyn Observer) -> Result<(), Errno> {
        let path = self.log.path().to_owned();
        match self.log.append(line) {
            Ok(()) => {
                let missed = std::mem::take(&mut self.missed);
                if missed > 0 {
                    observer.observe(&Event::LogRecovered { path: &path, missed });
                }
                Ok(())
            }
            Err(error) => {
                if self.missed == 0 {
                    observer.observe(&Event::LogFailed { path: &path, error: &error });
                }
                self.missed += 1;
                Err(error.raw_os_error().map_or(Errno::EIO, Errno))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Rotation;

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
                assert_eq!(storage.store("lost", &mut ear), Err(Errno::ENOENT));
            }
            std::fs::create_dir(&path).unwrap();
            for _ in 0..5 {
                assert_eq!(storage.store("kept", &mut ear), Ok(()));
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
        assert_eq!(storage.store("line", &mut Ear::default()), Err(Errno::ENOSPC));
    }
}

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

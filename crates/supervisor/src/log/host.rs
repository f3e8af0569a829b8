//! The host's own log: when each namespace began and ended.

use super::{LogFile, Rotation};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// `FOLDER/audit.log`, written by the threads of all namespaces.
#[derive(Debug)]
pub(crate) struct HostLog(Mutex<LogFile>);

impl HostLog {
    /// The log in that folder.
    pub(crate) fn new(folder: &Path, rotation: Rotation) -> HostLog {
        HostLog(Mutex::new(LogFile::new(folder, rotation)))
    }

    /// Appends a line; if it is `in_doubt`, only if it is not there.
    ///
    /// # Errors
    /// As [`LogFile::append`].
    pub(crate) fn append(&self, line: &str, in_doubt: bool) -> io::Result<()> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if in_doubt && log.contains(line)? {
            return Ok(());
        }
        log.append(line)
    }
}

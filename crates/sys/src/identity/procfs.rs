//! Reading `/proc/PID` without surprises: bounded, and with `ESRCH` for a task that is gone.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// No file that we read is longer: the longest is a `status` with 65,536 supplementary groups of up to 11 bytes.
const LONGEST: u64 = 1024 * 1024;

/// Reads a file of a task whole.
pub(super) fn read(pid: u32, name: &str) -> io::Result<Vec<u8>> {
    // Nearly every file in one call.
    let mut content = Vec::with_capacity(4096);
    let file = File::open(path(pid, name)).map_err(gone_as_esrch)?;
    file.take(LONGEST).read_to_end(&mut content).map_err(gone_as_esrch)?;
    Ok(content)
}

/// Reads a file of a task as text; bytes that are no UTF-8 are replaced, which the fields that we use never contain.
pub(super) fn read_text(pid: u32, name: &str) -> io::Result<String> {
    read(pid, name).map(|content| String::from_utf8_lossy(&content).into_owned())
}

/// `/proc/PID/NAME`.
pub(super) fn path(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

/// The rest of the line of `/proc/PID/status` that starts with `label`.
pub(super) fn status_field<'a>(status: &'a str, label: &str) -> io::Result<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(label)?.strip_prefix(':'))
        .map(str::trim)
        .ok_or_else(|| malformed(label))
}

/// The error for a file of `/proc` that does not look as documented.
pub(super) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc does not show {what} as Linux documents it"))
}

/// A missing directory below `/proc` is a missing task.
pub(super) fn gone_as_esrch(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::NotFound { io::Error::from_raw_os_error(libc::ESRCH) } else { error }
}

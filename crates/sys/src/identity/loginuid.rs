//! Login uid and session id of a task.

use super::procfs;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The value of a login uid or session id that is not set.
pub const UNSET: u32 = u32::MAX;

/// Login uid and session id, as seen from this process's user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Login {
    /// The login uid, or [`UNSET`].
    pub uid: u32,
    /// The session id, or [`UNSET`].
    pub session: u32,
}

/// The two files of one task, kept open: a read costs a tenth of an open, and they stay bound to the task, so that a
/// successor with the same id is never taken for it.
#[derive(Debug)]
pub struct LoginuidFile {
    uid: File,
    session: File,
}

impl LoginuidFile {
    /// Opens the files of a task.
    ///
    /// # Errors
    /// `ESRCH` if there is no such task, or if this kernel has no audit.
    pub fn open(pid: u32) -> io::Result<Self> {
        let open = |name| File::open(procfs::path(pid, name)).map_err(procfs::gone_as_esrch);
        Ok(Self { uid: open("loginuid")?, session: open("sessionid")? })
    }

    /// Reads both values as they are now.
    ///
    /// # Errors
    /// `ESRCH` once the task is gone.
    pub fn read(&self) -> io::Result<Login> {
        Ok(Login { uid: number(&self.uid)?, session: number(&self.session)? })
    }
}

/// Login uid and session id of this process; both [`UNSET`] on a kernel without audit.
///
/// # Errors
/// Those of reading `/proc`, other than a missing file.
pub fn own() -> io::Result<Login> {
    let read = |name| match File::open(format!("/proc/self/{name}")) {
        Ok(file) => number(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(UNSET),
        Err(error) => Err(error),
    };
    Ok(Login { uid: read("loginuid")?, session: read("sessionid")? })
}

fn number(file: &File) -> io::Result<u32> {
    let mut text = [0; 16];
    let length = file.read_at(&mut text, 0)?;
    let text = text.get(..length).unwrap_or_default().trim_ascii();
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| procfs::malformed("loginuid and sessionid"))
}

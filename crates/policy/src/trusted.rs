//! Opening files that only root, or whoever runs this, can have written.

use crate::bounds::FILE_BYTES;
use crate::error::PolicyError;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Symbolic links that are followed from one file.
const LINKS: usize = 8;

/// Opens a folder and checks it. `None` if it does not exist.
pub(crate) fn open_folder(path: &Path) -> Result<Option<OwnedFd>, PolicyError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = match open(path, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(PolicyError::OpenFolder { path: path.to_owned(), error: error.into() }),
    };
    let stat = fstat(&folder)
        .map_err(|error| PolicyError::OpenFolder { path: path.to_owned(), error: error.into() })?;
    check(path, &stat)?;
    Ok(Some(folder))
}

/// Reads a file, if it exists, after it and its folder have been checked, and so on along symbolic links.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, PolicyError> {
    let mut at = path.to_owned();
    for followed in 0..=LINKS {
        let missing =
            || if followed == 0 { Ok(None) } else { Err(PolicyError::Dangling { path: at.clone() }) };
        let (parent, name) = split(&at);
        let Some(folder) = open_folder(parent)? else { return missing() };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => return content(&at, file).map(Some),
            Err(Errno::NOENT) => return missing(),
            Err(Errno::LOOP) => at = parent.join(target(&at, folder.as_fd(), name)?),
            // A socket.
            Err(Errno::NXIO) => return Err(PolicyError::NotRegular { path: at }),
            Err(error) => return Err(PolicyError::Open { path: at, error: error.into() }),
        }
    }
    Err(PolicyError::TooManyLinks { path: at })
}

fn split(path: &Path) -> (&Path, &OsStr) {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    (parent.unwrap_or(Path::new(".")), path.file_name().unwrap_or(OsStr::new("..")))
}

fn target(path: &Path, folder: impl AsFd, name: &OsStr) -> Result<PathBuf, PolicyError> {
    let target = readlinkat(folder, name, Vec::new())
        .map_err(|error| PolicyError::Open { path: path.to_owned(), error: error.into() })?;
    Ok(PathBuf::from(OsStr::from_bytes(target.as_bytes())))
}

fn content(path: &Path, file: OwnedFd) -> Result<Vec<u8>, PolicyError> {
    let stat =
        fstat(&file).map_err(|error| PolicyError::Open { path: path.to_owned(), error: error.into() })?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PolicyError::NotRegular { path: path.to_owned() });
    }
    check(path, &stat)?;
    let mut content = Vec::new();
    File::from(file)
        .take(FILE_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(|error| PolicyError::Read { path: path.to_owned(), error })?;
    if content.len() as u64 > FILE_BYTES {
        return Err(PolicyError::TooLong { path: path.to_owned() });
    }
    Ok(content)
}

fn check(path: &Path, stat: &Stat) -> Result<(), PolicyError> {
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.contains(Mode::WOTH) {
        return Err(PolicyError::WorldWritable { path: path.to_owned(), mode: mode.bits() & 0o7777 });
    }
    if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
        return Err(PolicyError::ForeignOwner { path: path.to_owned(), owner: stat.st_uid });
    }
    Ok(())
}

//! The files of a log, while somebody may be renaming them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most old files that are looked for.
const FILES_MAX: u32 = 1000;
/// How often files are looked at again while they are being renamed.
const ATTEMPTS: u32 = 100;

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    inode: u64,
    written: Option<SystemTime>,
}

/// Opens the oldest file of a log; `None` if there is none.
pub(super) fn open_oldest(path: &Path) -> io::Result<Option<File>> {
    open(path, <[Entry]>::last)
}

/// Opens the file that follows one; `None` if that is the current one, or the next has not been begun.
pub(super) fn open_next(path: &Path, file: &File) -> io::Result<Option<File>> {
    let own = file.metadata()?;
    if path.metadata().is_ok_and(|found| found.ino() == own.ino()) {
        return Ok(None);
    }
    let last_write = own.modified().ok();
    open(path, |entries| match entries.iter().position(|entry| entry.inode == own.ino()) {
        Some(place) => place.checked_sub(1).and_then(|next| entries.get(next)),
        // It is gone: what was written since then is in those that were written to later.
        None => entries.iter().rev().find(|entry| entry.written >= last_write),
    })
}

fn open(path: &Path, choose: impl Fn(&[Entry]) -> Option<&Entry>) -> io::Result<Option<File>> {
    for _ in 0..ATTEMPTS {
        let entries = settled(path)?;
        let Some(chosen) = choose(&entries) else { return Ok(None) };
        match File::open(&chosen.path) {
            Ok(file) if file.metadata()?.ino() == chosen.inode => return Ok(Some(file)),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            // It was renamed in between.
            _ => {}
        }
    }
    Ok(None)
}

/// The files, the current one first, at a moment when none was being renamed.
fn settled(path: &Path) -> io::Result<Vec<Entry>> {
    let inodes = |entries: &[Entry]| entries.iter().map(|entry| entry.inode).collect::<Vec<_>>();
    let mut entries = listed(path)?;
    for _ in 0..ATTEMPTS {
        let again = listed(path)?;
        if inodes(&again) == inodes(&entries) {
            break;
        }
        entries = again;
    }
    Ok(entries)
}

fn listed(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut was_missing = false;
    for number in 0..FILES_MAX {
        let path = match number {
            0 => path.to_owned(),
            _ => path.with_extension(format!("log.{number}")),
        };
        match path.metadata() {
            Ok(found) => {
                was_missing = false;
                entries.push(Entry { path, inode: found.ino(), written: found.modified().ok() });
            }
            // While files are being renamed one number is free.
            Err(error) if error.kind() == ErrorKind::NotFound && !was_missing => was_missing = true,
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

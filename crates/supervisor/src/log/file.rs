//! An append-only log file with rotation by size.

use rustix::fs::{AtFlags, OFlags, Statx, StatxFlags, statx};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// When a log is rotated, and how many old ones are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rotation {
    /// Size in bytes from which a new file is begun before the next line.
    pub size: u64,
    /// Files kept in all, the current one included; at least 1.
    pub files: u32,
}

impl Default for Rotation {
    /// auditd's own defaults on Debian: 8 MiB, 5 files.
    fn default() -> Rotation {
        Rotation { size: 8 << 20, files: 5 }
    }
}

/// Where a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Inode number of the file.
    pub(crate) inode: u64,
    /// Its length before.
    pub(crate) length: u64,
}

/// `audit.log` and its predecessors `audit.log.1`, `audit.log.2`, ..., the highest number being the oldest.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    open: Option<(File, u64)>,
    line: Vec<u8>,
}

impl LogFile {
    /// The log of a folder. The file is opened at the first line, and again after each failure.
    pub fn new(folder: &Path, rotation: Rotation) -> LogFile {
        LogFile::named(folder, "audit.log", rotation)
    }

    /// As [`LogFile::new`], for a file of another name that ends in `.log`.
    pub(crate) fn named(folder: &Path, name: &str, rotation: Rotation) -> LogFile {
        LogFile { path: folder.join(name), rotation, open: None, line: Vec::new() }
    }

    /// Changes when it is rotated, from the next line on.
    pub(crate) fn set_rotation(&mut self, rotation: Rotation) {
        self.rotation = rotation;
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line. When this returns `Ok`, the line is in the file as far as every other process can tell; the
    /// kernel writes it to the disk in its own time. A line that fits only in part is taken back.
    ///
    /// # Errors
    /// Those of opening, renaming and writing, `ENOSPC` and `EIO` above all. The next line tries anew.
    pub fn append(&mut self, text: &str) -> io::Result<()> {
        self.append_announced(text, |_, _| {})
    }

    /// As [`LogFile::append`]; says before the write where it will be.
    pub(crate) fn append_announced(
        &mut self,
        text: &str,
        announce: impl FnOnce(&File, Place),
    ) -> io::Result<()> {
        let result = self.try_append(text, announce);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    /// Whether a line that was to be written there is in the file, after the process that wrote it was killed. What is there
    /// of a line that was cut is taken back. `kept` is the file as that process had it open, if somebody has kept it: its
    /// folder may have been moved since.
    ///
    /// # Errors
    /// Those of opening the file and making it shorter.
    pub(crate) fn settle(&mut self, text: &str, place: Place, kept: Option<File>) -> io::Result<bool> {
        let kept = kept.filter(|file| file.metadata().is_ok_and(|found| found.ino() == place.inode));
        let file = match kept {
            Some(file) => file,
            None => open(&self.path)?.0,
        };
        let size = file.metadata()?.len();
        let end = place.length + text.len() as u64 + 1;
        if file.metadata()?.ino() != place.inode || size <= place.length {
            return Ok(false);
        }
        if size < end {
            file.set_len(place.length)?;
        }
        Ok(size >= end)
    }

    /// Whether this line is in the file or in the one before it.
    ///
    /// # Errors
    /// Those of reading them, unless there are none.
    pub(crate) fn contains(&self, text: &str) -> io::Result<bool> {
        for path in [self.path.clone(), self.path.with_extension("log.1")] {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for line in BufReader::new(file).split(b'\n') {
                if line? == text.as_bytes() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn try_append(&mut self, text: &str, announce: impl FnOnce(&File, Place)) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(_, size)| *size >= self.rotation.size) {
            self.rotate()?;
        }
        let mut stat = self.open.as_ref().map(|(file, _)| look(file)).transpose()?;
        // A file without a name is one that nobody will read.
        if stat.is_none_or(|stat| stat.stx_nlink == 0) {
            let (file, _) = self.open.insert(open(&self.path)?);
            stat = Some(look(file)?);
        }
        let (Some((file, size)), Some(stat)) = (&mut self.open, stat) else { return Ok(()) };
        self.line.clear();
        self.line.extend_from_slice(text.as_bytes());
        self.line.push(b'\n');
        let place = Place { inode: stat.stx_ino, length: *size };
        announce(file, place);
        if let Err(error) = file.write_all(&self.line) {
            // Only this process writes here, so what stands beyond the old size is the cut line.
            let _ = file.set_len(*size);
            return Err(error);
        }
        *size += self.line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let numbered = |number: u32| match number {
            0 => self.path.clone(),
            _ => self.path.with_extension(format!("log.{number}")),
        };
        let oldest = self.rotation.files.max(1) - 1;
        for number in (0..oldest).rev() {
            rename_if_there(&numbered(number), &numbered(number + 1))?;
        }
        if oldest == 0 {
            std::fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

/// Looks at a file, but not at its times: after a look at those the kernel makes a new one at each write, and writes the inode
/// (`inode_update_timestamps`), which takes as long as the write itself.
fn look(file: &File) -> rustix::io::Result<Statx> {
    statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::NLINK | StatxFlags::INO)
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read(folder: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(folder.join(name)).ok()
    }

    #[test]
    fn lines_are_appended_to_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["one", "two"] {
            LogFile::new(folder.path(), Rotation::default()).append(text).unwrap();
        }
        assert_eq!(read(folder.path(), "audit.log").unwrap(), "one\ntwo\n");
        let mode = folder.path().join("audit.log").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn rotation_keeps_the_number_of_files_asked_for_and_loses_no_line_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(folder.path(), Rotation { size: 8, files: 3 });
        for number in 0..7 {
            log.append(&format!("line{number}")).unwrap();
        }
        assert_eq!(read(folder.path(), "audit.log").unwrap(), "line6\n");
        assert_eq!(read(folder.path(), "audit.log.1").unwrap(), "line4\nline5\n");
        assert_eq!(read(folder.path(), "audit.log.2").unwrap(), "line2\nline3\n");
        assert_eq!(read(folder.path(), "audit.log.3"), None);
    }

    #[test]
    fn a_single_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(folder.path(), Rotation { size: 1, files: 1 });
        log.append("one").unwrap();
        log.append("two").unwrap();
        assert_eq!(read(folder.path(), "audit.log").unwrap(), "two\n");
        assert_eq!(read(folder.path(), "audit.log.1"), None);
    }

    #[test]
    fn a_link_in_place_of_the_log_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("audit.log")).unwrap();
        assert!(LogFile::new(folder.path(), Rotation::default()).append("x").is_err());
        assert_eq!(read(folder.path(), "target").unwrap(), "");
    }

    #[test]
    fn a_log_that_was_removed_is_begun_anew_and_its_folder_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub");
        std::fs::create_dir(&path).unwrap();
        let mut log = LogFile::new(&path, Rotation::default());
        log.append("one").unwrap();
        std::fs::remove_file(path.join("audit.log")).unwrap();
        log.append("two").unwrap();
        assert_eq!(read(&path, "audit.log").unwrap(), "two\n");
        std::fs::remove_dir_all(&path).unwrap();
        assert_eq!(log.append("three").unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::create_dir(&path).unwrap();
        log.append("four").unwrap();
        assert_eq!(read(&path, "audit.log").unwrap(), "four\n");
    }

    #[test]
    fn after_a_kill_a_line_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(folder.path(), Rotation::default());
        log.append("one").unwrap();
        let mut place = None;
        log.append_announced("two", |_, there| place = Some(there)).unwrap();
        let place = place.unwrap();
        assert!(log.settle("two", place, None).unwrap());
        assert!(log.contains("one").unwrap() && !log.contains("on").unwrap());
        let file = OpenOptions::new().write(true).open(log.path()).unwrap();
        file.set_len(6).unwrap();
        assert!(!log.settle("two", place, None).unwrap());
        assert_eq!(read(folder.path(), "audit.log").unwrap(), "one\n", "the cut line is taken back");
        assert!(!log.settle("two", place, None).unwrap());
        assert!(!log.settle("one", Place { inode: place.inode + 1, length: 0 }, None).unwrap());
    }

    #[test]
    fn a_line_is_found_in_a_file_that_was_moved_away_if_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(folder.path(), Rotation::default());
        let mut written = None;
        log.append_announced("one", |file, place| written = Some((file.try_clone().unwrap(), place)))
            .unwrap();
        std::fs::rename(log.path(), folder.path().join("moved")).unwrap();
        let (file, place) = written.unwrap();
        assert!(!log.settle("one", place, None).unwrap());
        assert!(log.settle("one", place, Some(file)).unwrap());
    }

    #[test]
    fn after_a_failure_the_next_line_tries_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub");
        let mut log = LogFile::new(&path, Rotation::default());
        assert!(log.append("lost").is_err());
        std::fs::create_dir(&path).unwrap();
        log.append("kept").unwrap();
        assert_eq!(read(&path, "audit.log").unwrap(), "kept\n");
    }
}

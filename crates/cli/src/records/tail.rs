//! Reading a log that is rotated by size, to its end and on.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most old files that are looked for.
const FILES_MAX: u32 = 1000;

/// A place in a log.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    /// Files to be read before the current one, the next one last.
    older: Vec<PathBuf>,
    open: Option<(BufReader<File>, u64)>,
    line: Vec<u8>,
}

impl Tail {
    /// The beginning of a log, in its oldest file.
    pub(crate) fn new(path: &Path) -> Tail {
        let old = (1..FILES_MAX).map(|number| path.with_extension(format!("log.{number}")));
        let older = old.take_while(|file| file.exists()).collect();
        Tail { path: path.to_owned(), older, open: None, line: Vec::new() }
    }

    /// The next whole line; `None` at the end, after which there may be more later.
    ///
    /// # Errors
    /// Those of opening and reading; a file that is not there has no lines.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if self.open.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some((reader, inode)) = &mut self.open else { return Ok(None) };
            // A line that is still being written is finished at the next call.
            reader.read_until(b'\n', &mut self.line)?;
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                return Ok(Some(String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned()));
            }
            let is_current = self.older.is_empty()
                && std::fs::metadata(&self.path).map_or(true, |found| found.ino() == *inode);
            if is_current {
                return Ok(None);
            }
            self.open = None;
            self.line.clear();
        }
    }

    fn open_next(&mut self) -> io::Result<bool> {
        let path = self.older.pop().unwrap_or_else(|| self.path.clone());
        match File::open(path) {
            Ok(file) => {
                let inode = file.metadata()?.ino();
                self.open = Some((BufReader::new(file), inode));
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn all(tail: &mut Tail) -> Vec<String> {
        std::iter::from_fn(|| tail.next().unwrap()).collect()
    }

    #[test]
    fn old_files_come_first_and_rotation_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("audit.log.2", "a\n");
        write("audit.log.1", "b\nc\n");
        write("audit.log", "d\ne");
        let mut tail = Tail::new(&path);
        assert_eq!(all(&mut tail), ["a", "b", "c", "d"]);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"e\nf\n").unwrap();
        std::fs::rename(&path, folder.path().join("audit.log.1")).unwrap();
        write("audit.log", "g\n");
        assert_eq!(all(&mut tail), ["ee", "f", "g"]);
        assert_eq!(all(&mut tail), [""; 0]);
    }

    #[test]
    fn a_log_that_is_not_there_yet_has_no_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut tail = Tail::new(&path);
        assert_eq!(tail.next().unwrap(), None);
        std::fs::write(&path, "x\n").unwrap();
        assert_eq!(tail.next().unwrap().as_deref(), Some("x"));
    }
}

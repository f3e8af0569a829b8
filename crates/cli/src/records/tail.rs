//! Reading a log that is rotated by size, to its end and on.

use super::listing::{open_next, open_oldest};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Longest line in bytes, its end included. Longer ones are left out.
pub(crate) const LINE_MAX: usize = 1 << 20;
/// What is read at once unless a line is longer: it stays in the processor's own memory while it is searched.
const CHUNK: usize = 1 << 18;

/// Memory for what is read, for any number of logs in turn.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    pub(crate) fn new() -> Buffer {
        Buffer(vec![0; LINE_MAX])
    }
}

/// A place in a log.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    open: Option<Open>,
    too_long: u64,
}

/// A place in a file.
#[derive(Debug)]
struct Open {
    file: File,
    /// Where the next line begins. A line that is still being written is read again: its writer may take it back.
    offset: u64,
    /// Inside of a line that is left out.
    is_skipping: bool,
}

impl Tail {
    /// The beginning of a log, in its oldest file.
    pub(crate) fn new(path: &Path) -> Tail {
        Tail { path: path.to_owned(), open: None, too_long: 0 }
    }

    /// The next whole lines, with their ends; `None` at the end, after which there may be more later. The last line of a
    /// file that is not written to any more is one without an end, too.
    ///
    /// # Errors
    /// Those of opening and reading; a file that is not there has no lines.
    pub(crate) fn next<'b>(&mut self, buffer: &'b mut Buffer) -> io::Result<Option<&'b [u8]>> {
        loop {
            if self.open.is_none() {
                self.open = open_oldest(&self.path)?.map(Open::new);
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            let mut length = open.read(&mut buffer.0, false, &mut self.too_long)?;
            if length == 0 {
                let Some(next) = open_next(&self.path, &open.file)? else { return Ok(None) };
                // What was written between the last look and the renaming.
                length = open.read(&mut buffer.0, true, &mut self.too_long)?;
                if length == 0 {
                    self.open = Some(Open::new(next));
                }
            }
            if length > 0 {
                return Ok(buffer.0.get(..length));
            }
        }
    }

    /// How many lines were left out because they are longer than [`LINE_MAX`], since the last call.
    pub(crate) fn take_too_long(&mut self) -> u64 {
        std::mem::take(&mut self.too_long)
    }
}

impl Open {
    fn new(file: File) -> Open {
        Open { file, offset: 0, is_skipping: false }
    }

    /// How many bytes of whole lines now stand in the buffer, and of what follows them if that `is_all` there will be.
    fn read(&mut self, buffer: &mut [u8], is_all: bool, too_long: &mut u64) -> io::Result<usize> {
        let mut is_long = false;
        loop {
            let size = self.file.metadata()?.len();
            if size < self.offset {
                // It was emptied; of a line that was left out, only the end was taken back.
                self.offset = if self.is_skipping { size } else { 0 };
                self.is_skipping = false;
            }
            let limit = if is_long { buffer.len() } else { buffer.len().min(CHUNK) };
            let length = fill(&self.file, buffer.get_mut(..limit).unwrap_or_default(), self.offset)?;
            let filled = buffer.get(..length).unwrap_or_default();
            if self.is_skipping && length > 0 {
                let end = memchr::memchr(b'\n', filled);
                self.offset += end.map_or(length, |end| end + 1) as u64;
                self.is_skipping = end.is_none();
                continue;
            }
            let whole = match memchr::memrchr(b'\n', filled) {
                Some(end) => end + 1,
                None if length == limit && !is_long => {
                    is_long = true;
                    continue;
                }
                None if length == limit => {
                    *too_long += 1;
                    self.is_skipping = true;
                    continue;
                }
                None if is_all => length,
                None => 0,
            };
            self.offset += whole as u64;
            return Ok(whole);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{OpenOptions, remove_file, rename};
    use std::io::Write as _;
    use tempfile::TempDir;

    struct Log(TempDir);

    impl Log {
        fn new() -> Log {
            Log(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            let file = OpenOptions::new().append(true).create(true).open(self.path(name));
            file.unwrap().write_all(text.as_bytes()).unwrap();
        }

        fn rotate(&self) {
            self.rotate_among(3);
        }

        fn rotate_among(&self, oldest: u32) {
            for number in (1..oldest).rev() {
                let _ = rename(
                    self.path(&format!("audit.log.{number}")),
                    self.path(&format!("audit.log.{}", number + 1)),
                );
            }
            rename(self.path("audit.log"), self.path("audit.log.1")).unwrap();
        }

        fn tail(&self) -> Tail {
            Tail::new(&self.path("audit.log"))
        }
    }

    fn next(tail: &mut Tail) -> String {
        let mut buffer = Buffer::new();
        String::from_utf8(tail.next(&mut buffer).unwrap().unwrap_or_default().to_vec()).unwrap()
    }

    fn all(tail: &mut Tail) -> String {
        std::iter::from_fn(|| Some(next(tail)).filter(|text| !text.is_empty())).collect()
    }

    #[test]
    fn old_files_come_first_and_rotation_loses_nothing() {
        let log = Log::new();
        log.append("audit.log.2", "a\n");
        log.append("audit.log.1", "b\nc\n");
        log.append("audit.log", "d\ne");
        let mut tail = log.tail();
        assert_eq!(all(&mut tail), "a\nb\nc\nd\n", "a line that is being written is none yet");
        log.append("audit.log", "e\nf\n");
        log.rotate();
        assert_eq!(all(&mut tail), "ee\nf\n");
        log.append("audit.log", "g\n");
        assert_eq!(all(&mut tail), "g\n");
        assert_eq!(all(&mut tail), "");
    }

    #[test]
    fn files_that_are_renamed_while_they_are_read_are_read_once() {
        let log = Log::new();
        log.append("audit.log.2", "a\n");
        log.append("audit.log.1", "b\n");
        log.append("audit.log", "c\n");
        let mut tail = log.tail();
        assert_eq!(next(&mut tail), "a\n");
        log.rotate();
        log.append("audit.log", "d\n");
        assert_eq!(next(&mut tail), "b\n");
        log.rotate();
        log.append("audit.log", "e\n");
        log.rotate();
        log.append("audit.log", "f\n");
        assert_eq!(all(&mut tail), "c\nd\ne\nf\n", "b is gone, nothing is read twice");
    }

    #[test]
    fn a_writer_that_rotates_at_any_time_loses_nothing_for_a_reader() {
        let log = Log::new();
        let lines: Vec<String> = (0..3000).map(|number| format!("{number}\n")).collect();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for (number, line) in lines.iter().enumerate() {
                    if number % 30 == 29 {
                        log.rotate_among(100);
                    }
                    log.append("audit.log", line);
                }
            });
            let (mut tail, mut buffer, mut found) = (log.tail(), Buffer::new(), Vec::new());
            let mut is_last = false;
            while !is_last {
                is_last = writer.is_finished();
                while let Some(text) = tail.next(&mut buffer).unwrap() {
                    found.extend_from_slice(text);
                }
            }
            let found: Vec<&str> = std::str::from_utf8(&found).unwrap().split_inclusive('\n').collect();
            let difference = found.iter().zip(&lines).position(|(found, line)| found != line);
            assert_eq!((difference, found.len()), (None, lines.len()));
        });
    }

    #[test]
    fn the_last_line_of_an_old_file_needs_no_end() {
        let log = Log::new();
        log.append("audit.log.1", "a\nb");
        log.append("audit.log", "c\nd");
        let mut tail = log.tail();
        assert_eq!((next(&mut tail), next(&mut tail)), ("a\n".to_owned(), "b".to_owned()));
        assert_eq!(all(&mut tail), "c\n");
    }

    #[test]
    fn lines_that_are_taken_back_and_files_that_are_emptied_are_read_anew() {
        let log = Log::new();
        log.append("audit.log", "a\ncut");
        let mut tail = log.tail();
        assert_eq!(all(&mut tail), "a\n");
        OpenOptions::new().write(true).open(log.path("audit.log")).unwrap().set_len(2).unwrap();
        log.append("audit.log", "b\n");
        assert_eq!(all(&mut tail), "b\n");
        OpenOptions::new().write(true).open(log.path("audit.log")).unwrap().set_len(0).unwrap();
        log.append("audit.log", "c\n");
        assert_eq!(all(&mut tail), "c\n");
        remove_file(log.path("audit.log")).unwrap();
        log.append("audit.log", "d\n");
        assert_eq!(all(&mut tail), "d\n");
    }

    #[test]
    fn lines_are_bounded() {
        let log = Log::new();
        let line = |length: usize| format!("{}\n", "x".repeat(length - 1));
        log.append(
            "audit.log",
            &[
                "a\n",
                &line(CHUNK),
                &line(CHUNK + 1),
                &line(LINE_MAX),
                &line(LINE_MAX + 1),
                &line(LINE_MAX * 3),
                "b\n",
            ]
            .concat(),
        );
        let mut tail = log.tail();
        assert_eq!(all(&mut tail), ["a\n", &line(CHUNK), &line(CHUNK + 1), &line(LINE_MAX), "b\n"].concat());
        assert_eq!((tail.take_too_long(), tail.take_too_long()), (2, 0));
        log.append("audit.log", &"y".repeat(LINE_MAX + 5));
        assert_eq!(all(&mut tail), "");
        log.append("audit.log", "y\nc\n");
        assert_eq!((all(&mut tail), tail.take_too_long()), ("c\n".to_owned(), 1));
    }

    #[test]
    fn a_log_that_is_not_there_yet_has_no_lines() {
        let log = Log::new();
        let mut tail = log.tail();
        assert_eq!(all(&mut tail), "");
        log.append("audit.log", "x\n");
        assert_eq!(all(&mut tail), "x\n");
    }
}

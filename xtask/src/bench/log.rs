//! What of the messages of a round stands in a log.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What stands in each message of a benchmark, and in no other.
const MARK: &[u8] = b"hostname=192.0.2.7 addr=192.0.2.7 ";
/// A log that does not grow for so long is looked into.
const STILL: Duration = Duration::from_millis(100);
/// A log that does not grow for so long has all that it will have.
const FINAL: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(1);

/// Where records of a round go.
#[derive(Clone, Debug)]
pub(crate) enum Log {
    /// To one file, after what stood there before.
    File(PathBuf, u64),
    /// To a namespace's own folder, where old files are renamed.
    Folder(PathBuf),
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    /// Messages.
    pub(crate) lines: u64,
    /// From the time that was asked for to the last growth.
    pub(crate) after: Duration,
}

impl Log {
    /// A file, from its end on.
    pub(crate) fn from_now_on(path: &Path) -> Log {
        Log::File(path.to_owned(), size(path))
    }

    /// Waits until that many messages stand there, or nothing comes any more.
    pub(crate) fn wait(&self, expected: u64, since: Instant) -> Found {
        let (mut size, mut grown) = (self.size(), Instant::now());
        let mut looked_into = None;
        loop {
            std::thread::sleep(LOOK);
            let now = self.size();
            if now != size {
                (size, grown) = (now, Instant::now());
            }
            let still = grown.elapsed();
            if still > STILL && looked_into != Some(size) || still > FINAL {
                looked_into = Some(size);
                let lines = self.count();
                if lines >= expected || still > FINAL {
                    return Found { lines, after: grown.duration_since(since) };
                }
            }
        }
    }

    fn files(&self) -> Vec<(PathBuf, u64)> {
        match self {
            Log::File(path, from) => vec![(path.clone(), *from)],
            Log::Folder(folder) => fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with("audit.log"))
                .map(|entry| (entry.path(), 0))
                .collect(),
        }
    }

    fn size(&self) -> u64 {
        self.files().iter().map(|(path, _)| size(path)).sum()
    }

    /// How many messages stand there.
    pub(crate) fn count(&self) -> u64 {
        self.files().iter().map(|(path, from)| count(path, *from).unwrap_or(0)).sum()
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

fn count(path: &Path, from: u64) -> std::io::Result<u64> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let mut found = 0;
    while reader.read_until(b'\n', &mut line)? > 0 {
        found += u64::from(line.ends_with(b"\n") && line.windows(MARK.len()).any(|part| part == MARK));
        line.clear();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditns_bench::client::LOGIN;

    #[test]
    fn whole_lines_with_the_mark_count() {
        let folder = std::env::temp_dir().join(format!("xtask-log-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let login = String::from_utf8_lossy(LOGIN).replace('\0', "\n");
        let file = folder.join("audit.log");
        fs::write(&file, format!("type=LOGIN x\n{login}")).unwrap();
        let log = Log::from_now_on(&file);
        fs::write(folder.join("audit.log.1"), &login).unwrap();
        let text = fs::read_to_string(&file).unwrap() + &login + login.trim_end();
        fs::write(&file, text).unwrap();
        fs::write(folder.join("namespace.log"), &login).unwrap();
        assert_eq!((log.count(), Log::Folder(folder.clone()).count()), (1, 3));
        let found = log.wait(1, Instant::now());
        assert_eq!(found.lines, 1);
        fs::remove_dir_all(folder).unwrap();
    }
}

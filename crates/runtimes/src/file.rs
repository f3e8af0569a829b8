//! Files that are read as a whole, up to a length.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// `O_NONBLOCK`: a pipe in place of the file makes nobody wait.
const NONBLOCK: i32 = 0o4000;

/// Opens a file for reading, which does not wait whatever is there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)
}

/// Everything that is in a file; `None` if that is more than `most` bytes.
///
/// # Errors
/// Those of `read(2)`.
pub fn read(file: File, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let length = file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((length as u64 <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(open(&path).unwrap(), 5).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(read(open(&path).unwrap(), 4).unwrap(), None);
        assert_eq!(read(File::open("/dev/zero").unwrap(), 100).unwrap(), None);
        assert!(read(File::open(folder.path()).unwrap(), 5).is_err(), "a folder");
    }
}

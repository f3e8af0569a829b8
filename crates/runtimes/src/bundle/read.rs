//! Reading a configuration from its file.

use super::{Bundle, BundleError};
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Longest configuration, in bytes.
pub const LONGEST: usize = 16 << 20;
/// `O_NONBLOCK`: a pipe in place of the file makes nobody wait.
const NONBLOCK: i32 = 0o4000;

/// Reads `config.json` in the folder of a bundle.
///
/// # Errors
/// [`BundleError`]: not there, no regular file, longer than [`LONGEST`], or no configuration.
pub fn read(folder: &Path) -> Result<Bundle, BundleError> {
    read_configuration(&folder.join("config.json"))
}

/// Reads a configuration that is called something else.
///
/// # Errors
/// As [`read`].
pub fn read_configuration(path: &Path) -> Result<Bundle, BundleError> {
    let opening = |error| BundleError::Open { path: path.to_owned(), error };
    let reading = |error| BundleError::Read { path: path.to_owned(), error };
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path).map_err(opening)?;
    if !file.metadata().map_err(reading)?.is_file() {
        return Err(BundleError::NotRegular { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(reading)?;
    Bundle::parse(&bytes)
}

//! Reading a configuration from its file.

use super::{Bundle, BundleError};
use crate::file;
use std::path::Path;

/// Longest configuration, in bytes.
pub const LONGEST: usize = 16 << 20;

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
    let file = file::open(path).map_err(opening)?;
    if !file.metadata().map_err(reading)?.is_file() {
        return Err(BundleError::NotRegular { path: path.to_owned() });
    }
    let bytes = file::read(file, LONGEST as u64).map_err(reading)?;
    Bundle::parse(&bytes.ok_or(BundleError::TooLong)?)
}

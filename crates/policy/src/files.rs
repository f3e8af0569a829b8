//! Which files make up a policy.

use crate::bounds::DROP_INS;
use crate::error::PolicyError;
use crate::trusted;
use rustix::fs::Dir;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The folder of the drop-ins of a policy file: `auditns.d` beside `auditns.toml`.
fn drop_in_folder(path: &Path) -> PathBuf {
    path.with_extension("d")
}

/// The main file, if it exists, and the drop-ins in their order, with what they contain.
pub(crate) fn read(path: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, PolicyError> {
    let mut files = Vec::new();
    let mut add = |path: PathBuf| {
        if let Some(content) = trusted::read(&path)? {
            files.push((path, content));
        }
        Ok(())
    };
    add(path.to_owned())?;
    let folder = drop_in_folder(path);
    for name in drop_ins(&folder)? {
        add(folder.join(name))?;
    }
    Ok(files)
}

/// Names that end in `.toml`, in the order of their bytes; not those that editors hide behind a dot.
fn drop_ins(folder: &Path) -> Result<Vec<OsString>, PolicyError> {
    let listing =
        |error: rustix::io::Errno| PolicyError::ListFolder { path: folder.to_owned(), error: error.into() };
    let Some(opened) = trusted::open_folder(folder)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in Dir::read_from(&opened).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") || !name.ends_with(b".toml") {
            continue;
        }
        if names.len() == DROP_INS {
            return Err(PolicyError::TooManyDropIns { path: folder.to_owned() });
        }
        names.push(OsStr::from_bytes(name).to_owned());
    }
    names.sort();
    Ok(names)
}

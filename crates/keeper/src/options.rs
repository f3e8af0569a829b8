//! What a keeper is given, and why there is none.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What is kept, and for whom.
#[derive(Clone, Debug)]
pub struct KeepOptions {
    /// The program, as a path that leads to a new version when one is installed: see [`program`].
    pub program: PathBuf,
    /// The server's arguments, without the program's name.
    pub server_arguments: Vec<OsString>,
    /// The keeper's own arguments, with which a new version takes its place; without the program's name.
    pub keeper_arguments: Vec<OsString>,
    /// Folder for the socket `keeper`, which nobody else can write to.
    pub run_folder: PathBuf,
}

/// Why there is no keeper.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The socket.
    #[error(
        "the keeper's socket {} cannot be made ({error}); see whether another keeper runs, and check its folder's \
         owner and mode", path.display()
    )]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The first server.
    #[error("the server {} cannot be started ({error}); check the program and the limit on processes", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Signals.
    #[error("the keeper cannot wait for signals ({0}); check the limit on open files")]
    Signals(#[source] io::Error),
    /// Waiting.
    #[error("the keeper cannot wait for events ({0}); check the memory that is left")]
    Wait(#[source] io::Error),
}

/// The path of this program, where a new version of it is found when one has been installed in its place.
///
/// # Errors
/// Those of reading `/proc/self/exe`.
pub fn program() -> io::Result<PathBuf> {
    Ok(where_installed(std::fs::read_link("/proc/self/exe")?))
}

/// The kernel marks the path of a program that was replaced; the new one is where the old one was.
fn where_installed(path: PathBuf) -> PathBuf {
    let replaced = path.as_os_str().as_bytes().strip_suffix(b" (deleted)");
    match replaced {
        Some(replaced) if !path.exists() => OsStr::from_bytes(replaced).into(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_not_replaced_is_where_it_was() {
        assert_eq!(program().unwrap(), std::env::current_exe().unwrap());
        assert_eq!(where_installed("/usr/bin/x (deleted)".into()), PathBuf::from("/usr/bin/x"));
        assert_eq!(where_installed("/nowhere/x".into()), PathBuf::from("/nowhere/x"));
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("x (deleted)");
        std::fs::write(&odd, "").unwrap();
        assert_eq!(where_installed(odd.clone()), odd);
    }
}

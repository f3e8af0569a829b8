//! Finding and executing the real runtime.

use crate::commands::base_name;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the names of wrapped runtimes begin with.
const PREFIX: &[u8] = b"auditns-";
/// Runtimes that are wrapped by name; others are named with `--runtime`.
const KNOWN: [&[u8]; 3] = [b"crun", b"runc", b"youki"];
/// Where runtimes are, besides the folders of `PATH`, which services keep short.
const FOLDERS: [&str; 7] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/libexec/crio"];

/// Why the real runtime is not executed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("the OCI runtime {0:?} is not there; install it, or name another one with --runtime")]
    NotFound(OsString),
    #[error("{0:?} is auditns itself; name the real OCI runtime with --runtime")]
    Itself(PathBuf),
    #[error("the OCI runtime {path:?} cannot be executed ({error}); check its permissions")]
    Execute { path: PathBuf, error: io::Error },
}

/// The runtime that a program of this name wraps.
pub(super) fn wrapped(program: &OsStr) -> Option<OsString> {
    let name = base_name(program).strip_prefix(PREFIX)?;
    KNOWN.contains(&name).then(|| OsString::from_vec(name.to_vec()))
}

/// What a runtime is called in records.
pub(super) fn name(runtime: &OsStr) -> String {
    String::from_utf8_lossy(base_name(runtime)).into_owned()
}

/// The file of a runtime: a path as it is, a name from the folders of programs. What leads back to this program is not
/// taken.
pub(super) fn find(runtime: &OsStr) -> Result<PathBuf, ProgramError> {
    let own = fs::metadata("/proc/self/exe").ok();
    let is_itself = |found: &fs::Metadata| {
        own.as_ref().is_some_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()))
    };
    if runtime.as_bytes().contains(&b'/') {
        let path = PathBuf::from(runtime);
        return match fs::metadata(&path) {
            Ok(found) if is_itself(&found) => Err(ProgramError::Itself(path)),
            Ok(_) => Ok(path),
            Err(_) => Err(ProgramError::NotFound(runtime.to_owned())),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    let mut files = folders.map(|folder| folder.join(runtime));
    let executable = |found: &fs::Metadata| found.is_file() && found.permissions().mode() & 0o111 != 0;
    files
        .find(|file| fs::metadata(file).is_ok_and(|found| executable(&found) && !is_itself(&found)))
        .ok_or_else(|| ProgramError::NotFound(runtime.to_owned()))
}

/// Becomes the runtime. Returns only if that fails.
pub(super) fn execute(program: &Path, arguments: &[OsString]) -> ProgramError {
    let error = Command::new(program).args(arguments).exec();
    ProgramError::Execute { path: program.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_is_wrapped() {
        let wrapped = |name: &str| wrapped(OsStr::new(name)).map(|name| name.into_string().unwrap());
        assert_eq!(wrapped("/usr/bin/auditns-runc").as_deref(), Some("runc"));
        assert_eq!(wrapped("auditns-crun").as_deref(), Some("crun"));
        for other in ["auditns", "auditns-", "auditns-new", "/usr/bin/auditns", "runc", "/auditns-x/runc", ""]
        {
            assert_eq!(wrapped(other), None, "{other}");
        }
        assert_eq!(name(OsStr::new("/usr/sbin/runc")), "runc");
    }

    #[test]
    fn a_runtime_is_found_and_never_this_program() {
        assert!(find(OsStr::new("sh")).unwrap().is_absolute());
        assert_eq!(find(OsStr::new("/bin/sh")).unwrap(), Path::new("/bin/sh"));
        assert!(matches!(find(OsStr::new("no-such-runtime")), Err(ProgramError::NotFound(_))));
        assert!(matches!(find(OsStr::new("/no/such/runtime")), Err(ProgramError::NotFound(_))));
        let own = env::current_exe().unwrap();
        assert!(matches!(find(own.as_os_str()), Err(ProgramError::Itself(_))));
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&own, folder.path().join("runtime")).unwrap();
        assert!(matches!(find(folder.path().join("runtime").as_os_str()), Err(ProgramError::Itself(_))));
    }
}

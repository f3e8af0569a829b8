//! One module a command.

pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod exec;
mod launched;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod membership;
pub(crate) mod probe;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod runtime;
mod search;
pub(crate) mod supervise;
pub(crate) mod top;
pub(crate) mod views;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Exit status when auditns itself fails, as `env(1)`, `nohup(1)` and container managers use it.
const OWN_FAILURE: u8 = 125;

/// The file name of a program.
fn base_name(program: &OsStr) -> &[u8] {
    program.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The command's own status; 128 and the number for a signal, as shells report it.
fn exit_status(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(OWN_FAILURE)
}

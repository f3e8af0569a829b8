//! `auditns run`.

use crate::options::{Loginuid, Policy, Run};
use crate::terminal::{Terminal, line};
use auditns_supervisor::embedded::{self, Options, RunError};
use auditns_supervisor::log::Rotation;
use auditns_sys::launch::LoginuidReset;
use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

/// Exit status when auditns itself fails, as `env(1)`, `nohup(1)` and container managers use it.
const OWN_FAILURE: u8 = 125;

pub(crate) fn run(run: &Run) -> ExitCode {
    let Some(log_folder) = run.log_dir.clone().or_else(default_log_folder) else {
        line("there is no folder for the log, because HOME is not set; name one with --log-dir");
        return ExitCode::from(OWN_FAILURE);
    };
    let options = Options {
        name: run.name.clone(),
        log_folder,
        rotation: Rotation::default(),
        backlog_limit: run.backlog_limit,
        policy: match run.policy {
            Policy::Normal => auditns_core::Policy::Normal,
            Policy::Strict => auditns_core::Policy::Strict,
        },
        loginuid: match run.loginuid {
            None => LoginuidReset::Try,
            Some(Loginuid::Reset) => LoginuidReset::Require,
            Some(Loginuid::Host) => LoginuidReset::Keep,
        },
        strict_clients: run.strict_client.clone(),
        command: run.command.clone(),
    };
    let mut terminal = Terminal::new(run.events);
    let result = embedded::run(&options, &mut terminal);
    terminal.finish();
    match result {
        Ok(status) => ExitCode::from(exit_code(status)),
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(match error {
                RunError::Launch(error) => error.exit_code(),
                _ => OWN_FAILURE,
            })
        }
    }
}

/// The command's own status; 128 and the number for a signal, as shells report it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(OWN_FAILURE)
}

fn default_log_folder() -> Option<PathBuf> {
    if auditns_sys::identity::is_root() {
        return Some(PathBuf::from("/var/log/auditns"));
    }
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("auditns"))
}

//! `auditns exec`.

use super::client::{Failure, find_patiently, no_supervisor, which};
use super::{OWN_FAILURE, exit_status};
use crate::options::Exec;
use crate::terminal::line;
use auditns_control::interface::JoinRequest;
use auditns_supervisor::attached::{self, AttachedError, Confinement};
use auditns_sys::launch::LoginuidReset;
use std::os::fd::AsFd;
use std::process::ExitCode;

pub(crate) fn run(exec: &Exec) -> ExitCode {
    let found = find_patiently(&exec.supervisor);
    let mut client = match found.and_then(|client| client.ok_or_else(|| no_supervisor(&exec.supervisor))) {
        Ok(client) => client,
        Err(error) => {
            line(&error.to_string());
            return ExitCode::from(OWN_FAILURE);
        }
    };
    let loginuid = match client.show(which(&exec.namespace)) {
        Ok(found) if found.own_logins => LoginuidReset::Virtual,
        Ok(_) => LoginuidReset::Keep,
        Err(error) => {
            line(&error.to_string());
            return ExitCode::from(OWN_FAILURE);
        }
    };
    // The connection ends with the answer: there may be more commands than connections.
    let joined = attached::run(&exec.command, loginuid, Confinement::default(), move |candidate| {
        let request = JoinRequest {
            name: Some(exec.namespace.clone()),
            container: None,
            pid: candidate.pid,
            wait_killable: candidate.wait_killable,
        };
        client.join(&request, candidate.listener.as_fd()).map(|_| ()).map_err(Failure::from)
    });
    finish(joined)
}

/// The exit code of a command that was run.
pub(super) fn finish<E: std::error::Error + 'static>(
    result: Result<std::process::ExitStatus, AttachedError<E>>,
) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(exit_status(status)),
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(match error {
                AttachedError::Launch(error) => error.exit_code(),
                _ => OWN_FAILURE,
            })
        }
    }
}

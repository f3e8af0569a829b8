//! `auditns run`.

use super::client::{self, Failure, find_patiently};
use super::{OWN_FAILURE, exit_status, launched};
use crate::options::{Loginuid, Policy, Run};
use crate::terminal::{Terminal, line};
use auditns_control::client::Client;
use auditns_control::interface::{self, CreateRequest, PrepareRequest};
use auditns_supervisor::attached::{self, Confinement};
use auditns_supervisor::embedded::{self, Options, RunError};
use auditns_supervisor::log::Rotation;
use auditns_sys::launch::{LoginuidReset, listener_is_taken};
use std::collections::BTreeMap;
use std::env;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

/// What starts the namespace, as the policy has it.
const RUNTIME: &str = "run";

pub(crate) fn run(run: &Run) -> ExitCode {
    let confinement = match launched::confinement(&run.command) {
        Ok(confinement) => confinement,
        Err(error) => {
            line(&error.to_string());
            return ExitCode::from(OWN_FAILURE);
        }
    };
    if let Some(hint) = launched::hint(&run.command) {
        line(hint);
    }
    // What the command line asks of this process alone, nobody else can do.
    let own_service = run.embedded || run.events || run.log_dir.is_some();
    if !own_service && listener_is_taken().unwrap_or(false) {
        return run_nested(run, confinement);
    }
    if !own_service {
        match find_patiently(&run.supervisor) {
            Ok(Some(client)) => return run_supervised(run, confinement, client),
            Ok(None) => {}
            Err(error) => {
                line(&format!("{error}; use --embedded to do without the supervisor"));
                return ExitCode::from(OWN_FAILURE);
            }
        }
    }
    let Some(log_folder) = run.log_dir.clone().or_else(default_log_folder) else {
        line("there is no folder for the log, because HOME is not set; name one with --log-dir");
        return ExitCode::from(OWN_FAILURE);
    };
    let options = Options {
        name: run.name.clone(),
        log_folder,
        rotation: Rotation::default(),
        backlog_limit: run.backlog_limit.unwrap_or(auditns_core::Config::BACKLOG_LIMIT),
        policy: match run.policy {
            None | Some(Policy::Normal) => auditns_core::Policy::Normal,
            Some(Policy::Strict) => auditns_core::Policy::Strict,
        },
        loginuid: match run.loginuid {
            None | Some(Loginuid::Auto) => LoginuidReset::Try,
            Some(Loginuid::Reset) => LoginuidReset::Require,
            Some(Loginuid::Keep) => LoginuidReset::Keep,
            Some(Loginuid::Virtual) => {
                line(
                    "--loginuid virtual needs a supervisor, and none serves here or --embedded asks for none: start one with \
                     auditns supervise",
                );
                return ExitCode::from(OWN_FAILURE);
            }
        },
        strict_clients: run.strict_client.clone(),
        confinement,
        command: run.command.clone(),
    };
    let mut terminal = Terminal::new(run.events);
    let result = embedded::run(&options, &mut terminal);
    terminal.finish();
    match result {
        Ok(status) => ExitCode::from(exit_status(status)),
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(match error {
                RunError::Launch(error) => error.exit_code(),
                _ => OWN_FAILURE,
            })
        }
    }
}

/// Runs the command in a namespace of the supervisor's.
fn run_supervised(run: &Run, confinement: Confinement, mut client: Client) -> ExitCode {
    let request = PrepareRequest {
        name: run.name.clone(),
        runtime: RUNTIME.to_owned(),
        command: words(run),
        ..PrepareRequest::default()
    };
    let wanted = run.loginuid.map(|loginuid| match loginuid {
        Loginuid::Auto => auditns_policy::Loginuid::Auto,
        Loginuid::Reset => auditns_policy::Loginuid::Reset,
        Loginuid::Virtual => auditns_policy::Loginuid::Virtual,
        Loginuid::Keep => auditns_policy::Loginuid::Keep,
    });
    let loginuid = match client::loginuid(&mut client, &request, wanted) {
        Ok(loginuid) => loginuid,
        Err(error) => {
            line(&error.to_string());
            return ExitCode::from(OWN_FAILURE);
        }
    };
    let admitted = attached::run(&run.command, loginuid, confinement, move |candidate| {
        let request = CreateRequest {
            name: run.name.clone(),
            container: None,
            runtime: RUNTIME.to_owned(),
            pid: candidate.pid,
            no_new_privileges: candidate.no_new_privileges,
            wait_killable: candidate.wait_killable,
            loginuid: candidate.loginuid.name().to_owned(),
            command: words(run),
            annotations: BTreeMap::new(),
            backlog_limit: run.backlog_limit,
            policy: run.policy.map(|policy| match policy {
                Policy::Normal => interface::Policy::Normal,
                Policy::Strict => interface::Policy::Strict,
            }),
            strict_clients: run.strict_client.clone(),
        };
        client.create(&request, candidate.listener.as_fd()).map(|_| ()).map_err(Failure::from)
    });
    super::exec::finish(admitted)
}

/// Runs the command in a namespace inside the one that this process is in, which whoever serves that one serves.
fn run_nested(run: &Run, confinement: Confinement) -> ExitCode {
    line(
        "this is an audit namespace already: the command gets one inside it, whose name, limits and log are the host's; its \
         records are refused until the host raises its backlog limit, unless the host's policy grants one",
    );
    let loginuid = match run.loginuid {
        None | Some(Loginuid::Auto) => LoginuidReset::Try,
        Some(Loginuid::Reset) => LoginuidReset::Require,
        Some(Loginuid::Keep) => LoginuidReset::Keep,
        Some(Loginuid::Virtual) => {
            line(
                "whether login uids are virtual is settled with the namespace around this one, and holds inside it: leave \
                 --loginuid virtual out",
            );
            return ExitCode::from(OWN_FAILURE);
        }
    };
    super::exec::finish(attached::run_nested(&run.command, loginuid, confinement))
}

fn words(run: &Run) -> Vec<String> {
    run.command.iter().map(|word| word.to_string_lossy().into_owned()).collect()
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

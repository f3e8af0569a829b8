//! Talking to the supervisor.

use super::OWN_FAILURE;
use crate::options::SupervisorAt;
use crate::terminal::line;
use auditns_control::client::{Client, ClientError};
use auditns_control::interface::{self, PrepareRequest, Which};
use auditns_policy::Loginuid;
use auditns_sys::launch::LoginuidReset;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// How long whoever starts something waits for a connection.
const FOR_A_CONNECTION: Duration = Duration::from_secs(10);

/// What is waited between two attempts.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Why a command that needs the supervisor has failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nobody listens.
    #[error(
        "no supervisor serves in {0}; start one with auditns supervise, or name another folder with --run-dir"
    )]
    NoSupervisor(String),
    /// It has answered, or has not.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file.
    #[error(
        "{path} cannot be read ({error}); check its owner and mode, or name another folder with --log-dir"
    )]
    Read {
        /// Which one.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Neither a namespace nor what one has left.
    #[error(
        "no namespace {name:?} is served or has left a log in {folder}; auditns list shows those that are served"
    )]
    NoLog {
        /// What was asked for.
        name: String,
        /// Where logs are.
        folder: String,
    },
    /// Virtual login uids.
    #[error(
        "the supervisor has no files of login uids, which virtual ones need; its own lines say why (it needs /dev/fuse)"
    )]
    NoOwnLogins,
    /// Standard output.
    #[error("nothing can be written to standard output ({0})")]
    Write(std::io::Error),
}

/// The supervisor, if one serves.
pub(crate) fn find(at: &SupervisorAt) -> Result<Option<Client>, Failure> {
    Ok(Client::connect(&at.run_dir.join(interface::NAME))?)
}

/// The same for whoever starts something: waits where others have all connections, for a moment each.
pub(crate) fn find_patiently(at: &SupervisorAt) -> Result<Option<Client>, Failure> {
    let begin = Instant::now();
    loop {
        let Some(mut client) = find(at)? else { return Ok(None) };
        match client.greet() {
            Ok(()) => return Ok(Some(client)),
            Err(ClientError::Refused(refusal))
                if refusal.is_of_connections() && begin.elapsed() < FOR_A_CONNECTION =>
            {
                thread::sleep(BETWEEN_ATTEMPTS);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The supervisor.
pub(crate) fn connect(at: &SupervisorAt) -> Result<Client, Failure> {
    find(at)?.ok_or_else(|| no_supervisor(at))
}

pub(crate) fn no_supervisor(at: &SupervisorAt) -> Failure {
    Failure::NoSupervisor(at.run_dir.display().to_string())
}

/// What becomes of the login uid: what is `wanted`, else what the policy says. The supervisor has learned by then who asks, and of
/// which login, which may be unset next.
pub(crate) fn loginuid(
    client: &mut Client,
    request: &PrepareRequest,
    wanted: Option<Loginuid>,
) -> Result<LoginuidReset, Failure> {
    let prepared = client.prepare(request)?;
    // What a newer supervisor says is left to it.
    let loginuid = wanted.or_else(|| Loginuid::named(&prepared.loginuid)).unwrap_or_default();
    match loginuid {
        Loginuid::Auto if prepared.own_logins => Ok(LoginuidReset::TryElseVirtual),
        Loginuid::Auto => Ok(LoginuidReset::Try),
        Loginuid::Reset => Ok(LoginuidReset::Require),
        Loginuid::Virtual if prepared.own_logins => Ok(LoginuidReset::Virtual),
        Loginuid::Virtual => Err(Failure::NoOwnLogins),
        Loginuid::Keep => Ok(LoginuidReset::Keep),
    }
}

/// A namespace by what a person calls it: its name, or its number.
pub(crate) fn which(text: &str) -> Which {
    text.parse().map_or_else(|_| Which::Name(text.to_owned()), Which::Contid)
}

/// The exit code of a command. Whoever stops reading is no failure.
pub(crate) fn exit_code(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(OWN_FAILURE)
        }
    }
}

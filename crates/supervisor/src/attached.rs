//! A command whose namespace another process serves.

use crate::forwarding;
use auditns_sys::filter::{FilterOptions, Program};
use auditns_sys::identity::capabilities::{self, Capability};
use auditns_sys::identity::namespace::{INITIAL_USER_INODE, NamespaceFile, NamespaceKind};
use auditns_sys::launch::{self, Candidate, LaunchError, LaunchOptions, LoginuidReset};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, ExitStatus};

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum AttachedError<E: std::error::Error + 'static> {
    /// Nothing to run.
    #[error("no command was given; write it after --")]
    NoCommand,
    /// Nobody serves it.
    #[error(transparent)]
    Refused(E),
    /// The first member.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// It runs and cannot be waited for.
    #[error("the command cannot be waited for: {step} failed ({error})")]
    Wait {
        /// What failed.
        step: &'static str,
        /// Why.
        error: io::Error,
    },
}

/// What a command gets besides the filter of its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// A filter that allows what is on a list.
    pub allow: Option<Program>,
    /// Whether it gets a session keyring of its own.
    pub new_session_keyring: bool,
    /// Variables of its environment, besides those of this process.
    pub environment: Vec<(&'static str, &'static str)>,
}

/// Starts the command below a filter, executes it once it is admitted, and waits for it, passing signals on. Returns its
/// exit status; other members may live on.
///
/// # Errors
/// See [`AttachedError`]. Nothing has been executed then, except with [`AttachedError::Wait`].
pub fn run<E: std::error::Error + Send + 'static>(
    words: &[OsString],
    loginuid: LoginuidReset,
    confinement: Confinement,
    admit: impl FnOnce(&Candidate<'_>) -> Result<(), E> + Send,
) -> Result<ExitStatus, AttachedError<E>> {
    let admit = |candidate: &Candidate<'_>| admit(candidate).map_err(AttachedError::Refused);
    launch_and_wait(words, loginuid, confinement, |command, options| {
        Ok(launch::spawn_admitted(command, options, admit)?.child)
    })
}

/// Starts the command in a namespace inside the one that this process is in, and waits for it, passing signals on. Returns its
/// exit status; other members may live on.
///
/// # Errors
/// See [`AttachedError`]. Nothing has been executed then, except with [`AttachedError::Wait`].
pub fn run_nested(
    words: &[OsString],
    loginuid: LoginuidReset,
    confinement: Confinement,
) -> Result<ExitStatus, AttachedError<Infallible>> {
    launch_and_wait(words, loginuid, confinement, |command, options| {
        Ok(launch::spawn_nested(command, options)?.child)
    })
}

fn launch_and_wait<E: std::error::Error + 'static>(
    words: &[OsString],
    loginuid: LoginuidReset,
    confinement: Confinement,
    launch: impl FnOnce(Command, &LaunchOptions) -> Result<Child, AttachedError<E>>,
) -> Result<ExitStatus, AttachedError<E>> {
    let (program, arguments) = words.split_first().ok_or(AttachedError::NoCommand)?;
    let keep_ignored = launch::ignored_signals();
    let signals = forwarding::block().map_err(wait("blocking signals"))?;
    let Confinement { allow, new_session_keyring, environment } = confinement;
    let options = LaunchOptions { filter: filter(false), allow, new_session_keyring, loginuid, keep_ignored };
    let mut command = Command::new(program);
    command.args(arguments).envs(environment);
    let mut child = launch(command, &options)?;
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())
        .map_err(io::Error::from)
        .map_err(wait("watching the command"))?;
    loop {
        let mut waiting = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        match poll(&mut waiting, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(wait("waiting for events")(error.into())),
        }
        let ended = waiting[0].revents().contains(PollFlags::IN);
        forwarding::forward_all(&signals, Some(pid));
        if ended {
            return child.wait().map_err(wait("waiting for the command"));
        }
    }
}

/// The filter of a member. `shows_sender` says that members may get a handle on whoever sends to them.
pub(crate) fn filter(shows_sender: bool) -> FilterOptions {
    FilterOptions {
        notify_signals: true,
        // A ring opens sockets and sets options without a system call that the filter sees.
        refuse_io_uring: audit_can_be_reached() || shows_sender,
        refuse_sender_handles: shows_sender,
    }
}

fn wait<E: std::error::Error + 'static>(step: &'static str) -> impl Fn(io::Error) -> AttachedError<E> {
    move |error| AttachedError::Wait { step, error }
}

/// Whether what this process starts could, around the filter, write to the host's audit: only in the initial user namespace,
/// and only with an audit capability. Elsewhere the kernel itself refuses, and refusing `io_uring` would cost programs
/// something for nothing.
pub fn audit_can_be_reached() -> bool {
    let initial =
        NamespaceFile::own(NamespaceKind::User).is_ok_and(|own| own.id().inode == INITIAL_USER_INODE);
    let audit = capabilities::own()
        .is_ok_and(|set| set.has(Capability::AuditWrite) || set.has(Capability::AuditControl));
    initial && audit
}

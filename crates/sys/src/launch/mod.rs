//! Starts a program below the filter and obtains the filter's listener.

mod child;
mod error;
mod nested;
mod own;
mod report;

use child::Programs;
pub(crate) use child::install;
pub use error::{LaunchError, Step};

use crate::filter::{FilterOptions, Program};
use crate::listener::Listener;
pub use nested::{Nested, listener_is_taken, spawn_nested};
pub use own::{Entered, enter};
use report::Report;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread;

/// What to do with the login uid that the child inherits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginuidReset {
    /// Leave it.
    Keep,
    /// Unset it if it is set and the kernel permits; go on if not.
    #[default]
    Try,
    /// Unset it if it is set; fail if the kernel does not permit it.
    Require,
    /// Leave it, and stop those who open its file: who serves the filter has another one for them.
    Virtual,
    /// Unset it if it is set and the kernel permits; as [`LoginuidReset::Virtual`] if not.
    TryElseVirtual,
}

/// How a program is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchOptions {
    /// Which calls the filter stops.
    pub filter: FilterOptions,
    /// A filter without a listener that is installed after the other one.
    pub allow: Option<Program>,
    /// Whether the child gets a session keyring of its own, as programs that make containers give them one.
    pub new_session_keyring: bool,
    /// What becomes of the login uid. To unset it takes `CAP_AUDIT_CONTROL` in the initial user namespace.
    pub loginuid: LoginuidReset,
    /// Signals (1 to 64) that stay ignored in the child; every other one gets its default disposition. Usually what
    /// [`ignored_signals`] said when the launcher started, so that `nohup` keeps its meaning.
    pub keep_ignored: Vec<i32>,
}

/// What became of the login uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginuidOutcome {
    /// Not asked for.
    Kept,
    /// It was unset already, or this kernel has none.
    WasUnset,
    /// It was set and is unset now.
    Reset,
    /// It is still set: the kernel refused, with this error number.
    Refused(i32),
    /// It is as it was, and those who open its file are stopped.
    Virtual,
}

impl LoginuidOutcome {
    /// The word for it in records: whose login uid the program has.
    pub fn name(self) -> &'static str {
        match self {
            LoginuidOutcome::Kept | LoginuidOutcome::Refused(_) => "host",
            LoginuidOutcome::WasUnset => "unset",
            LoginuidOutcome::Reset => "reset",
            LoginuidOutcome::Virtual => "virtual",
        }
    }
}

/// A started program.
#[derive(Debug)]
pub struct Launched {
    /// The process, already executing the program.
    pub child: Child,
    /// The notifications of it and its descendants.
    pub listener: Listener,
    /// `PR_SET_NO_NEW_PRIVS` had to be set, because the child has no `CAP_SYS_ADMIN`: set-user-ID programs (su, sudo)
    /// do not gain privileges below it.
    pub no_new_privileges: bool,
    /// Once received, calls wait for their answer uninterrupted by anything but a kill (Linux 5.19). Without it,
    /// signals restart notified calls.
    pub wait_killable: bool,
    /// What became of the login uid.
    pub loginuid: LoginuidOutcome,
}

/// Starts `command` below the filter.
///
/// Between fork and exec the child resets signal mask and dispositions, unsets its login uid, sets no-new-privileges
/// if it must, gets its session keyring, installs the filters and hands its listener over. A `uid()` or `gid()` set on the
/// command takes effect before that, a working directory too. The command is used up, because the steps belong to one child.
///
/// # Errors
/// See [`LaunchError`]; no process is left behind.
pub fn spawn(command: Command, options: &LaunchOptions) -> Result<Launched, LaunchError> {
    spawn_admitted(command, options, |_| Ok::<(), LaunchError>(()))
}

/// A child below the filter that has not executed its program yet.
#[derive(Debug)]
pub struct Candidate<'l> {
    /// Its process id.
    pub pid: u32,
    /// The notifications of it and its descendants.
    pub listener: &'l Listener,
    /// See [`Launched::no_new_privileges`].
    pub no_new_privileges: bool,
    /// See [`Launched::wait_killable`].
    pub wait_killable: bool,
    /// See [`Launched::loginuid`].
    pub loginuid: LoginuidOutcome,
}

/// As [`spawn`]; the program is executed only if it is admitted.
///
/// # Errors
/// What `admit` returned, or a [`LaunchError`]; no process is left behind.
pub fn spawn_admitted<E: From<LaunchError> + Send>(
    mut command: Command,
    options: &LaunchOptions,
    admit: impl FnOnce(&Candidate<'_>) -> Result<(), E> + Send,
) -> Result<Launched, E> {
    let programs = Programs::assemble(options.filter).map_err(LaunchError::Filter)?;
    let (ours, childs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|error| LaunchError::Channel(error.into()))?;
    let mut steps = child::Steps::new(Some(programs), options, childs, ours.as_fd());
    // SAFETY: `Steps::run` makes system calls on memory prepared before the fork, and nothing else: no allocation, no
    // lock, no destructor.
    unsafe { command.pre_exec(move || steps.run()) };
    // To spawn is to wait for the child's exec, before which it waits for us.
    let (started, judged, name) = thread::scope(|scope| {
        let judge = scope.spawn(move || judge(&ours, admit));
        let started = command.spawn();
        let name = command.get_program().to_owned();
        // The child's end goes with the closure, so that a child which said nothing reads as end of file.
        drop(command);
        (started, judge.join(), name)
    });
    let Judged { report, listener } = match judged {
        Ok(judged) => judged?,
        Err(_) => return Err(LaunchError::HandOver.into()),
    };
    let launched = match (started, report, listener) {
        (Ok(child), Some(Report { failed: None, outcome, .. }), Some(listener)) => Ok(Launched {
            child,
            listener,
            no_new_privileges: outcome.no_new_privileges,
            wait_killable: outcome.wait_killable,
            loginuid: outcome.loginuid,
        }),
        (Ok(mut child), ..) => {
            // Without a listener here the program would get ENOSYS for every audit socket.
            let _ = child.kill();
            let _ = child.wait();
            Err(LaunchError::HandOver)
        }
        (Err(error), Some(report), _) => match report.failed {
            Some((step, errno)) => Err(LaunchError::from_step(step, errno)),
            None => Err(LaunchError::Program { program: name, error }),
        },
        (Err(error), None, _) => Err(LaunchError::Start(error)),
    };
    Ok(launched?)
}

/// What the child has said.
struct Judged {
    report: Option<Report>,
    listener: Option<Listener>,
}

/// Hears the child and lets it go on if it is admitted. Otherwise the end of the channel tells it to give up.
fn judge<E: From<LaunchError>>(
    channel: &OwnedFd,
    admit: impl FnOnce(&Candidate<'_>) -> Result<(), E>,
) -> Result<Judged, E> {
    let (report, fd) = report::receive(channel.as_fd()).map_err(LaunchError::Channel)?;
    let mut listener = fd.map(Listener::from);
    if let (Some(Report { failed: None, outcome, pid }), Some(listener)) = (report, &mut listener) {
        admit(&Candidate {
            pid,
            listener,
            no_new_privileges: outcome.no_new_privileges,
            wait_killable: outcome.wait_killable,
            loginuid: outcome.loginuid,
        })?;
        // A child that is gone is noticed by whoever waits for its exec.
        let _ = report::send_go(channel.as_fd());
    }
    Ok(Judged { report, listener })
}

/// The signals that this process ignores now, without `SIGPIPE`, which the Rust runtime ignores on its own account.
/// Empty if `/proc` is not mounted.
pub fn ignored_signals() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
        .unwrap_or(0);
    (1..=64).filter(|signal| *signal != libc::SIGPIPE && mask >> (signal - 1) & 1 == 1).collect()
}

#[cfg(test)]
mod tests;

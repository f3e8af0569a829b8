//! The server process.

use crate::ear::Ear;
use crate::inherited::{
    CAPACITY_VARIABLE, KEEPER_VARIABLE, NAMES_VARIABLE, RESTARTS_VARIABLE, VARIABLES,
    WATCHDOG_PERIOD_VARIABLE,
};
use crate::shelf::Shelf;
use crate::upstream::watchdog_period;
use auditns_sys::identity::process::has_lost_its_first_thread;
use auditns_sys::inherited::Program;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, pidfd_open, pidfd_send_signal,
    waitid, waitpid,
};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often is looked whether the first thread has ended. Others have as long to end after it: as a rule, it takes them less than
/// a millisecond.
pub(crate) const LOOK: Duration = Duration::from_millis(700);

/// What a program is told in its environment.
type Variables = Vec<(OsString, OsString)>;

/// How a server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
    /// Its first thread has ended, and others wait in the kernel for what may never come: for the file system of a container
    /// that does not answer, for example. Not even SIGKILL ends them; they execute nothing any more.
    Lingers,
}

impl End {
    /// As shells put it: 128 and the signal's number, if it was one.
    pub(crate) fn code(self) -> i32 {
        match self {
            End::Exit(code) => code,
            End::Signal(signal) => 128 + signal,
            End::Lingers => 128 + Signal::KILL.as_raw(),
        }
    }
}

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    pid: Pid,
    pidfd: OwnedFd,
    /// When it was looked whether its first thread has ended, and what was found.
    looked: Instant,
    first_thread_ended: bool,
    begun: Instant,
    /// It serves, as far as it says.
    pub(crate) ready: bool,
}

impl Server {
    /// Executes a server with what is kept.
    pub(crate) fn start(
        path: &Path,
        arguments: &[OsString],
        ear: &Ear,
        shelf: &Shelf,
        restarts: u32,
    ) -> io::Result<Server> {
        let mut environment: Variables =
            std::env::vars_os().filter(|(name, _)| !VARIABLES.iter().any(|own| name == own)).collect();
        let mut tell = |name: &str, value: &OsStr| environment.push((name.into(), value.into()));
        tell(KEEPER_VARIABLE, ear.path().as_os_str());
        tell(CAPACITY_VARIABLE, shelf.capacity().to_string().as_ref());
        tell(RESTARTS_VARIABLE, restarts.to_string().as_ref());
        if let Some(period) = watchdog_period() {
            tell(WATCHDOG_PERIOD_VARIABLE, &period);
        }
        let pid = program(path, arguments, environment, shelf)?.spawn(&shelf.descriptors())?;
        let pid = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::NotFound)?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Server {
                pid,
                pidfd,
                looked: Instant::now(),
                first_thread_ended: false,
                begun: Instant::now(),
                ready: false,
            }),
            Err(error) => {
                let _ = kill_process(pid, Signal::KILL);
                let _ = waitpid(Some(pid), WaitOptions::empty());
                Err(error.into())
            }
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn send(&self, signal: Signal) {
        // It may have ended, which is noticed where it is waited for.
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// How it has ended, if it has.
    pub(crate) fn end(&self) -> io::Result<Option<End>> {
        loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
                Ok(Some(status)) => {
                    let signal = status.terminating_signal().map(End::Signal);
                    return Ok(Some(status.exit_status().map(End::Exit).or(signal).unwrap_or(End::Exit(1))));
                }
                Ok(None) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether it is nothing but threads that do not end. To be asked again and again: the kernel tells nobody when a first
    /// thread ends before the others. It is looked every [`LOOK`].
    pub(crate) fn lingers(&mut self) -> bool {
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        let lingered_before = self.first_thread_ended;
        self.first_thread_ended = has_lost_its_first_thread(self.pid.as_raw_pid().cast_unsigned());
        lingered_before && self.first_thread_ended
    }
}

impl AsFd for Server {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// A program that is told the names of what is kept.
pub(crate) fn program(
    path: &Path,
    arguments: &[OsString],
    mut environment: Variables,
    shelf: &Shelf,
) -> io::Result<Program> {
    environment.retain(|(name, _)| name != NAMES_VARIABLE);
    if !shelf.is_empty() {
        environment.push((NAMES_VARIABLE.into(), shelf.names().into()));
    }
    let mut called = vec![path.as_os_str().to_owned()];
    called.extend_from_slice(arguments);
    Program::new(path, &called, environment)
}

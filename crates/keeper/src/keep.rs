//! The keeper: it holds descriptors, and replaces the server when it ends.

use crate::inherited::{FOR_CHILD_OF, FOR_PROCESS};
use crate::server::{Ear, Server, hand_over};
use crate::shelf::Shelf;
use auditns_sys::signals::SignalFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_process};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// The exit status that says that starting the server again would not help: wrong usage or configuration.
const WRONG_USAGE: i32 = 2;
/// How long a server that is told to end has for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited before a server that never served is started again: from the first, doubling, to the last.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Messages that are heard before signals are looked at.
const MESSAGES_PER_TURN: usize = 256;

/// What is kept, and for whom.
#[derive(Clone, Debug)]
pub struct KeepOptions {
    /// The program, as a path that leads to a new version when one is installed.
    pub program: PathBuf,
    /// The server's arguments.
    pub server_arguments: Vec<OsString>,
    /// The keeper's own arguments, with which a new version takes its place.
    pub keeper_arguments: Vec<OsString>,
    /// Folder for the socket, which root alone can write to.
    pub run_folder: PathBuf,
}

/// Why there is no keeper.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The socket.
    #[error("the keeper's socket {} cannot be made ({error}); check its folder's owner and mode", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Signals.
    #[error("the keeper cannot wait for signals ({0})")]
    Signals(#[source] io::Error),
    /// Waiting.
    #[error("the keeper cannot wait for events ({0})")]
    Wait(#[source] io::Error),
    /// A new version.
    #[error("{} cannot be executed in the keeper's place ({error}); check the program", program.display())]
    Replace {
        /// The program.
        program: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What the keeper is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Serve,
    /// Until then the server has time.
    End(Instant),
    Replace,
}

/// Keeps a server, until it is told to end by SIGTERM or SIGINT. Returns the exit status to end with.
///
/// SIGHUP is passed on. With SIGUSR2 the server ends and the program, as it then is, takes the place of both.
///
/// # Errors
/// See [`KeepError`].
pub fn keep(options: &KeepOptions) -> Result<i32, KeepError> {
    let signals = [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR2].map(Signal::as_raw);
    let signals = SignalFd::block(&signals).map_err(KeepError::Signals)?;
    let mut shelf = Shelf::default();
    for (name, fd) in crate::inherited() {
        shelf.keep(&name, fd);
    }
    let path = options.run_folder.join("keeper");
    let ear = Ear::bind(&path).map_err(|error| KeepError::Socket { path, error })?;
    let mut keeper = Keeper { options, signals, shelf, ear, restarts: 0, back_off: BACK_OFF.0 };
    keeper.run()
}

struct Keeper<'o> {
    options: &'o KeepOptions,
    signals: SignalFd,
    shelf: Shelf,
    ear: Ear,
    restarts: u32,
    back_off: Duration,
}

impl Keeper<'_> {
    fn run(&mut self) -> Result<i32, KeepError> {
        loop {
            let started = Server::start(
                &self.options.program,
                &self.options.server_arguments,
                &self.ear,
                &self.shelf,
                self.restarts,
            );
            self.restarts = self.restarts.saturating_add(1);
            let (served, aim) = match started {
                Ok(mut server) => {
                    let (status, aim) = self.serve(&mut server)?;
                    match aim {
                        Aim::End(_) => return Ok(code(status)),
                        Aim::Serve if !server.ready && status.code() == Some(WRONG_USAGE) => {
                            return Ok(WRONG_USAGE);
                        }
                        _ => {}
                    }
                    if aim == Aim::Serve {
                        say(&format!("the supervisor has ended ({status}) and is started again"));
                    }
                    (server.ready, aim)
                }
                Err(error) => {
                    say(&format!("the supervisor cannot be started ({error})"));
                    (false, Aim::Serve)
                }
            };
            if aim == Aim::Replace {
                return Err(self.replace());
            }
            if served {
                self.back_off = BACK_OFF.0;
            } else if self.pause()? {
                return Ok(0);
            }
        }
    }

    /// Waits before the next start. Returns whether to end.
    fn pause(&mut self) -> Result<bool, KeepError> {
        let until = Instant::now() + self.back_off;
        self.back_off = (self.back_off * 2).min(BACK_OFF.1);
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(false);
            }
            wait(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(rest))?;
            while let Ok(Some(signal)) = self.signals.read() {
                if signal.number == Signal::TERM.as_raw() || signal.number == Signal::INT.as_raw() {
                    return Ok(true);
                }
            }
        }
    }

    /// Keeps one server until it has ended.
    fn serve(&mut self, server: &mut Server) -> Result<(ExitStatus, Aim), KeepError> {
        let mut aim = Aim::Serve;
        let mut refused = self.shelf.refused();
        loop {
            let rest = match aim {
                Aim::End(until) => Some(until.saturating_duration_since(Instant::now())),
                _ => None,
            };
            let mut events = [
                PollFd::new(&self.signals, PollFlags::IN),
                PollFd::new(&self.ear, PollFlags::IN),
                PollFd::new(&server.pidfd, PollFlags::IN),
            ];
            wait(&mut events, rest)?;
            let ended = events[2].revents().contains(PollFlags::IN);
            // All that an ended server has said, some of what a living one says.
            let most = if ended { usize::MAX } else { MESSAGES_PER_TURN };
            for _ in 0..most {
                let heard = self.ear.hear(server.pid()).map_err(KeepError::Wait)?;
                let Some((message, descriptors)) = heard else { break };
                server.follow(&message, descriptors, &mut self.shelf);
            }
            if self.shelf.refused() != refused {
                refused = self.shelf.refused();
                say(&format!("{refused} descriptors are not kept: there are too many"));
            }
            if ended {
                return Ok((server.wait().map_err(KeepError::Wait)?, aim));
            }
            while let Ok(Some(signal)) = self.signals.read() {
                aim = aim_of(signal.number, server, aim);
            }
            if rest.is_some_and(|rest| rest.is_zero()) {
                let _ = kill_process(server.pid(), Signal::KILL);
            }
        }
    }

    /// Executes the program anew in this process. Returns only if that fails.
    fn replace(&self) -> KeepError {
        let KeepOptions { program, keeper_arguments, .. } = self.options;
        let mut command = Command::new(program);
        command
            .args(keeper_arguments)
            .env(FOR_PROCESS, std::process::id().to_string())
            .env_remove(FOR_CHILD_OF);
        let error = match hand_over(&mut command, &self.shelf) {
            Ok(()) => command.exec(),
            Err(error) => error,
        };
        KeepError::Replace { program: program.clone(), error }
    }
}

fn aim_of(signal: i32, server: &Server, aim: Aim) -> Aim {
    let pass = |signal| {
        let _ = kill_process(server.pid(), signal);
    };
    if signal == Signal::HUP.as_raw() {
        pass(Signal::HUP);
    } else if signal == Signal::USR2.as_raw() && aim == Aim::Serve {
        pass(Signal::USR2);
        return Aim::Replace;
    } else if signal == Signal::TERM.as_raw() || signal == Signal::INT.as_raw() {
        pass(Signal::TERM);
        return Aim::End(Instant::now() + PATIENCE);
    }
    aim
}

fn wait(events: &mut [PollFd<'_>], longest: Option<Duration>) -> Result<(), KeepError> {
    let longest = longest.and_then(|rest| Timespec::try_from(rest).ok());
    match poll(events, longest.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(KeepError::Wait(error.into())),
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(io::stderr(), "auditns: {text}");
}

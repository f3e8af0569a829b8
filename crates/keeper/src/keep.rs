//! The keeper: it holds descriptors, and replaces the server when it ends.

use crate::ear::{Ear, Heard};
use crate::message::What;
use crate::options::{KeepError, KeepOptions};
use crate::pace::Pace;
use crate::say::{Tally, say};
use crate::server::{End, LOOK, Server, program as program_with};
use crate::shelf::Shelf;
use crate::upstream::Upstream;
use auditns_sys::signals::SignalFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Signal, getrlimit, setrlimit};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The exit status that says that starting the server again would not help: wrong usage or configuration.
const WRONG_USAGE: End = End::Exit(2);
/// How long a server that is told to end has for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that are heard before signals are looked at.
const MESSAGES_PER_TURN: usize = 256;
/// Messages of a server that has ended. It can have left no more than a socket's queue holds.
const LAST_MESSAGES: usize = 65_536;
/// Descriptors that the keeper needs besides those that it keeps.
const OWN_DESCRIPTORS: usize = 32 + crate::message::DESCRIPTORS_PER_MESSAGE;

/// Keeps a server, until it is told to end by SIGTERM or SIGINT. Returns the exit status to end with (0 to 255).
///
/// A server that ends is started again: at once if it said that it is ready, otherwise after 100 ms to 5 s. If it ends with
/// status 2 before the first one was ever ready, so does the keeper. SIGHUP is passed on. So is SIGUSR2, on which the server
/// ends when it has handed over everything; the program, as it then is, takes the place of this process.
///
/// The limit on open files is raised as far as it may be, for the server as well. To be called before the program has
/// started threads.
///
/// # Errors
/// See [`KeepError`].
pub fn keep(options: &KeepOptions) -> Result<i32, KeepError> {
    let signals = [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR2].map(Signal::as_raw);
    let signals = SignalFd::block(&signals).map_err(KeepError::Signals)?;
    let path = options.run_folder.join("keeper");
    let ear = Ear::bind(&path).map_err(|error| KeepError::Socket { path, error })?;
    let mut keeper = Keeper {
        options,
        signals,
        ear,
        shelf: Shelf::new(raise_limit().saturating_sub(OWN_DESCRIPTORS)),
        upstream: Upstream::from_environment(),
        pace: Pace::default(),
        restarts: 0,
        trusted: false,
        tallies: Tallies::default(),
        lingering: Vec::new(),
    };
    for (name, fd) in crate::inherited() {
        keeper.trusted = true;
        keeper.put(&name, vec![fd]);
    }
    keeper.run()
}

fn raise_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// What the keeper is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Serve,
    /// The server has time until then; `None` once it has been killed.
    End(Option<Instant>),
    Replace,
}

struct Keeper<'o> {
    options: &'o KeepOptions,
    signals: SignalFd,
    ear: Ear,
    shelf: Shelf,
    upstream: Upstream,
    pace: Pace,
    restarts: u32,
    /// A server has been ready, or there is something from before: from now on no failure ends the keeper.
    trusted: bool,
    tallies: Tallies,
    /// Servers of which threads are left that do not end.
    lingering: Vec<Server>,
}

#[derive(Debug, Default)]
struct Tallies {
    not_kept: Tally,
    garbled: Tally,
    strangers: Tally,
}

impl Keeper<'_> {
    fn run(&mut self) -> Result<i32, KeepError> {
        loop {
            let KeepOptions { program, server_arguments, .. } = self.options;
            let started = Server::start(program, server_arguments, &self.ear, &self.shelf, self.restarts);
            self.restarts = self.restarts.saturating_add(1);
            let mut aim = Aim::Serve;
            let pause = match started {
                Ok(mut server) => {
                    let end;
                    (end, aim) = self.serve(&mut server)?;
                    let (was_ready, age) = (server.ready, server.age());
                    if end == End::Lingers {
                        say(
                            "threads of the server wait in the kernel for a file system that does not answer, and do not end",
                        );
                        self.lingering.push(server);
                    }
                    if matches!(aim, Aim::End(_)) && end == End::Lingers {
                        return Ok(0);
                    }
                    if matches!(aim, Aim::End(_)) || (end == WRONG_USAGE && !was_ready && !self.trusted) {
                        return Ok(end.code());
                    }
                    if aim == Aim::Serve {
                        say(&format!("the server has ended ({}) and is started again", end.code()));
                    }
                    self.pace.after(was_ready, age)
                }
                Err(error) if !self.trusted => {
                    return Err(KeepError::Start { program: program.clone(), error });
                }
                Err(error) => {
                    say(&format!("the server cannot be started ({error})"));
                    self.pace.after(false, Duration::ZERO)
                }
            };
            if aim == Aim::Serve {
                aim = self.pause(pause)?;
            }
            match aim {
                Aim::Serve => {}
                Aim::End(_) => return Ok(0),
                Aim::Replace => self.replace(),
            }
        }
    }

    /// Waits before the next start. Ends early if the configuration may have changed.
    fn pause(&mut self, pause: Duration) -> Result<Aim, KeepError> {
        let until = Instant::now() + pause;
        loop {
            if let Some(signal) = self.signals.read().map_err(KeepError::Signals)? {
                return Ok(match Signal::from_named_raw(signal.number) {
                    Some(Signal::HUP) => Aim::Serve,
                    Some(Signal::USR2) => Aim::Replace,
                    _ => Aim::End(None),
                });
            }
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(Aim::Serve);
            }
            wait(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(rest))?;
        }
    }

    /// Keeps one server until it has ended.
    fn serve(&mut self, server: &mut Server) -> Result<(End, Aim), KeepError> {
        let mut aim = Aim::Serve;
        loop {
            let rest = match aim {
                Aim::End(Some(until)) => Some(until.saturating_duration_since(Instant::now())),
                _ => None,
            };
            let mut events = [
                PollFd::new(&self.signals, PollFlags::IN),
                PollFd::new(&self.ear, PollFlags::IN),
                PollFd::new(server, PollFlags::IN),
            ];
            wait(&mut events, Some(rest.map_or(LOOK, |rest| rest.min(LOOK))))?;
            let [_, _, ended] = events.map(|event| event.revents().contains(PollFlags::IN));
            self.lingering.retain(|server| !matches!(server.end(), Ok(Some(_))));
            // Before it is waited for, so that its process id is nobody else's.
            for _ in 0..if ended { LAST_MESSAGES } else { MESSAGES_PER_TURN } {
                let Some(heard) = self.ear.hear(server.pid()).map_err(KeepError::Wait)? else { break };
                self.follow(heard, server);
            }
            // Before the end counts: a signal to a whole group of processes ends the server and is meant for the keeper as well.
            while let Some(signal) = self.signals.read().map_err(KeepError::Signals)? {
                aim = self.aim(signal.number, server, aim);
            }
            if ended && let Some(end) = server.end().map_err(KeepError::Wait)? {
                return Ok((end, aim));
            }
            if server.lingers() {
                return Ok((End::Lingers, aim));
            }
            if rest.is_some_and(|rest| rest.is_zero()) {
                server.send(Signal::KILL);
                aim = Aim::End(None);
            }
        }
    }

    /// What to do on a signal.
    fn aim(&mut self, signal: i32, server: &Server, aim: Aim) -> Aim {
        match (Signal::from_named_raw(signal), aim) {
            (Some(Signal::HUP), _) => server.send(Signal::HUP),
            (Some(Signal::USR2), Aim::Serve) => {
                server.send(Signal::USR2);
                return Aim::Replace;
            }
            (Some(Signal::TERM | Signal::INT), Aim::Serve | Aim::Replace) => {
                self.upstream.say("STOPPING=1");
                server.send(Signal::TERM);
                return Aim::End(Some(Instant::now() + PATIENCE));
            }
            _ => {}
        }
        aim
    }

    /// Does what a message says.
    fn follow(&mut self, heard: Heard, server: &mut Server) {
        let (message, fds) = match heard {
            Heard::Server(message, fds) => (message, fds),
            Heard::Garbled => {
                let line = |count| {
                    format!("{count} messages of the server were not understood, or lost descriptors")
                };
                return self.tallies.garbled.count(line);
            }
            Heard::Stranger => {
                let line = |count| format!("{count} messages were left that did not come from the server");
                return self.tallies.strangers.count(line);
            }
        };
        server.ready |= message.ready;
        self.trusted |= message.ready;
        self.upstream.say(&message.passed_on);
        match message.what {
            What::Nothing => {}
            What::Keep(name) => self.put(&name, fds),
            What::Forget(name) => self.shelf.forget(&name),
        }
    }

    fn put(&mut self, name: &str, fds: Vec<OwnedFd>) {
        if let Err(full) = self.shelf.keep(name, fds) {
            let line = |count| format!("what was to be kept as {name:?} is not kept: {full} ({count} times)");
            self.tallies.not_kept.count(line);
        }
    }

    /// Executes the program anew in this process. Returns only if that fails: an old keeper is better than none.
    fn replace(&self) {
        let KeepOptions { program, keeper_arguments, .. } = self.options;
        let error = match program_with(program, keeper_arguments, std::env::vars_os().collect(), &self.shelf)
        {
            Ok(program) => program.replace(&self.shelf.descriptors()),
            Err(error) => error,
        };
        say(&format!(
            "{} cannot be executed in the keeper's place ({error}); it stays as it is",
            program.display()
        ));
    }
}

fn wait(events: &mut [PollFd<'_>], longest: Option<Duration>) -> Result<(), KeepError> {
    let longest = longest.and_then(|rest| Timespec::try_from(rest).ok());
    match poll(events, longest.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(KeepError::Wait(error.into())),
    }
}

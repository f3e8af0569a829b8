//! The process that asks the kernel which task is in which namespace (`auditns_bpf::membership`), outside of the supervisor.
//!
//! It loads programs, for which it reads megabytes of the kernel's type information, and makes calls that the supervisor has
//! given up. There are two: one that waits and replaces the other when that ends. Whoever kills the one that waits has the
//! supervisor replaced, which cannot start it again itself.

use super::OWN_FAILURE;
use crate::terminal::line;
use auditns_bpf::membership::{COMMANDS, ServeError, serve};
use auditns_bpf::{Membership, MembershipOptions, Steering};
use auditns_sandbox::{confine_to_bpf, keep_bpf_capabilities};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Resource, getrlimit, nice, setpriority_process, setrlimit};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Connections whose senders are noted, about: as many as can be kept over a restart. Costs 2 MiB of kernel memory.
const CONNECTIONS: u32 = 8192;
/// Also where it was replaced on disk since.
const SAME_PROGRAM: &str = "/proc/self/exe";
/// What the environment says about this process's parent, not about it.
const NOTIFY_VARIABLE: &str = "NOTIFY_SOCKET";
/// While programs are loaded for the first time: whoever waits for an acknowledgement comes first. Later, others wait for them.
const LOADING_NICE: i32 = 19;
/// With this limit (`RLIMIT_NICE`), a process may have the usual priority again.
const USUAL_NICE_LIMIT: u64 = 20;
/// Exit status where starting again would not help.
const IN_VAIN: u8 = 3;
/// How long to wait before another process is started: it doubles up to the longest pause, and begins anew with a process that
/// has served for longer than that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A supervisor is not replaced before it has served for so long.
const SERVED: Duration = Duration::from_secs(5);
/// A signal for all of a group ends the supervisor itself within this time.
const MOMENT: Duration = Duration::from_secs(1);

/// The two, started.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    socket: OwnedFd,
}

/// Starts the two.
///
/// # Errors
/// Those of making the socket and the process.
pub(crate) fn start() -> io::Result<Started> {
    let (socket, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let mut command = Command::new(SAME_PROGRAM);
    command.arg0("auditns").arg("membership").env_remove(NOTIFY_VARIABLE);
    let child = command.stdin(Stdio::from(other)).stdout(Stdio::null()).spawn()?;
    Ok(Started { child, socket })
}

impl Started {
    /// Begins to talk to them; see [`Membership::start`]. Where the supervisor is replaceable, it ends if the one that waits is
    /// killed: its sandbox lets it start no process.
    ///
    /// # Errors
    /// Those of starting threads and of copying a descriptor.
    pub(crate) fn begin(
        self,
        keeper: Box<dyn auditns_bpf::Keeper>,
        steering: Arc<OnceLock<Steering>>,
        kept: &mut Vec<(String, OwnedFd)>,
        is_replaceable: bool,
    ) -> io::Result<Arc<Membership>> {
        let Started { mut child, socket } = self;
        let begun = Instant::now();
        let wait = move || {
            let was_killed = child.wait().is_ok_and(|status| status.signal().is_some());
            if was_killed && is_replaceable {
                thread::sleep(SERVED.saturating_sub(begun.elapsed()).max(MOMENT));
                line(
                    "the process that has others look at tasks was killed; the next supervisor starts it again",
                );
                std::process::exit(OWN_FAILURE.into());
            }
        };
        thread::Builder::new().name("membership".to_owned()).spawn(wait)?;
        let options = MembershipOptions { socket, keeper, connections: CONNECTIONS, steering };
        Membership::start(options, kept)
    }
}

/// `auditns membership`: serves whoever holds the other end of standard input, or has others do so.
pub(crate) fn run(serves: bool) -> ExitCode {
    if serves {
        return serve_once();
    }
    let limit = getrlimit(Resource::Nice);
    let maximum = limit.maximum.map_or(USUAL_NICE_LIMIT, |maximum| maximum.max(USUAL_NICE_LIMIT));
    let raised = rustix::process::Rlimit { current: Some(USUAL_NICE_LIMIT), maximum: Some(maximum) };
    let _ = setrlimit(Resource::Nice, raised);
    if let Err(error) = keep_bpf_capabilities() {
        line(&error.to_string());
        return ExitCode::from(IN_VAIN);
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let status = Command::new(SAME_PROGRAM).arg0("auditns").args(["membership", "--serve"]).status();
        match &status {
            Ok(status) if status.success() => return ExitCode::SUCCESS,
            Ok(status) if status.code() == Some(IN_VAIN.into()) => return ExitCode::from(IN_VAIN),
            _ => {}
        }
        line(&format!("the process that looks at tasks {} and is started again", end_of(&status)));
        if begun.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn end_of(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("has ended ({status})"),
        Err(error) => format!("cannot be started ({error})"),
    }
}

fn serve_once() -> ExitCode {
    let socket = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) => socket,
        Err(error) => {
            line(&format!("standard input is no socket ({error})"));
            return ExitCode::from(IN_VAIN);
        }
    };
    let may_return = getrlimit(Resource::Nice).current.is_none_or(|limit| limit >= USUAL_NICE_LIMIT);
    if may_return {
        let _ = nice(LOADING_NICE);
    }
    let hurry = || {
        let _ = setpriority_process(None, 0);
    };
    let confine = || {
        hurry();
        confine_to_bpf(&COMMANDS).map_err(|error| error.to_string())
    };
    match serve(&socket, hurry, confine) {
        Ok(()) => ExitCode::SUCCESS,
        // The supervisor says why.
        Err(ServeError::Load(_)) => ExitCode::from(IN_VAIN),
        Err(error) => {
            line(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

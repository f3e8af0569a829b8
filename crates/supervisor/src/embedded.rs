//! One namespace, served from the process that starts its first member.

use crate::identity::Clients;
use crate::log::{Folder, FolderError, LogFile, Rotation};
use crate::observer::{Event, Observer};
use crate::server::Server;
use crate::time::now;
use auditns_core::{Config, Namespace, Policy};
use auditns_sys::filter::FilterOptions;
use auditns_sys::identity::capabilities::{self, Capability};
use auditns_sys::identity::details;
use auditns_sys::identity::loginuid;
use auditns_sys::identity::namespace::{INITIAL_USER_INODE, NamespaceFile, NamespaceKind};
use auditns_sys::launch::{self, LaunchError, LaunchOptions, Launched, LoginuidOutcome, LoginuidReset};
use auditns_sys::signals::{self, SignalFd};
use auditns_sys::{Endpoints, SentBy, clock};
use auditns_wire::record::Ids;
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Signal, getrlimit, kill_process, pidfd_open, setrlimit,
};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the namespace; by default the program's name and process id.
    pub name: Option<String>,
    /// Folder of all namespaces' logs; the namespace gets one of its own inside.
    pub log_folder: PathBuf,
    /// When the log is rotated.
    pub rotation: Rotation,
    /// Backlog limit at the start, in records; 0 closes the gate.
    pub backlog_limit: u32,
    /// How much of its configuration is the namespace's own.
    pub policy: Policy,
    /// What to do with the login user id that the command inherits.
    pub loginuid: LoginuidReset,
    /// File names of programs, besides the known ones, that get netlink's addresses and control messages with what they
    /// receive; `*` at the end stands for any ending.
    pub strict_clients: Vec<String>,
    /// Program and arguments; not empty.
    pub command: Vec<OsString>,
}

/// Why a namespace could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The first member.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Nothing to run.
    #[error("no command was given; write it after --")]
    NoCommand,
    /// The event loop could not be set up or failed.
    #[error("the namespace cannot be served: {step} failed ({error})")]
    Serve {
        /// What failed.
        step: &'static str,
        /// Why.
        error: io::Error,
    },
}

const SIGNAL_TOKEN: u64 = 1;
const CHILD_TOKEN: u64 = 2;

/// Signals that are passed on to the command.
const FORWARDED: [Signal; 4] = [Signal::HUP, Signal::USR1, Signal::USR2, Signal::TERM];
/// Signals that the terminal sends to the command as well; it decides what they mean.
const FROM_TERMINAL: [Signal; 2] = [Signal::INT, Signal::QUIT];

/// Signals that would end or stop us for no good reason: one to the whole process group is meant for the command, and a
/// limit on the size of files (`SIGXFSZ`) or a terminal that stops who writes in the background (`SIGTTOU`) is an error
/// of one write.
const SURVIVED: [Signal; 9] = [
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::TTOU,
];
/// As [`SURVIVED`].
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// Most generations between the command and a member that signals us.
const ANCESTORS_MAX: usize = 64;

/// How much of the command line stands in the START record, in bytes.
const COMMAND_SHOWN: usize = 160;

/// How long after the command's end other members may stay before a person is told that they are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts the command as the first member of a new audit namespace and serves the namespace until its last member is
/// gone. Returns the command's exit status.
///
/// # Errors
/// See [`RunError`]. Nothing has been started then, except with [`RunError::Serve`].
pub fn run(options: &Options, observer: &mut dyn Observer) -> Result<ExitStatus, RunError> {
    let program = options.command.first().ok_or(RunError::NoCommand)?.clone();
    let name = options.name.clone().unwrap_or_else(|| default_name(&program));
    let folder = Folder::open(&options.log_folder, &name)?;

    let keep_ignored = launch::ignored_signals();
    let blocked = FORWARDED.iter().chain(&FROM_TERMINAL).chain(&SURVIVED).map(|signal| signal.as_raw());
    let blocked: Vec<i32> = blocked.chain(REAL_TIME).collect();
    let signals = SignalFd::block(&blocked).map_err(serve("blocking signals"))?;
    let starter = starter();
    let endpoints = Endpoints::new();
    let shows_sender = endpoints.sent_by() == SentBy::Supervisor;
    let launch = LaunchOptions {
        filter: FilterOptions {
            notify_signals: true,
            // A ring opens sockets and sets options without a system call that the filter sees.
            refuse_io_uring: could_reach_the_hosts_audit() || shows_sender,
            refuse_sender_handles: shows_sender,
        },
        loginuid: options.loginuid,
        keep_ignored,
    };
    let mut command = Command::new(&program);
    command.args(&options.command[1..]);
    let launched = launch::spawn(command, &launch)?;
    // Members with our own user id are not to get at our descriptors. Root has other ways, and no such members.
    if !rustix::process::geteuid().is_root() {
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    let descriptors = raise_descriptor_limit();

    let config = Config {
        contid: crate::new_contid(),
        name: name.into_bytes(),
        policy: options.policy,
        backlog_limit: options.backlog_limit,
        queue_bytes: Config::QUEUE_BYTES,
        starter,
        start_fields: start_fields(&options.command, &launched),
    };
    let Launched { child, listener, wait_killable, .. } = launched;
    let namespace = Namespace::new(config, now());
    let log = LogFile::new(folder.path(), options.rotation);
    let clients = Clients::new(&options.strict_clients);
    let mut server = Server::new(namespace, listener, log, clients, endpoints, observer, descriptors)
        .map_err(serve("the event loop"))?;
    if !wait_killable {
        server.leave_receiving_to_members();
    }
    serve_until_end(server, child, &signals)
}

fn serve_until_end(
    mut server: Server<'_>,
    mut child: Child,
    signals: &SignalFd,
) -> Result<ExitStatus, RunError> {
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())
        .map_err(io::Error::from)
        .map_err(serve("watching the command"))?;
    server.watch(signals, SIGNAL_TOKEN).map_err(serve("watching signals"))?;
    server.watch(&pidfd, CHILD_TOKEN).map_err(serve("watching the command"))?;
    let mut status = None;
    let mut told_at = None;
    loop {
        let turn = server.turn(told_at.map(|_| PATIENCE)).map_err(serve("waiting for events"))?;
        if turn.ready.contains(&SIGNAL_TOKEN) {
            while let Ok(Some(signal)) = signals.read() {
                forward(signal, status.is_none().then_some(pid));
            }
        }
        if turn.ready.contains(&CHILD_TOKEN) {
            server.unwatch(&pidfd);
            status = Some(child.wait().map_err(serve("waiting for the command"))?);
            told_at = Some(clock::since_boot() + PATIENCE);
        }
        if turn.ended {
            break;
        }
        if told_at.is_some_and(|at| at <= clock::since_boot()) {
            told_at = None;
            server.show(&Event::CommandEnded);
        }
    }
    server.finish();
    match status {
        Some(status) => Ok(status),
        None => child.wait().map_err(serve("waiting for the command")),
    }
}

fn serve(step: &'static str) -> impl Fn(io::Error) -> RunError {
    move |error| RunError::Serve { step, error }
}

/// Passes a signal on, unless it comes from below the command: a member that signals our process group has signalled
/// the command in it already.
fn forward(signal: signals::Signal, command: Option<Pid>) {
    let Some(number) = FORWARDED.into_iter().find(|known| known.as_raw() == signal.number) else { return };
    let Some(command) = command else { return };
    if !descends_from(signal.sender, command) {
        let _ = kill_process(command, number);
    }
}

fn descends_from(pid: u32, ancestor: Pid) -> bool {
    let ancestor = ancestor.as_raw_nonzero().get().cast_unsigned();
    let mut pid = pid;
    for _ in 0..ANCESTORS_MAX {
        if pid == ancestor {
            return true;
        }
        match details::brief(pid) {
            Ok(found) if found.parent > 1 => pid = found.parent,
            _ => return false,
        }
    }
    false
}

/// Whether a member that gets around the filter could write to the host's audit: only in the initial user namespace,
/// and only with an audit capability. Elsewhere the kernel itself refuses, and refusing `io_uring` would cost programs
/// something for nothing.
fn could_reach_the_hosts_audit() -> bool {
    let initial =
        NamespaceFile::own(NamespaceKind::User).is_ok_and(|own| own.id().inode == INITIAL_USER_INODE);
    let audit = capabilities::own()
        .is_ok_and(|set| set.has(Capability::AuditWrite) || set.has(Capability::AuditControl));
    initial && audit
}

/// The supervisor's descriptors, one or two a socket of a member, count against its own limit; the command has got the
/// old one already. Returns the limit in force.
fn raise_descriptor_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

fn starter() -> Ids {
    let login = loginuid::own().unwrap_or(loginuid::Login { uid: Ids::UNSET, session: Ids::UNSET });
    Ids {
        pid: std::process::id(),
        uid: rustix::process::getuid().as_raw(),
        auid: login.uid,
        ses: login.session,
    }
}

fn start_fields(command: &[OsString], launched: &Launched) -> Vec<(&'static str, String)> {
    let loginuid = match launched.loginuid {
        LoginuidOutcome::Kept | LoginuidOutcome::Refused(_) => "host",
        LoginuidOutcome::WasUnset => "unset",
        LoginuidOutcome::Reset => "reset",
    };
    let words: Vec<&[u8]> = command.iter().map(|word| word.as_bytes()).collect();
    let words = words.join(&b' ');
    let shown = String::from_utf8_lossy(&words[..words.len().min(COMMAND_SHOWN)]).into_owned();
    let pid = launched.child.id();
    let mut fields = vec![
        ("runtime", "run".to_owned()),
        ("vm-pid", pid.to_string()),
        ("loginuid", loginuid.to_owned()),
        ("no-new-privs", u8::from(launched.no_new_privileges).to_string()),
    ];
    for (field, file) in [("user-ns", "user"), ("pid-ns", "pid"), ("mnt-ns", "mnt"), ("net-ns", "net")] {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{file}")).unwrap_or_default();
        let text = link.to_string_lossy();
        let inode = text.split(['[', ']']).nth(1).unwrap_or("?");
        fields.push((field, inode.to_owned()));
    }
    fields.push(("cmd", shown));
    fields
}

/// The program's file name, without what a name may not contain, and our process id.
fn default_name(program: &OsString) -> String {
    let base = program.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let plain: String =
        base.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_alphanumeric).take(32).collect();
    let plain = if plain.is_empty() { "run".to_owned() } else { plain };
    format!("{plain}-{}", std::process::id())
}

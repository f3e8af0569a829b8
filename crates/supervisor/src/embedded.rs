//! One namespace, served from the process that starts its first member.

use crate::attached::{self, Confinement};
use crate::descriptors;
use crate::forwarding;
use crate::identity::Clients;
use crate::log::{Folder, FolderError, LogFile, Rotation};
use crate::observer::{Event, Observer};
use crate::origin::Origin;
use crate::server::calls::Calls;
use crate::server::durable::Durable;
use crate::server::limits::{Limits, SOCKETS};
use crate::server::storage::Storage;
use crate::server::threads::{MainThread, Serving};
use crate::server::{Parts, Server};
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::start::{self, First};
use crate::time::now;
use auditns_bpf::Membership;
use auditns_core::{Config, Family, Namespace, Nesting, Policy};
use auditns_sys::launch::{self, LaunchError, LaunchOptions, Launched, LoginuidReset};
use auditns_sys::signals::SignalFd;
use auditns_sys::{Endpoints, SentBy, clock};
use auditns_wire::record::Ids;
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
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
    /// What the command gets besides.
    pub confinement: Confinement,
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

/// How long after the command's end other members may stay before a person is told that they are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts the command as the first member of a new audit namespace and serves the namespace until its last member is
/// gone. Returns the command's exit status.
///
/// # Errors
/// See [`RunError`]. Nothing has been started then, except with [`RunError::Serve`].
pub fn run(options: &Options, observer: &mut (dyn Observer + Send)) -> Result<ExitStatus, RunError> {
    let program = options.command.first().ok_or(RunError::NoCommand)?.clone();
    let name = options.name.clone().unwrap_or_else(|| start::default_name(&program, std::process::id()));
    let folder = Folder::open(&options.log_folder, &name)?;

    let keep_ignored = launch::ignored_signals();
    let signals = forwarding::block().map_err(serve("blocking signals"))?;
    let login = auditns_sys::identity::loginuid::own();
    let (auid, ses) = login.map_or((Ids::UNSET, Ids::UNSET), |login| (login.uid, login.session));
    let starter = Ids { pid: std::process::id(), uid: rustix::process::getuid().as_raw(), auid, ses };
    let endpoints = Endpoints::new();
    let shows_sender = endpoints.sent_by() == SentBy::Supervisor;
    let Confinement { allow, new_session_keyring, environment } = options.confinement.clone();
    let filter = attached::filter(shows_sender);
    let launch =
        LaunchOptions { filter, allow, new_session_keyring, loginuid: options.loginuid, keep_ignored };
    let mut command = Command::new(&program);
    command.args(&options.command[1..]).envs(environment);
    let launched = launch::spawn(command, &launch)?;
    // Members with our own user id are not to get at our descriptors. Root has other ways, and no such members.
    if !rustix::process::geteuid().is_root() {
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    // The command has got the old limit already.
    let descriptors = descriptors::raise_limit();
    let advance = Limits::for_descriptors(descriptors).advance;

    let settings = Settings {
        rotation: options.rotation,
        inside_log: false,
        sockets: SOCKETS,
        read_rate: 0,
        strict_clients: options.strict_clients.clone(),
    };
    let pid = launched.child.id();
    let origin = Origin {
        index: 0,
        name,
        container: None,
        labels: Vec::new(),
        runtime: "run".to_owned(),
        uid: rustix::process::geteuid().as_raw(),
        pid,
        pid_started: 0,
        began: now().seconds,
        served_before: 0,
        log_folder: folder.path().to_owned(),
    };
    let config = Config {
        contid: crate::new_contid(),
        name: origin.name.clone().into_bytes(),
        policy: options.policy,
        backlog_limit: options.backlog_limit,
        starter,
        queue_bytes: Config::QUEUE_BYTES,
        rules_max: Config::RULES_MAX,
        inside_log: false,
        delivery_delay: Config::DELIVERY_DELAY,
        own_logins: false,
        labels: Vec::new(),
        parents: Vec::new(),
        start_fields: start::fields(&First {
            runtime: "run",
            pid,
            is_runtime: false,
            loginuid: launched.loginuid.name(),
            no_new_privileges: launched.no_new_privileges,
            command: &options.command,
        }),
    };
    let Launched { child, listener, wait_killable, .. } = launched;
    let parts = Parts {
        namespace: Durable::new(Family::new(Namespace::new(config, now()), Nesting::default()), None),
        nesting: None,
        answers: None,
        calls: Calls::new(None),
        storage: Storage::new(LogFile::new(folder.path(), options.rotation)),
        clients: Clients::new(&options.strict_clients),
        sockets: Arc::new(Sockets::new(endpoints, advance, None, std::iter::empty())),
        descriptors,
        origin,
        settings,
        keeping: None,
        steering: Arc::default(),
        membership: Membership::absent("this process serves one namespace alone"),
        login_files: None,
    };
    let mut server = Server::new(parts, observer).map_err(serve("the event loop"))?;
    server.add_listener(listener, wait_killable, None).map_err(serve("watching the listener"))?;
    Serving::new(server).run(|thread| serve_until_end(thread, child, &signals))
}

fn serve_until_end(
    thread: &mut MainThread<'_, '_, '_>,
    mut child: Child,
    signals: &SignalFd,
) -> Result<ExitStatus, RunError> {
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())
        .map_err(io::Error::from)
        .map_err(serve("watching the command"))?;
    thread.lock().watch(signals, SIGNAL_TOKEN).map_err(serve("watching signals"))?;
    thread.lock().watch(&pidfd, CHILD_TOKEN).map_err(serve("watching the command"))?;
    let mut status = None;
    let mut told_at = None;
    loop {
        let turn = thread.turn(told_at.map(|_| PATIENCE)).map_err(serve("waiting for events"))?;
        if turn.ready.contains(&SIGNAL_TOKEN) {
            forwarding::forward_all(signals, status.is_none().then_some(pid));
        }
        if turn.ready.contains(&CHILD_TOKEN) {
            thread.lock().unwatch(&pidfd);
            status = Some(child.wait().map_err(serve("waiting for the command"))?);
            told_at = Some(clock::since_boot() + PATIENCE);
        }
        if turn.ended {
            break;
        }
        if told_at.is_some_and(|at| at <= clock::since_boot()) {
            told_at = None;
            thread.lock().show(&Event::CommandEnded);
        }
    }
    thread.finish();
    match status {
        Some(status) => Ok(status),
        None => child.wait().map_err(serve("waiting for the command")),
    }
}

fn serve(step: &'static str) -> impl Fn(io::Error) -> RunError {
    move |error| RunError::Serve { step, error }
}

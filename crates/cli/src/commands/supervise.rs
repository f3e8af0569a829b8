//! `auditns supervise`: the keeper, and the supervisor that it keeps.

use super::OWN_FAILURE;
use super::membership;
use crate::options::Supervise;
use crate::terminal::{Terminal, line};
use auditns_bpf::{Membership, Steering};
use auditns_control::interface;
use auditns_keeper::{FdStore, KeepOptions, inherited, is_heir, keep};
use auditns_policy::{Forward, Policy};
use auditns_sandbox::{Sandbox, Tasks};
use auditns_supervisor::Store;
use auditns_supervisor::host::{Host, HostOptions, end_at_panics};
use auditns_sys::heap::Heap;
use auditns_sys::placement;
use auditns_sys::signals::SignalFd;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{DumpableBehavior, Signal};
use rustix::time::Timespec;
use std::env;
use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Exit status for a wrong configuration, where nothing is kept: starting again would not help.
const WRONG_USAGE: u8 = 2;
/// How long a wrong policy is left alone before whoever keeps descriptors starts the next supervisor. A signal ends the wait.
const UNTIL_MENDED: Duration = Duration::from_secs(1);
/// Under which name the socket of the control interface is kept.
const CONTROL: &str = "control";
/// The socket of the agent of OCI runtimes, and under which name it is kept.
pub(crate) const OCI: &str = "oci.sock";
/// The socket of the proxy of LXC's monitors, and under which name it is kept.
pub(crate) const LXC: &str = "lxc.sock";
/// How often freed memory is given back to the kernel.
const HOUSEKEEPING: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };
/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Why there is no supervisor.
#[derive(Debug, thiserror::Error)]
enum SuperviseError {
    #[error("only root can supervise the namespaces of all users; run it as root, or use auditns run")]
    NotRoot,
    #[error("the folder {} cannot be made or used ({error}); check its parent, or name another with --run-dir", path.display())]
    RunFolder { path: PathBuf, error: io::Error },
    #[error("a supervisor serves in {} already; stop it first, or name another folder with --run-dir", .0.display())]
    Running(PathBuf),
    #[error("the socket {} cannot be made ({error}); check its folder's owner and mode", path.display())]
    Socket { path: PathBuf, error: io::Error },
    #[error("signals cannot be waited for ({0})")]
    Signals(#[source] io::Error),
    #[error("the path of this program cannot be found ({0}); is /proc mounted?")]
    Program(#[source] io::Error),
    #[error(transparent)]
    Keep(#[from] auditns_keeper::KeepError),
    #[error(transparent)]
    Store(#[from] auditns_keeper::StoreError),
    #[error(transparent)]
    Sandbox(#[from] auditns_sandbox::SandboxError),
    #[error(transparent)]
    Host(#[from] auditns_supervisor::host::HostError),
}

pub(crate) fn run(supervise: &Supervise) -> ExitCode {
    let policy = match Policy::load(&supervise.config) {
        Ok(policy) => Some(policy),
        Err(error) => {
            line(&error.to_string());
            if supervise.check || !is_heir() {
                return ExitCode::from(WRONG_USAGE);
            }
            None
        }
    };
    if supervise.check {
        if let Some(policy) = &policy {
            print!("{policy}");
        }
        return ExitCode::SUCCESS;
    }
    let result = match (supervise.no_keeper, policy) {
        // A keeper needs no policy, and must not let go of what it keeps.
        (false, _) => keep_server(supervise),
        (true, Some(policy)) => serve(supervise, policy),
        (true, None) => {
            line("what containers ask of audit waits until the policy is mended");
            std::thread::sleep(UNTIL_MENDED);
            return ExitCode::from(OWN_FAILURE);
        }
    };
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(OWN_FAILURE)),
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn keep_server(supervise: &Supervise) -> Result<i32, SuperviseError> {
    let run_folder = run_folder(supervise)?;
    let _lock = lock(&run_folder)?;
    let keeper_arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut server_arguments = keeper_arguments.clone();
    server_arguments.push("--no-keeper".into());
    let program = auditns_keeper::program().map_err(SuperviseError::Program)?;
    let options = KeepOptions { program, server_arguments, keeper_arguments, run_folder };
    Ok(keep(&options)?)
}

fn serve(supervise: &Supervise, policy: Policy) -> Result<i32, SuperviseError> {
    // Before anything else is opened.
    let mut kept = inherited();
    if !auditns_sys::identity::is_root() {
        return Err(SuperviseError::NotRoot);
    }
    // It can be started from outside of the sandbox only, and is not to block the signals that this process blocks.
    let looker = membership::start();
    let signals = [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR2].map(Signal::as_raw);
    let signals = SignalFd::block(&signals).map_err(SuperviseError::Signals)?;
    // Whoever could trace it could speak for every namespace.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let store = Arc::new(Kept(FdStore::from_environment()?));
    let run_folder = run_folder(supervise)?;
    let mut sockets = Sockets { folder: &run_folder, kept: &mut kept, store: &store.0 };
    let oci = sockets.listener(OCI, OCI, SocketType::STREAM)?.into();
    let lxc = sockets.listener(LXC, LXC, SocketType::SEQPACKET)?;
    // Who finds the control interface finds the others.
    let listener = sockets.listener(interface::NAME, CONTROL, SocketType::STREAM)?.into();
    let log_folder = supervise.log_dir.clone().unwrap_or_else(|| policy.log_folder().to_owned());
    let config = supervise.config.clone();
    // Every thread inherits both.
    if let Err(error) = placement::boost_priority(policy.priority_boost()) {
        line(&format!(
            "the priority cannot be raised by {} ({error}): clients wait longer for answers; CAP_SYS_NICE is missing, or set \
             priority-boost = 0 in the policy",
            policy.priority_boost()
        ));
    }
    let sandbox = Sandbox::enter(Tasks { forwards: policy.forward() == Forward::Kernel })?;
    for shortcoming in sandbox.shortcomings() {
        line(&shortcoming.to_string());
    }
    end_at_panics();
    let steering = Arc::<OnceLock<Steering>>::default();
    let keeper = Box::new(Kept(FdStore::from_environment()?));
    let is_replaceable = store.capacity().is_some();
    let begun =
        looker.and_then(|looker| looker.begin(keeper, Arc::clone(&steering), &mut kept, is_replaceable));
    // Whoever asks is told why; a line says it as well.
    let membership = begun.unwrap_or_else(|error| {
        Membership::absent(&format!("nothing could be started that loads BPF ({error})"))
    });
    let mut host = Host::start(HostOptions {
        policy,
        read_policy: Box::new(move || Policy::load(&config).map_err(|error| error.to_string())),
        log_folder,
        listener,
        oci,
        lxc,
        store: Arc::clone(&store) as Arc<dyn Store>,
        kept,
        restarts: env::var("AUDITNS_RESTARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(0),
        steering,
        membership,
        observer: Box::new(|name| Box::new(Terminal::of(name))),
    })?;
    // Without it everything works; the limit can be set by command.
    let limits = mount_limits(&host, &run_folder.join("proc"));
    if let Err(error) = host.mount_login_files() {
        line(&format!(
            "no namespace can have login uids of its own ({error}); --loginuid virtual is refused"
        ));
    }
    sandbox.seal()?;
    store.0.ready(&format!("serving {} namespaces", host.namespaces()))?;
    let mut heap = Heap::default();
    loop {
        match poll(&mut [PollFd::new(&signals, PollFlags::IN)], Some(&HOUSEKEEPING)) {
            // A host that cannot read its own size has other worries.
            Ok(0) => drop(heap.give_back()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(SuperviseError::Signals(error.into())),
        }
        while let Ok(Some(signal)) = signals.read() {
            if signal.number != Signal::HUP.as_raw() {
                drop(limits);
                // What is not in the kept memory is nowhere: there is nothing to bring to an end.
                std::process::exit(0);
            }
            match host.reload() {
                Ok(()) => line("the policy was read again"),
                Err(error) => line(&format!("{error}; the policy before holds")),
            }
        }
    }
}

/// The tree `PID/audit_backlog_limit`.
fn mount_limits(host: &Host, path: &Path) -> Option<auditns_limitfs::Mounted> {
    // Of a dead predecessor's mount not even the folder can be looked at.
    let _ = DirBuilder::new().mode(0o755).create(path);
    match host.mount_limits(path) {
        Ok(mounted) => Some(mounted),
        Err(error) => {
            line(&error.to_string());
            None
        }
    }
}

fn run_folder(supervise: &Supervise) -> Result<PathBuf, SuperviseError> {
    let path = supervise.supervisor.run_dir.clone();
    match DirBuilder::new().recursive(true).mode(0o755).create(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(SuperviseError::RunFolder { path, error }),
    }
}

/// One keeper in a folder; the lock lasts as long as the file is open.
fn lock(run_folder: &Path) -> Result<File, SuperviseError> {
    let path = run_folder.join("lock");
    let lock = File::create(&path).map_err(|error| SuperviseError::RunFolder { path, error })?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(_) => Err(SuperviseError::Running(run_folder.to_owned())),
    }
}

/// Sockets on which the supervisor listens.
struct Sockets<'a> {
    folder: &'a Path,
    kept: &'a mut Vec<(String, OwnedFd)>,
    store: &'a FdStore,
}

impl Sockets<'_> {
    /// The socket with that file name: as it was kept, or a new one.
    fn listener(&mut self, file: &str, kept_as: &str, kind: SocketType) -> Result<OwnedFd, SuperviseError> {
        let path = self.folder.join(file);
        if let Some(at) = self.kept.iter().position(|(name, _)| name == kept_as) {
            let listener = self.kept.remove(at).1;
            if path.exists() {
                return Ok(listener);
            }
            // A service manager can remove the folder and keep what was in it, where nobody finds it any more.
            drop(listener);
            self.store.forget(kept_as)?;
        }
        let listener = bind(&path, kind)?;
        self.store.keep(kept_as, &[listener.as_fd()])?;
        Ok(listener)
    }
}

/// Anybody may ask; what for is decided by who asks.
fn bind(path: &Path, kind: SocketType) -> Result<OwnedFd, SuperviseError> {
    let failed = |error| SuperviseError::Socket { path: path.to_owned(), error };
    let listen_at = || -> io::Result<OwnedFd> {
        let socket = net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        net::listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mask = rustix::process::umask(Mode::from_raw_mode(0o111));
    let listener = listen_at();
    rustix::process::umask(mask);
    listener.map_err(failed)
}

/// The keeper, as the supervisor knows it.
#[derive(Debug)]
struct Kept(FdStore);

impl Store for Kept {
    fn keep(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.keep(name, &[fd]).map_err(io::Error::other)
    }

    fn forget(&self, name: &str) -> io::Result<()> {
        self.0.forget(name).map_err(io::Error::other)
    }

    fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }
}

impl auditns_bpf::Keeper for Kept {
    // What is not kept is lost with this process, and nothing else is.
    fn keep(&self, name: &str, fd: BorrowedFd<'_>) {
        let _ = self.0.keep(name, &[fd]);
    }

    fn forget(&self, name: &str) {
        let _ = self.0.forget(name);
    }
}

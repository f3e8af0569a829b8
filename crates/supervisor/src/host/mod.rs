//! The supervisor of a host: it serves the namespaces of all users.

mod agents;
mod asking;
mod control;
mod creation;
mod describe;
mod directory;
mod emptied;
mod inherited;
mod joining;
mod limit_tree;
mod login_tree;
mod members;
mod membership;
mod naming;
mod nested_names;
mod orders;
mod resident;
#[cfg(test)]
mod tests;

use crate::descriptors;
use crate::forward::Forwarder;
use crate::keeping::{Keep, Store};
use crate::log::{HostLog, Rotation};
use crate::observer::Observer;
use crate::sockets::{Attendance, Sockets};
pub use crate::state::end_at_panics;
use crate::tags::TaskTags;
use crate::time::now;
use agents::{Agent, Agents, Refusing};
use auditns_bpf::{Membership, Steering};
use auditns_limitfs::{LimitFs, MountError, Mounted};
use auditns_loginfs::Kept as KeptLoginFiles;
use auditns_policy::{Forward, Policy};
use auditns_sys::Endpoints;
use control::Control;
use directory::{Directory, Quota};
use emptied::Emptied;
use limit_tree::LimitTree;
use login_tree::LoginTree;
use resident::Surroundings;
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Most descriptors that one namespace may have open.
const DESCRIPTORS: usize = 8192;

/// Makes whoever shows the events of a namespace of that name.
pub type ObserverOf = dyn Fn(&str) -> Box<dyn Observer + Send> + Send + Sync;
/// Reads the policy again; an error is a sentence.
pub type ReadPolicy = dyn Fn() -> Result<Policy, String> + Send + Sync;

/// How a host is supervised.
pub struct HostOptions {
    /// What namespaces get.
    pub policy: Policy,
    /// Reads it again.
    pub read_policy: Box<ReadPolicy>,
    /// Folder of the logs.
    pub log_folder: PathBuf,
    /// Where the control interface listens.
    pub listener: UnixListener,
    /// Where the agent of OCI runtimes listens.
    pub oci: UnixListener,
    /// Where LXC's monitors connect: a socket of `SOCK_SEQPACKET` that listens.
    pub lxc: OwnedFd,
    /// What keeps descriptors.
    pub store: Arc<dyn Store>,
    /// What was kept, with its names.
    pub kept: Vec<(String, OwnedFd)>,
    /// How many supervisors there were before this one.
    pub restarts: u32,
    /// What notes senders, from when it is loaded on.
    pub steering: Arc<OnceLock<Steering>>,
    /// Tells which task is in which namespace.
    pub membership: Arc<Membership>,
    /// Shows events.
    pub observer: Box<ObserverOf>,
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HostOptions").field("log_folder", &self.log_folder).finish_non_exhaustive()
    }
}

/// Why a host cannot be supervised.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The control interface.
    #[error("the control interface cannot be served ({0}); check the limits on threads and memory")]
    Control(#[source] auditns_control::server::ServeError),
    /// Sockets of container managers.
    #[error(
        "what container managers send cannot be served ({0}); check the limits on threads and open files"
    )]
    Agents(#[source] std::io::Error),
    /// Copies for the kernel.
    #[error("records cannot be forwarded to the kernel's audit ({0}); set forward = \"none\" in the policy")]
    Forward(#[source] std::io::Error),
}

/// What the threads of the supervisor share.
pub(crate) struct Shared {
    directory: Arc<Directory>,
    policy: Mutex<Arc<Policy>>,
    read_policy: Box<ReadPolicy>,
    log_folder: PathBuf,
    keep: Arc<Keep>,
    refusing: Arc<Refusing>,
    surroundings: Arc<Surroundings>,
    observer: Box<ObserverOf>,
    started: u64,
    restarts: u32,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("log_folder", &self.log_folder).finish_non_exhaustive()
    }
}

impl Shared {
    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn quota(&self) -> Quota {
        let limits = self.policy().limits();
        Quota { namespaces: limits.namespaces, per_user: limits.namespaces_per_user }
    }

    fn reload(&self) -> Result<Vec<String>, String> {
        let policy = (self.read_policy)()?;
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
        Ok(vec!["the policy holds for namespaces that begin from now on".to_owned()])
    }
}

/// The name of a user, from the host's list of users.
fn user_name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let wanted = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == wanted).then(|| name.to_owned())
    })
}

/// A supervisor that serves.
#[derive(Debug)]
pub struct Host {
    shared: Arc<Shared>,
    kept_login_files: Option<KeptLoginFiles>,
    _control: auditns_control::server::Server,
    _oci: Agent,
    _lxc: Agent,
    _attendance: Option<Attendance>,
}

impl Host {
    /// Takes up what was kept, and serves.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn start(options: HostOptions) -> Result<Host, HostError> {
        let HostOptions {
            policy,
            read_policy,
            log_folder,
            listener,
            oci,
            lxc,
            store,
            mut kept,
            restarts,
            steering,
            membership,
            observer,
        } = options;
        let host_log = Arc::new(HostLog::new(&log_folder, Rotation::default()));
        let forwarder = match policy.forward() {
            Forward::None => None,
            Forward::Kernel => Some(Arc::new(Forwarder::start().map_err(HostError::Forward)?)),
        };
        let descriptors = (descriptors::raise_limit() / 8).min(DESCRIPTORS);
        let tags = Arc::clone(&membership) as Arc<dyn TaskTags>;
        let keep = Keep::new(store, kept.iter().map(|(name, _)| name.as_str()));
        let names = kept.iter().map(|(name, _)| name.as_str());
        let sockets = Sockets::new(Endpoints::new(), Endpoints::AT_A_TIME, Some(Arc::clone(&keep)), names);
        let sockets = Arc::new(sockets);
        let kept_login_files = LoginTree::kept(&mut kept);
        let (refusing, kept) = Refusing::start(Arc::clone(&keep), kept).map_err(HostError::Agents)?;
        let login_tree = Arc::<LoginTree>::default();
        let surroundings = Surroundings {
            host_log,
            forwarder,
            descriptors,
            tags,
            steering,
            membership,
            login_tree,
            sockets: Arc::clone(&sockets),
        };
        let shared = Arc::new(Shared {
            directory: Arc::default(),
            policy: Mutex::new(Arc::new(policy)),
            read_policy,
            log_folder,
            keep,
            refusing,
            surroundings: Arc::new(surroundings),
            observer,
            started: now().seconds,
            restarts,
        });
        let (connections, kept) = kept.into_iter().partition(|(name, _)| agents::is_connection(name));
        inherited::take_up(&shared, kept);
        // Without, sockets are made when they are needed.
        let attendance = sockets.attend().ok();
        let membership = &shared.surroundings.membership;
        let emptied: Arc<dyn auditns_bpf::Observer> =
            Arc::new(Emptied::new(Arc::clone(&shared.directory), membership));
        membership.observe(&emptied);
        membership::watch(&shared);
        let control = auditns_control::server::serve(listener, Arc::new(Control(Arc::clone(&shared))));
        let agents = Agents::new(Arc::clone(&shared));
        let oci = Agents::serve_oci(&agents, oci.into()).map_err(HostError::Agents)?;
        let lxc = Agents::serve_lxc(&agents, lxc, connections).map_err(HostError::Agents)?;
        let control = control.map_err(HostError::Control)?;
        Ok(Host {
            shared,
            kept_login_files,
            _control: control,
            _oci: oci,
            _lxc: lxc,
            _attendance: attendance,
        })
    }

    /// Reads the policy again.
    ///
    /// # Errors
    /// A sentence; the old policy holds then.
    pub fn reload(&self) -> Result<(), String> {
        self.shared.reload().map(|_| ())
    }

    /// Shows the backlog limits as files below a folder, as long as the value lives.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn mount_limits(&self, path: &Path) -> Result<Mounted, MountError> {
        LimitFs::mount(path, Arc::new(LimitTree(Arc::clone(&self.shared))))
    }

    /// Makes files of login user ids, so that namespaces can have login user ids of their own. To be called once: what members
    /// wait for since a supervisor before this one was killed has somewhere to go by now.
    ///
    /// # Errors
    /// See [`auditns_loginfs::MountError`]. Members get the kernel's files then.
    pub fn mount_login_files(&mut self) -> Result<(), auditns_loginfs::MountError> {
        self.shared.surroundings.login_tree.mount(&self.shared.keep, self.kept_login_files.take())
    }

    /// How many namespaces there are.
    pub fn namespaces(&self) -> usize {
        self.shared.directory.all().len()
    }
}

//! What travels: the requests and replies of `io.auditns`, in the words of its interface file.
//!
//! Strings come from containers and clients: they are to be escaped before they reach a terminal or a log.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The interface's name, and the name of its socket in the supervisor's run directory.
pub const NAME: &str = "io.auditns";

/// The interface file.
pub const DESCRIPTION: &str = include_str!("io.auditns.varlink");

/// What members may configure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// What the kernel lets root of the host configure.
    #[default]
    Normal,
    /// Only what cannot make records disappear.
    Strict,
}

/// How members of a namespace are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// The kernel is asked, and knows of every task.
    Exact,
    /// By descent from the first member, and by filters in the container's own pid namespace.
    #[default]
    Descent,
}

/// A namespace and how it is doing. Identifiers are the host's; counters count since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceInfo {
    /// Number of the namespace on this host, never used twice.
    pub contid: u64,
    /// Its name.
    pub name: String,
    /// What started it: a container runtime, or `run`.
    pub runtime: String,
    /// Who created it.
    pub uid: u32,
    /// First member, 0 if unknown.
    pub pid: u32,
    /// The id that the container runtime gave it, empty if it gave none.
    #[serde(default)]
    pub container: String,
    /// What a cluster or manager calls it: `k8s-ns`, `k8s-pod`, `k8s-ctr` and `ctr-name`, as far as they are known.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// What members may configure.
    pub policy: Policy,
    /// Whether members may still change the backlog limit.
    pub gate_open: bool,
    /// 0 is off, 1 on, 2 locked.
    pub enabled: u32,
    /// What happens when a record is lost: 0 nothing, 1 a line, 2 the kernel would panic.
    pub failure: u32,
    /// Records per second that members may cause, 0 for any number.
    pub rate_limit: u32,
    /// Records that may wait in the main queue, 0 for any number.
    pub backlog_limit: u32,
    /// How long members wait for a full queue, in jiffies of 4 ms.
    pub backlog_wait_time: u32,
    /// Records lost since this was last set to 0.
    pub lost: u32,
    /// Records in the main queue, as members are told.
    pub backlog: u32,
    /// Registered audit daemon, 0 if there is none.
    pub daemon_pid: u32,
    /// Records in the main queue.
    pub queued_main: u32,
    /// Records in the retry queue.
    pub queued_retry: u32,
    /// Records in the hold queue.
    pub queued_hold: u32,
    /// Bytes in all queues.
    pub queue_bytes: u64,
    /// Loaded rules.
    pub rules: u32,
    /// Audit sockets that members opened.
    pub sockets: u64,
    /// Audit sockets that are open.
    pub open_sockets: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Netlink messages received.
    pub messages: u64,
    /// Records made.
    pub records: u64,
    /// Records that rules suppressed.
    pub filtered: u64,
    /// Records handed to an audit daemon.
    pub delivered: u64,
    /// Records lost, whatever members set `lost` to.
    pub lost_total: u64,
    /// Records that could not be written to the host's log.
    pub store_failures: u64,
    /// Records that a multicast listener was too slow for.
    pub missed_by_listeners: u64,
    /// Milliseconds that members waited because the queue was full.
    pub blocked_ms: u64,
    /// Folder of its log on the host.
    pub log_folder: String,
    /// Bytes at which a log file is rotated.
    pub log_bytes_max: u64,
    /// Log files that are kept.
    pub log_files: u32,
    /// Processes in it, if they can be counted.
    pub members: Option<u32>,
    /// How they are told.
    #[serde(default)]
    pub membership: Membership,
    /// Sockets that listen to the multicast group.
    pub listeners: u32,
    /// How often the supervisor was replaced while the namespace lived.
    pub restarts: u32,
    /// Descriptors that would be lost with the supervisor, because whoever keeps them had no room or did not answer.
    pub unkept: u64,
    /// The number of the namespace that it is inside of, if members have made it.
    #[serde(default)]
    pub parent: Option<u64>,
    /// Datagrams of senders of whom it could not be told in which of the namespaces inside each other they are.
    #[serde(default)]
    pub unknown_senders: u64,
    /// Login user ids and sessions of members are the namespace's own.
    #[serde(default)]
    pub own_logins: bool,
}

/// Which namespace `Show` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this name.
    Name(String),
    /// The one of this number.
    Contid(u64),
    /// The one that this process is in.
    Pid(u32),
    /// The one of this container of the caller's.
    Container(Container),
}

/// [`Which`] as it travels: exactly one is given.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<Container>,
}

impl ShowRequest {
    /// `None` unless exactly one is given.
    pub(crate) fn which(self) -> Option<Which> {
        match (self.name, self.contid, self.pid, self.container) {
            (Some(name), None, None, None) => Some(Which::Name(name)),
            (None, Some(contid), None, None) => Some(Which::Contid(contid)),
            (None, None, Some(pid), None) => Some(Which::Pid(pid)),
            (None, None, None, Some(container)) => Some(Which::Container(container)),
            _ => None,
        }
    }
}

impl From<Which> for ShowRequest {
    fn from(which: Which) -> ShowRequest {
        match which {
            Which::Name(name) => ShowRequest { name: Some(name), ..ShowRequest::default() },
            Which::Contid(contid) => ShowRequest { contid: Some(contid), ..ShowRequest::default() },
            Which::Pid(pid) => ShowRequest { pid: Some(pid), ..ShowRequest::default() },
            Which::Container(container) => {
                ShowRequest { container: Some(container), ..ShowRequest::default() }
            }
        }
    }
}

/// A setting and its new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetRequest {
    /// Name of the namespace.
    pub name: String,
    /// Which setting.
    pub key: String,
    /// Its new value.
    pub value: String,
}

/// What `Set` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetReply {
    /// The value before.
    pub before: String,
    /// The value now.
    pub after: String,
}

/// A container, as its runtime knows it. Together with the user who calls it names one container of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The id that the runtime gave it.
    pub id: String,
    /// The folder where the runtime keeps what it knows of its containers; empty if that is not known.
    pub root: String,
}

/// A namespace to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// Its name; the supervisor chooses one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The container that it is for, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// What starts it: a container runtime, or `run`.
    pub runtime: String,
    /// First member.
    pub pid: u32,
    /// Whether members run with no-new-privileges.
    pub no_new_privileges: bool,
    /// Whether the filter has stopped members wait killable (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`).
    pub wait_killable: bool,
    /// What became of the login user id that the first member inherits: `reset`, `unset` (nothing was to be done), `host` (it is
    /// as it was), or `virtual` (it is as it was, the filter stops those who open its file, and the namespace is to have login
    /// user ids of its own).
    pub loginuid: String,
    /// What the first member executes.
    pub command: Vec<String>,
    /// Annotations of the container; what begins with `io.auditns.` is a wish.
    pub annotations: BTreeMap<String, String>,
    /// Records that may wait; the supervisor's configuration decides if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog_limit: Option<u32>,
    /// What members may configure; the supervisor's configuration decides if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Programs that check more of a netlink socket than most.
    pub strict_clients: Vec<String>,
}

/// What a namespace would be, for whoever has to know before it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareRequest {
    /// As [`CreateRequest::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As [`CreateRequest::container`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// As [`CreateRequest::runtime`].
    pub runtime: String,
    /// As [`CreateRequest::command`].
    pub command: Vec<String>,
    /// As [`CreateRequest::annotations`].
    pub annotations: BTreeMap<String, String>,
}

/// What it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareReply {
    /// What the policy says of the login uid: `auto`, `reset`, `virtual` or `keep`.
    pub loginuid: String,
    /// Whether it can have login uids of its own.
    pub own_logins: bool,
}

/// The namespace that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateReply {
    /// Its number.
    pub contid: u64,
    /// Its name.
    pub name: String,
    /// Folder of its log on the host.
    pub log_folder: String,
    /// Records that may wait.
    pub backlog_limit: u32,
}

/// Processes that join a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// Name or number of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The container whose namespace it is; exactly one of the two is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// The first of the processes.
    pub pid: u32,
    /// Whether the filter has stopped members wait killable (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`).
    pub wait_killable: bool,
}

/// The namespace that was joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinReply {
    /// Its number.
    pub contid: u64,
    /// Its name.
    pub name: String,
}

/// The first process of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntroduceRequest {
    /// Which container.
    pub container: Container,
    /// Its first process.
    pub pid: u32,
}

/// The supervisor itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorInfo {
    /// Version of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When this process started, in seconds since 1970.
    pub started: u64,
    /// How often it was replaced.
    pub restarts: u32,
    /// Namespaces that it serves.
    pub namespaces: u32,
    /// Audit sockets that are open.
    pub sockets: u64,
    /// Audit sockets that are made and kept for when somebody opens one.
    #[serde(default)]
    pub ready_sockets: u64,
    /// The kernel notes who sends (`auditns_bpf`). Otherwise senders are looked up, with the same result.
    #[serde(default)]
    pub senders_noted: bool,
    /// How members are told; of namespaces whose calls come through a proxy always by descent.
    #[serde(default)]
    pub membership: Membership,
    /// Tasks for which the kernel had no memory to note what they inherit (a nested namespace, a login).
    #[serde(default)]
    pub tags_lost: u64,
    /// Namespaces can have login user ids and sessions of their own (`loginuid` of [`CreateRequest`] is `virtual`).
    #[serde(default)]
    pub own_logins: bool,
    /// Folder of the logs.
    pub log_folder: String,
}

/// What `List` returns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListReply {
    pub(crate) namespaces: Vec<NamespaceInfo>,
}

/// What `Show` returns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShowReply {
    pub(crate) namespace: NamespaceInfo,
}

/// What `Reload` returns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReloadReply {
    pub(crate) messages: Vec<String>,
}

/// The parameters of a method that has none.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

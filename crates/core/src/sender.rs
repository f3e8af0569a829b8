//! Who sent a message: plain data that the edge resolved when it read the datagram.

use crate::login::LoginSource;
use auditns_wire::record::{Ids, TaskIds, Viewed};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A process, told apart from a later one with the same number by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId {
    /// Thread-group id as the host sees it.
    pub pid: u32,
    /// When the process started, since boot.
    pub started: Duration,
}

/// Where a sender's user namespace stands relative to the one that owns the audit namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// The owner user namespace, or one that contains it: audit answers.
    Served,
    /// Any other: audit looks as if it were not there (`ECONNREFUSED`), as the kernel's does for every user
    /// namespace but the initial one.
    Foreign,
    /// In which namespace of a family the sender is cannot be told: it is answered as if it were foreign, and counted.
    Unknown,
}

/// The audit capabilities a sender has towards the owner user namespace, by its effective set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `CAP_AUDIT_CONTROL`: status, rules, features, registration.
    pub control: bool,
    /// `CAP_AUDIT_WRITE`: user messages.
    pub write: bool,
    /// `CAP_AUDIT_READ`: the READLOG group.
    pub read: bool,
}

/// The sender of one datagram, or the caller of one socket operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The process.
    pub process: ProcessId,
    /// Its ids.
    pub ids: Viewed<Ids>,
    /// Thread-group id in the process's own pid namespace, which may be a child of the audit namespace's; 0 if it is not
    /// known. The kernel makes it the port id of the first socket that the process uses.
    pub own_pid: u32,
    /// Real group id inside the owner user namespace.
    pub gid: u32,
    /// Where it stands.
    pub standing: Standing,
    /// Whether its pid namespace is the one that control messages are accepted from.
    pub in_owner_pid_namespace: bool,
    /// What it may do.
    pub capabilities: Capabilities,
    /// Where login user id and session among its ids come from.
    pub login: LoginSource,
}

/// More about a sender; costs the edge several file reads, so it is asked for only where a record shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDetails {
    /// The rest of the ids.
    pub task: Viewed<TaskIds>,
    /// Terminal, `(none)` without one.
    pub tty: Vec<u8>,
    /// Command name, at most 15 bytes.
    pub comm: Vec<u8>,
    /// Path of the program, if the edge could read it.
    pub exe: Option<Vec<u8>>,
}

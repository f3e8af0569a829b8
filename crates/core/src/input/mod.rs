//! What can happen to a namespace.

mod owned;
#[cfg(test)]
mod tests;

pub use owned::{OwnedInput, OwnedSocketRequest};

use crate::action::EndpointId;
use crate::config::Policy;
use crate::family::Creation;
use crate::mapped_ids::MappedIds;
use crate::rules::{FileId, PathAnswers, PathQuestion};
use crate::sender::{ProcessId, Sender, TaskDetails};
use crate::socket::{Caller, SocketRequest};
use auditns_wire::Errno;
use auditns_wire::record::{Ids, Viewed};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An event at the edge. What is written of one is read as an [`OwnedInput`].
#[derive(Debug, Serialize)]
pub enum Input<'a> {
    /// A member got an audit socket.
    EndpointOpened {
        /// Its number, never used before in this namespace.
        endpoint: EndpointId,
        /// `SOCK_RAW` (3) or `SOCK_DGRAM` (2).
        kind: i32,
        /// Thread-group id of the opener in its own pid namespace: the port id if whoever uses the socket first is not
        /// known.
        pid: u32,
    },
    /// A socket that was opened is in the member's table.
    EndpointHandedOver {
        /// Whether its number is one at which calls on it reach the supervisor.
        reserved_number: bool,
    },
    /// The last copy of an endpoint was closed.
    EndpointClosed {
        /// Which one.
        endpoint: EndpointId,
    },
    /// A datagram arrived.
    Datagram {
        /// Where.
        endpoint: EndpointId,
        /// From whom.
        sender: &'a Sender,
        /// The bytes.
        #[serde(serialize_with = "crate::bytes::serialize")]
        bytes: &'a [u8],
        /// Answers to what [`crate::Namespace::inquire`] asked about these bytes.
        answers: &'a Answers,
    },
    /// A member makes a call on a socket that may change it. Exactly one [`crate::Action::SocketAnswer`] follows.
    SocketRequested {
        /// On which endpoint.
        endpoint: EndpointId,
        /// Number by which the edge knows the call.
        call: u64,
        /// Who.
        caller: &'a Caller,
        /// What.
        request: SocketRequest<'a>,
    },
    /// What became of an [`crate::Action::Deliver`].
    Delivered {
        /// The endpoint it went to.
        endpoint: EndpointId,
        /// The outcome.
        outcome: Delivery,
    },
    /// An endpoint that could take no more can now.
    Writable {
        /// Which one.
        endpoint: EndpointId,
    },
    /// An [`crate::Action::Store`] could not be written.
    StoreFailed {
        /// Serial number of the record.
        serial: u32,
        /// Why.
        errno: Errno,
    },
    /// A member sent SIGTERM, SIGHUP, SIGUSR1 or SIGUSR2 to the registered audit daemon, or tried to
    /// (kernel: `audit_signal_info`, called before the permission check).
    DaemonSignalled {
        /// The signal's sender.
        sender: &'a Sender,
    },
    /// A member's login user id was set, or the attempt was refused.
    LoginuidSet {
        /// Who, with the new ids.
        sender: &'a Sender,
        /// Login user id before.
        old_auid: Viewed<u32>,
        /// Session id before.
        old_ses: u32,
        /// Terminal, `(none)` without one.
        #[serde(serialize_with = "crate::bytes::serialize")]
        tty: &'a [u8],
        /// Whether it was done.
        success: bool,
    },
    /// A READLOG listener had no room for an [`crate::Action::Offer`].
    ListenerMissed,
    /// A call was stopped on a descriptor that has a reserved number and is no audit socket.
    StrayCall,
    /// The ids that the owner user namespace maps became known.
    OwnerMapped(MappedIds),
    /// The host sets the backlog limit. A value above 0 opens the gate of a namespace that began with 0; 0 closes it.
    HostSetsBacklogLimit(u32),
    /// The host sets the rate limit, in records a second; 0 is none.
    HostSetsRateLimit(u32),
    /// The host sets how much of its configuration is the namespace's own. What was configured stays.
    HostSetsPolicy(Policy),
    /// A process is let in by somebody at the host: a container's first one once its runtime has made it, or one that joins.
    LetIn {
        /// What is written of it, as the operation of the record.
        operation: Entrance,
        /// Who lets it in, as the host sees them.
        by: Ids,
        /// What is known of the process: more fields of the record, in order.
        fields: &'a [(Cow<'static, str>, String)],
    },
    /// What became of an [`crate::Action::MoveThreadGroup`]; to be given at once.
    ThreadGroupMoved {
        /// The number that the thread group was to carry.
        contid: u64,
        /// What is known of the new namespace, or why there is none.
        outcome: Result<&'a Created, Errno>,
    },
    /// A deadline may have passed.
    Tick,
    /// The last member is gone.
    Ended,
    /// It became known from whom a process descends: see [`crate::Namespace::lacks_login`].
    Descends {
        /// The process.
        process: ProcessId,
        /// Its ancestors, parent first.
        ancestors: &'a [ProcessId],
    },
    /// A member writes a number into the file of its own login user id. Exactly one [`crate::Action::LoginuidAnswer`]
    /// follows, also when the same call comes again.
    LoginuidWritten {
        /// Number by which the edge knows the call, never 0.
        call: u64,
        /// Who.
        writer: &'a Sender,
        /// The thread that writes: its number, and when it started.
        task: ProcessId,
        /// The writer's terminal, `(none)` without one.
        #[serde(serialize_with = "crate::bytes::serialize")]
        tty: &'a [u8],
        /// The number as a user id, all ones to unset it; or what refuses it, see [`crate::refusal_of_write`].
        auid: Result<Viewed<u32>, Errno>,
        /// How many bytes are written.
        length: u32,
    },
    /// These of [`crate::Namespace::processes_with_login`] have ended.
    ProcessesEnded(&'a [ProcessId]),
}

/// What the edge says of a namespace that was made inside another one, once its first members are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its name.
    pub name: Vec<u8>,
    /// More fields of its START record, in order.
    pub start_fields: Vec<(Cow<'static, str>, String)>,
    /// The ids that its owner user namespace maps, if they are known.
    pub mapped: Option<MappedIds>,
}

/// How a process gets into a namespace that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entrance {
    /// As the container's first process.
    First,
    /// From outside.
    Join,
}

impl Entrance {
    /// The operation of its record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Entrance::First => "init",
            Entrance::Join => "join",
        }
    }
}

/// What became of one attempt to hand a record to the audit daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// It is in the daemon's socket.
    Sent,
    /// The daemon's socket is full.
    Full,
    /// Nobody holds the other end any more.
    Closed,
}

/// What must be looked up before a datagram can be handled; everything is false or empty for ordinary messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Inquiry {
    /// A record may show the sender's details.
    pub details: bool,
    /// Terminal auditing is asked about: which processes the sender descends from matters.
    pub ancestors: bool,
    /// A rule in force compares executables.
    pub exe: bool,
    /// Paths of rules.
    pub paths: Vec<PathQuestion>,
    /// A namespace inside this one is asked for.
    pub creation: bool,
}

/// The answers to an [`Inquiry`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Details of the sender.
    pub details: Option<TaskDetails>,
    /// The sender's ancestors, parent first.
    pub ancestors: Vec<ProcessId>,
    /// The sender's program.
    pub exe: Option<FileId>,
    /// Where the paths lead.
    pub paths: PathAnswers,
    /// What is to be known before a namespace inside this one is made.
    pub creation: Option<Creation>,
}

//! What a namespace wants done, in this order.

use crate::login::Login;
use crate::sender::ProcessId;
use auditns_wire::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of an endpoint within its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndpointId(pub u64);

/// Something for the edge to do. Actions are performed in the order in which they come out; that is the order on
/// the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Append a line to the host's log before any later action is performed.
    /// On failure answer with [`crate::Input::StoreFailed`] at once.
    Store {
        /// The record's serial number.
        serial: u32,
        /// The line, without its end.
        line: String,
        /// Whether it is the START or END record, which tell of the namespace and not of what happens in it.
        lifetime: bool,
    },
    /// Append the record of the last [`Action::Store`] to the namespace's own log, as the namespace sees it. Comes
    /// only with [`crate::Config::inside_log`], and never for START and END. A failure is not reported: the record is in
    /// the host's log all the same.
    StoreInside {
        /// The record's serial number.
        serial: u32,
        /// The line, without its end, in the format of [`Action::Store`] but with the ids inside and no `contid=`.
        line: String,
    },
    /// Send an answer to whoever holds the endpoint. If it cannot be sent at once, the edge keeps it, in order,
    /// and reads nothing more from that endpoint until it is out.
    Reply {
        /// To whom.
        endpoint: EndpointId,
        /// The datagram.
        #[serde(with = "crate::bytes")]
        frame: Vec<u8>,
    },
    /// Hand a record to the registered audit daemon without blocking, and report with
    /// [`crate::Input::Delivered`] at once.
    Deliver {
        /// To whom.
        endpoint: EndpointId,
        /// The datagram.
        #[serde(with = "crate::bytes")]
        frame: Vec<u8>,
    },
    /// Report with [`crate::Input::Writable`] when the endpoint can take more.
    AwaitWritable {
        /// Which one.
        endpoint: EndpointId,
    },
    /// Send now or drop: a record for a READLOG listener (report with [`crate::Input::ListenerMissed`] if there is no
    /// room), or `AUDIT_REPLACE` for the registered daemon.
    Offer {
        /// To whom.
        endpoint: EndpointId,
        /// The datagram.
        #[serde(with = "crate::bytes")]
        frame: Vec<u8>,
    },
    /// The answer to [`crate::Input::SocketRequested`].
    SocketAnswer {
        /// Number of the call.
        call: u64,
        /// Whether it was done.
        result: Result<(), Errno>,
    },
    /// Read nothing from the endpoint until [`Action::Resume`]: its sender waits for the backlog to shrink.
    Pause {
        /// Which one.
        endpoint: EndpointId,
    },
    /// End of a pause.
    Resume {
        /// Which one.
        endpoint: EndpointId,
    },
    /// Move this process with all its threads into the namespace of that number, which is new, and report with
    /// [`crate::Input::ThreadGroupMoved`] at once. May come again after a restart: what is done already counts.
    MoveThreadGroup {
        /// The number.
        contid: u64,
        /// The process.
        process: ProcessId,
    },
    /// A member's login is this from now on: whoever can keep it with the task does.
    KeepLogin {
        /// The thread that has set it: its number, and when it started.
        task: ProcessId,
        /// What it has set.
        login: Login,
    },
    /// The answer to [`crate::Input::LoginuidWritten`]: how many bytes were taken.
    LoginuidAnswer {
        /// Number of the call.
        call: u64,
        /// What it comes to.
        result: Result<u32, Errno>,
    },
    /// Something that a person at the host should see.
    Notice(Notice),
}

/// What the kernel would print to its log, and what only a namespace has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A record was lost. As in the kernel at most once a second while a rate limit is set.
    Lost {
        /// Why.
        reason: LossReason,
        /// Records lost so far.
        lost: u32,
        /// The namespace's `failure` setting; 2 would have been a panic of the host.
        failure: u32,
        /// The limits in force.
        rate_limit: u32,
        /// Backlog limit.
        backlog_limit: u32,
    },
    /// A rule was stored that nothing here enforces.
    RuleNotEnforced {
        /// How many such rules there are now.
        count: usize,
    },
    /// An audit daemon registered (true) or is gone (false).
    Daemon {
        /// Its thread-group id as the host sees it.
        pid: u32,
        /// Registered or gone.
        registered: bool,
    },
}

/// Why a record counts as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LossReason {
    /// More records in a second than `rate_limit`; it was never made.
    RateLimit,
    /// No audit daemon is registered and `backlog_limit` records are held for one already.
    HoldOverflow,
    /// The registered daemon does not keep up and `backlog_limit` records wait to be sent again.
    RetryOverflow,
    /// Queued records take all the memory that the host allows the namespace.
    QueueMemory,
    /// The host's log could not be written.
    NotStored,
}

impl LossReason {
    /// Whether the record stands in the host's log all the same: only an audit daemon inside misses it.
    pub fn is_in_log(self) -> bool {
        matches!(self, LossReason::HoldOverflow | LossReason::RetryOverflow | LossReason::QueueMemory)
    }
}

impl fmt::Display for LossReason {
    /// The kernel's words where the kernel has this reason.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            LossReason::RateLimit => "rate limit exceeded",
            LossReason::HoldOverflow => "kauditd hold queue overflow",
            LossReason::RetryOverflow => "kauditd retry queue overflow",
            LossReason::QueueMemory => "queue memory of the namespace exhausted",
            LossReason::NotStored => "log of the host not writable",
        })
    }
}

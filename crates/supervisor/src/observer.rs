//! What a person at the host gets to see.

use auditns_core::Notice;
use std::path::Path;

/// Something worth a line.
#[derive(Debug)]
pub enum Event<'a> {
    /// A record was made: the line of the host's log.
    Record(&'a str),
    /// The namespace has something to say.
    Notice(&'a Notice),
    /// The log cannot be written; said once per disturbance.
    LogFailed {
        /// The log file.
        path: &'a Path,
        /// Why.
        error: &'a std::io::Error,
    },
    /// The log can be written again.
    LogRecovered {
        /// The log file.
        path: &'a Path,
        /// Records that are not in it.
        missed: u64,
    },
    /// A member was refused an audit socket.
    EndpointRefused {
        /// The member's thread id.
        tid: u32,
        /// Which limit, or which error.
        reason: &'a str,
    },
    /// A member got an audit socket of which only messages reach the supervisor: at the reserved descriptor numbers its
    /// table has no room.
    PlainEndpoint {
        /// The member's thread id.
        tid: u32,
    },
    /// Answers were dropped, because too many wait for members that do not read them.
    AnswersDropped {
        /// How many bytes.
        bytes: usize,
    },
    /// A member's audit socket was closed.
    EndpointClosed {
        /// What it did.
        reason: &'a str,
    },
    /// A namespace that another supervisor has served cannot be served any more.
    NotTakenUp {
        /// Why.
        error: &'a std::io::Error,
    },
    /// What a container manager sent was not taken up.
    NotAccepted {
        /// Why.
        reason: &'a str,
    },
    /// A namespace is given up, because supervisors have panicked over it.
    GivenUp {
        /// How often.
        panics: u64,
    },
    /// The kernel cannot be asked, or not any more, which task is in which namespace.
    MembershipLost {
        /// Why.
        why: &'a str,
        /// Whether it tells who sends all the same.
        senders_noted: bool,
    },
    /// A namespace could not be served for now; said once per disturbance.
    NotServed {
        /// Why.
        error: &'a std::io::Error,
    },
    /// The command has ended, other members have not.
    CommandEnded,
}

/// Whoever shows events. It must not block: nobody is served meanwhile. Records are safe for a terminal; paths and
/// reasons may hold anything.
pub trait Observer {
    /// Takes one event.
    fn observe(&mut self, event: &Event<'_>);
}

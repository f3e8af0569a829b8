//! How many audit sockets there may be. A limit reached is an error inside and a line outside; nobody else notices.

use super::aside::{CALLS, DESCRIPTORS_PER_CALL};
use super::connection::Connection;
use crate::identity::{DESCRIPTORS_PER_PROCESS, Opener};
use crate::sockets::Sockets;
use auditns_core::EndpointId;
use auditns_sys::Endpoints;
use rustix::io::Errno;
use std::collections::BTreeMap;

/// The limits of one namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Open audit sockets in all.
    pub(super) sockets: usize,
    /// Processes whose files are kept open.
    pub(super) processes: usize,
    /// Calls whose callers' memory is looked at, at a time.
    pub(super) calls: usize,
    /// Sockets that are made at a time.
    pub(crate) advance: usize,
}

/// Most open audit sockets of one namespace.
pub(crate) const SOCKETS: usize = 4096;
/// One for whoever holds one, and one for a login.
pub(super) const SOCKETS_MIN: usize = 2;
/// Most processes of one namespace whose files are kept open.
const PROCESSES: usize = 128;
/// Open audit sockets that one process opened.
const PER_PROCESS: usize = 256;
/// Descriptors for everything else: the log, the listener, paths that are looked up.
const RESERVE: usize = 64;
/// The least of which each user can have one.
const CALLS_MIN: usize = 4;
/// The least that works for one path at a time. With fewer than some 56 descriptors in all there is none to spare.
const RESERVE_MIN: usize = 24;

/// Sockets up to this number get the system's own buffers, those beyond it small ones, so that a member which reads no
/// answers ties up some hundred megabytes of kernel memory at most.
pub(super) const FULL_BUFFERS: usize = 256;
/// Sockets open at a time that ever got a raised buffer, because they were a registered audit daemon's.
pub(super) const RAISED_BUFFERS: usize = 8;

impl Limits {
    /// The limits for a process that may have this many descriptors open. Whatever the number is, resolving senders and
    /// writing the log do not fail because members have many sockets.
    pub(crate) fn for_descriptors(descriptors: usize) -> Limits {
        let processes = (descriptors / 16).clamp(1, PROCESSES);
        let reserve = (descriptors / 4).clamp(RESERVE_MIN, RESERVE);
        let calls = (descriptors / 32).clamp(CALLS_MIN, CALLS);
        let advance = (descriptors / 32).clamp(1, Endpoints::AT_A_TIME);
        let others = reserve
            + processes * DESCRIPTORS_PER_PROCESS
            + calls * DESCRIPTORS_PER_CALL
            + Sockets::descriptors(advance);
        let sockets = descriptors.saturating_sub(others).clamp(SOCKETS_MIN, SOCKETS);
        Limits { sockets, processes, calls, advance }
    }

    /// Sockets of processes for which audit can do nothing. They may not take the last ones, which logins need.
    const fn unprivileged(self) -> usize {
        self.sockets / 2
    }

    /// The errno and reason of a refusal, if there is to be one. `closing` counts sockets that are being closed. Audit
    /// clients take both numbers for an error, not for the absence of audit, as they would from a kernel that has run
    /// out of descriptors.
    pub(super) fn refusal(
        self,
        connections: &BTreeMap<EndpointId, Connection>,
        closing: usize,
        opener: &Opener,
    ) -> Option<(Errno, String)> {
        let count = |counts: &dyn Fn(&Opener) -> bool| {
            connections.values().filter(|connection| counts(connection.opener())).count()
        };
        if connections.len() + closing >= self.sockets {
            return Some((
                Errno::NFILE,
                format!("{} audit sockets of this namespace are open", self.sockets),
            ));
        }
        if !opener.is_privileged() && count(&|other| !other.is_privileged()) >= self.unprivileged() {
            let reason =
                format!("{} audit sockets of processes without privileges are open", self.unprivileged());
            return Some((Errno::NFILE, reason));
        }
        if count(&|other| other.process() == opener.process()) >= PER_PROCESS {
            return Some((Errno::MFILE, format!("{PER_PROCESS} audit sockets of this process are open")));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_limits_on_descriptors_leave_the_numbers_as_documented() {
        for descriptors in [8192, 1 << 20, usize::MAX] {
            let limits = Limits { sockets: 4096, processes: 128, calls: 64, advance: 16 };
            assert_eq!(Limits::for_descriptors(descriptors), limits, "{descriptors}");
            assert_eq!(limits.unprivileged(), 2048);
        }
    }

    #[test]
    fn few_descriptors_are_shared_out_and_never_promised_twice() {
        for descriptors in 16..5000 {
            let Limits { sockets, processes, calls, advance } = Limits::for_descriptors(descriptors);
            assert!(sockets >= 1 && processes >= 1 && calls >= CALLS_MIN, "{descriptors}");
            let used = sockets
                + processes * DESCRIPTORS_PER_PROCESS
                + calls * DESCRIPTORS_PER_CALL
                + Sockets::descriptors(advance);
            assert!(used + RESERVE_MIN <= descriptors || descriptors < 56, "{descriptors}: {used}");
        }
    }
}

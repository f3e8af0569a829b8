//! How many audit sockets there may be. A limit reached is an error inside and a line outside; nobody else notices.

use super::connection::Connection;
use auditns_core::EndpointId;
use std::collections::BTreeMap;

/// Open audit sockets of one namespace.
pub(super) const PER_NAMESPACE: usize = 4096;
/// Open audit sockets that one process opened.
pub(super) const PER_PROCESS: usize = 256;

/// The errno and reason of a refusal, if there is to be one. Audit clients take both numbers for an error, not for
/// the absence of audit, as they would from a kernel that has run out of descriptors.
pub(super) fn refusal(
    connections: &BTreeMap<EndpointId, Connection>,
    opener: u32,
) -> Option<(rustix::io::Errno, &'static str)> {
    if connections.len() >= PER_NAMESPACE {
        Some((rustix::io::Errno::NFILE, "4096 audit sockets of this namespace are open"))
    } else if connections.values().filter(|connection| connection.opener() == opener).count() >= PER_PROCESS {
        Some((rustix::io::Errno::MFILE, "256 audit sockets of this process are open"))
    } else {
        None
    }
}

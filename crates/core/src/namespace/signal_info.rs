//! `AUDIT_SIGNAL_INFO`: who signalled the audit daemon last.

use super::Namespace;
use super::datagram::Request;
use crate::sender::Sender;
use auditns_wire::payload::SignalInfo;
use auditns_wire::record::Ids;
use serde::{Deserialize, Serialize};

/// Kept after the daemon is gone, as the kernel does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct LastSignal(SignalInfo);

impl Default for LastSignal {
    fn default() -> LastSignal {
        LastSignal(SignalInfo { uid: Ids::UNSET, pid: -1 })
    }
}

impl LastSignal {
    /// Kernel: `audit_signal_info` prefers the login user id.
    pub(super) fn note(&mut self, sender: &Sender) {
        let Ids { pid, uid, auid, .. } = sender.ids.namespace;
        self.0 = SignalInfo {
            uid: if auid == Ids::UNSET { uid } else { auid },
            pid: i32::try_from(pid).unwrap_or(-1),
        };
    }
}

impl Namespace {
    pub(super) fn get_signal_info(&self, request: &Request<'_>) -> Vec<u8> {
        request.data(&self.last_signal.0.encode())
    }
}

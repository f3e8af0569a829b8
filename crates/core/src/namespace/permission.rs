//! Who may send which message type.

use super::Namespace;
use crate::config::Policy;
use crate::sender::{Sender, Standing};
use auditns_wire::Errno;
use auditns_wire::message_type::{self as kind, is_user};

impl Namespace {
    /// Kernel: `audit_netlink_ok`, with its order of checks. The namespace adds two refusals of its own: user
    /// messages while the gate is closed, and what the strict policy leaves to the host.
    pub(super) fn permit(&self, message_type: u16, sender: &Sender) -> Result<(), Errno> {
        if sender.standing != Standing::Served {
            return Err(Errno::ECONNREFUSED);
        }
        match message_type {
            kind::LIST | kind::ADD | kind::DEL => Err(Errno::EOPNOTSUPP),
            kind::GET
            | kind::SET
            | kind::GET_FEATURE
            | kind::SET_FEATURE
            | kind::LIST_RULES
            | kind::ADD_RULE
            | kind::DEL_RULE
            | kind::SIGNAL_INFO
            | kind::TTY_GET
            | kind::TTY_SET
            | kind::TRIM
            | kind::MAKE_EQUIV => {
                if !sender.in_owner_pid_namespace || !sender.capabilities.control {
                    return Err(Errno::EPERM);
                }
                if self.config.policy == Policy::Strict && is_reserved(message_type) {
                    return Err(Errno::EPERM);
                }
                Ok(())
            }
            // Handled by the family, where it is alone in its datagram.
            kind::CREATE_NS => Err(Errno::EINVAL),
            _ if is_user(message_type) => {
                if !sender.capabilities.write {
                    return Err(Errno::EPERM);
                }
                if self.gate_open { Ok(()) } else { Err(Errno::ECONNREFUSED) }
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What the strict policy leaves to the host. Reading the status, the features, the signal's sender and the
/// terminal's state stays possible: an audit daemon needs it.
const fn is_reserved(message_type: u16) -> bool {
    matches!(
        message_type,
        kind::SET_FEATURE
            | kind::LIST_RULES
            | kind::ADD_RULE
            | kind::DEL_RULE
            | kind::TTY_SET
            | kind::TRIM
            | kind::MAKE_EQUIV
    )
}

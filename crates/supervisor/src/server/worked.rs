//! What came of work on a call that was done aside.

use super::Server;
use super::receive::Receiving;
use crate::identity::Executable;
use auditns_core::EndpointId;
use auditns_sys::call::Operation;
use auditns_sys::{Call, Notification};
use std::io;
use std::time::Duration;

/// A call that goes on.
#[derive(Debug)]
pub(super) enum Worked {
    /// A call was decoded.
    Decoded {
        /// The call's notification.
        notification: Notification,
        /// The call; as [`auditns_sys::call::classify`].
        call: io::Result<Call>,
    },
    /// It is known whether the executable of a caller is a Go program.
    Recognized {
        /// The call's notification.
        notification: Notification,
        /// The call.
        call: Call,
        /// The executable.
        executable: Executable,
        /// Whether it is one.
        is_go: io::Result<bool>,
    },
    /// What a call gives was read from its caller's memory.
    Read {
        /// The call's notification.
        notification: Notification,
        /// The socket.
        endpoint: EndpointId,
        /// The call.
        operation: Operation,
        /// The bytes.
        bytes: io::Result<Vec<u8>>,
    },
    /// A call that receives found nothing and has to wait, at most for this time.
    MustWait(Receiving, Option<Duration>),
}

impl Server<'_> {
    /// Goes on with a call.
    pub(super) fn go_on(&mut self, worked: Worked) {
        match worked {
            Worked::Decoded { notification, call } => self.answer_call(&notification, &call),
            Worked::Recognized { notification, call, executable, is_go } => {
                self.clients.learn(executable, is_go);
                self.answer_call(&notification, &Ok(call));
            }
            Worked::Read { notification, endpoint, operation, bytes } => {
                self.answer_with(&notification, endpoint, operation, bytes);
            }
            Worked::MustWait(receiving, time) => self.park(receiving, time),
        }
    }
}

//! What came of work on a call that was done aside.

use super::Server;
use super::aside::OnBehalf;
use super::receive::receiving::Receiving;
use super::receivers::Receiver;
use crate::identity::Executable;
use auditns_core::EndpointId;
use auditns_sys::call::Opening;
use auditns_sys::login_file::Named;
use auditns_sys::{Call, InjectError, Notification, OnSocket};
use std::io;
use std::time::Duration;

/// What the caller of `socket(2)` asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) kind: i32,
    pub(super) close_on_exec: bool,
    pub(super) nonblocking: bool,
}

/// A call on a descriptor with a reserved number, after a look at the caller.
#[derive(Debug)]
pub(super) struct Identified {
    pub(super) notification: Notification,
    /// For whom the call is worked on.
    pub(super) on_behalf: OnBehalf,
    pub(super) call: OnSocket,
    /// Of the socket with that number; `None` if there is none.
    pub(super) inode: Option<u64>,
    /// What the call gives in memory, as far as netlink looks at it.
    pub(super) given: io::Result<Vec<u8>>,
}

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
        /// What it asks for.
        wanted: Wanted,
        /// The executable, and whether it is one; an error if that could not be found out.
        found: io::Result<(Executable, bool)>,
    },
    /// A caller has its socket, at this reserved number or at another one; or it cannot have it.
    HandedOver {
        /// The call's notification.
        notification: Notification,
        /// Where the caller was.
        namespace: u64,
        /// The socket.
        endpoint: EndpointId,
        /// Audit can do something for the caller, so that it should have got a reserved number.
        privileged: bool,
        /// What came of it.
        outcome: Result<Option<u32>, InjectError>,
    },
    /// It is known which socket a call is on.
    Identified(Identified),
    /// It is known which process a signal goes to, as we see it.
    SignalTarget {
        /// The call's notification.
        notification: Notification,
        /// The process.
        process: Option<u32>,
    },
    /// A call that receives is to be told that records were left out.
    Overrun {
        /// The call's notification.
        notification: Notification,
        /// The socket.
        receiver: Receiver,
        /// The call.
        call: OnSocket,
    },
    /// The descriptor of a call that receives is another socket than was thought.
    Misjudged {
        /// The call's notification.
        notification: Notification,
        /// The call.
        call: OnSocket,
    },
    /// A call opens a file of a login user id or session.
    LoginFileNamed {
        /// The call's notification.
        notification: Notification,
        /// The call.
        opening: Opening,
        /// Whose file.
        named: Named,
    },
    /// A caller has not got such a file.
    LoginFileRefused {
        /// The call's notification.
        notification: Notification,
        /// The file.
        number: u64,
        /// Why.
        error: InjectError,
    },
    /// A call that receives found nothing and has to wait, at most for this time.
    MustWait(Receiving, Option<Duration>),
}

impl Server<'_> {
    /// Goes on with a call.
    pub(super) fn go_on(&mut self, worked: Worked) {
        match worked {
            Worked::Decoded { notification, call } => self.answer_call(&notification, &call),
            Worked::Recognized { notification, wanted, found } => {
                self.open_recognized(&notification, wanted, found);
            }
            Worked::HandedOver { notification, namespace, endpoint, privileged, outcome } => {
                self.handed_over(&notification, namespace, endpoint, privileged, outcome);
            }
            Worked::Identified(identified) => self.answer_identified(identified),
            Worked::SignalTarget { notification, process } => self.answer_signal(&notification, process),
            Worked::Overrun { notification, receiver, call } => {
                self.tell_overrun(&notification, receiver, call);
            }
            Worked::Misjudged { notification, call } => self.misjudged(&notification, call),
            Worked::LoginFileNamed { notification, opening, named } => {
                self.open_login_file(&notification, opening, named);
            }
            Worked::LoginFileRefused { notification, number, error } => {
                self.login_file_refused(&notification, number, &error);
            }
            Worked::MustWait(receiving, time) => self.park(receiving, time),
        }
    }
}

//! Keeps descriptors while the process that uses them is replaced.
//!
//! The protocol is that of the service manager (`sd_notify(3)`, `FDSTORE=1`; `sd_listen_fds(3)`), so that a server is kept by
//! `systemd` or by [`keep`] alike: what it hands over under a name is there again when it, or its successor, is executed.
#![forbid(unsafe_code)]

mod channel;
mod ear;
mod inherited;
mod keep;
mod message;
mod options;
mod pace;
mod say;
mod server;
mod shelf;
mod store;
mod upstream;

pub use inherited::{inherited, is_heir, without_variables};
pub use keep::keep;
pub use options::{KeepError, KeepOptions, program};
pub use store::{FdStore, StoreError};

/// Most descriptors that a keeper keeps; fewer if the limit on open files is lower.
pub const DESCRIPTORS_MAX: usize = auditns_sys::inherited::MOST;

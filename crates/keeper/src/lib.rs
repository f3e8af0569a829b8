//! Keeps descriptors while the process that uses them is replaced.
//!
//! The protocol is that of the service manager (`sd_notify(3)`, `FDSTORE=1`; `sd_listen_fds(3)`), so that a server is kept by
//! `systemd` or by [`keep`] alike: what it hands over under a name is there again when it, or its successor, is executed.
#![forbid(unsafe_code)]

mod inherited;
mod keep;
mod message;
mod server;
mod shelf;
mod store;

pub use inherited::inherited;
pub use keep::{KeepError, KeepOptions, keep};
pub use store::{FdStore, StoreError};

//! Serves audit namespaces: reads what members send, resolves who they are, lets [`auditns_core`] decide, and does
//! what it says.
//!
//! This is the only crate that joins system calls and audit semantics. [`embedded::run`] serves one namespace from
//! the process that starts its first member.

pub mod attached;
mod contid;
mod descriptors;
pub mod embedded;
mod forward;
mod forwarding;
pub mod host;
mod identity;
mod keeping;
pub mod log;
mod observer;
mod origin;
mod server;
mod settings;
mod sockets;
mod start;
mod state;
mod tags;
#[cfg(test)]
mod testing;
mod time;

pub use contid::new_contid;
pub use keeping::Store;
pub use observer::{Event, Observer};

//! Every system call and every `unsafe` line of auditns, but for those that load BPF (`auditns_bpf`).
//!
//! The crate knows how to put a process below a seccomp filter ([`launch`], [`filter`]), how to serve the
//! notifications that the filter sends ([`listener`], [`call`]), how to make the sockets that are handed out
//! ([`endpoint`]), how to reach memory and descriptors of a caller ([`memory`], [`descriptors`]) and how to ask the
//! kernel who somebody is ([`identity`]). It knows no audit semantics beyond "this is a `socket()` call for
//! `NETLINK_AUDIT`" and "this is a call on a descriptor of the reserved numbers".
//!
//! Functions return [`std::io::Error`] with the kernel's own error number where the caller has to tell numbers
//! apart, and an error type of their own where a person reads the text.

#![allow(unsafe_code, reason = "it is the place for it")]

pub mod arch;
pub mod call;
pub mod clock;
pub mod descriptors;
pub mod endpoint;
pub mod filter;
pub mod heap;
pub mod identity;
pub mod inherited;
mod interrupt;
pub mod launch;
pub mod listener;
pub mod login_file;
pub mod memory;
pub mod open_file;
pub mod path;
pub mod placement;
pub mod probe;
mod raw;
pub mod shared;
pub mod signals;
pub mod stack;
#[cfg(test)]
mod testing;

pub use call::{Call, OnSocket, SignalTarget};
pub use endpoint::{Credentials, EndpointPair, Endpoints, Received, Sent, SentBy};
pub use filter::{FilterOptions, SeccompData};
pub use launch::{LaunchError, LaunchOptions, Launched};
pub use listener::{InjectError, Listener, Notification, Patience};

//! The control interface of the supervisor: Varlink, both ends.
//!
//! Varlink is JSON objects, each ended by a zero byte, on a UNIX socket; descriptors travel beside the first byte of
//! the call they belong to. Both ends are threads that block with deadlines: a call may take a second and a client may
//! never read, and neither may hold up others, which a thread for each of a few connections gives without a runtime.
#![forbid(unsafe_code)]

pub mod client;
pub mod interface;
mod refusal;
pub mod server;
mod service;
mod transport;
pub mod view;

#[cfg(test)]
mod tests;

pub use refusal::Refusal;

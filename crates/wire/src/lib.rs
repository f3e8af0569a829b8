//! Netlink and audit message codecs and record texts, as the Linux kernel writes them.
//!
//! Everything here is a pure function of bytes: no clock, no I/O, no unsafe code. Integers are in host byte order,
//! as netlink wants them.
#![forbid(unsafe_code)]

pub mod address;
pub mod equivalence;
mod errno;
pub mod header;
pub mod loginuid;
pub mod message_type;
pub mod payload;
pub mod record;
pub mod reply;
pub mod rule;
pub mod text;

pub use errno::Errno;

//! The protocol by which LXC's monitors hand on calls of their containers (`lxc.seccomp.notify.proxy`), and how a
//! container is called.
//!
//! A monitor connects to a `SOCK_SEQPACKET` socket. It sends a message for each call and waits for the answer before it
//! sends the next one (LXC: `seccomp_notify_handler`).

mod frame;
mod name;

pub use frame::{Answer, Descriptor, Frame, FrameError};
pub use name::container_name;

//! A raw `NETLINK_AUDIT` client that plays the same cases against the kernel and inside an audit namespace, and
//! compares what came back byte for byte. It is the referee of the workspace and therefore builds and reads every
//! message with code of its own.
//!
//! A case is a little play: actors (processes of their own) perform socket primitives on command, and every result is
//! written down. Transcripts are normalised (process ids, stamps, sessions become placeholders) and compared step by
//! step; differences that cannot be otherwise today stand in a list with a reason each.

mod actor;
mod cases;
mod cli;
mod compare;
mod control;
mod datagram;
mod differential;
mod expected;
mod files;
mod glob;
mod guard;
mod hex;
mod messages;
mod normalise;
mod play;
mod random;
mod raw;
mod rules;
mod stage;
mod text;
mod transcript;

pub use cli::main;

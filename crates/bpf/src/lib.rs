//! What the kernel runs for auditns, by BPF: notes of who sends on an audit socket and from which CPU, and answers to the
//! question which task is in which namespace ([`membership`]).
//!
//! # Senders
//!
//! A program of a few instructions is attached as a socket filter to the supervisor's end of an audit socket pair. It runs
//! in the sender's own context, inside its `sendmsg(2)`, accepts every message whole, and notes in memory shared with the
//! supervisor
//!
//! - the CPU, so that a thread on that CPU can serve the connection ([`Watched::cpu`]), and
//! - who the sending thread is, and its tag: what else is read from several files of `/proc`, later, when the sender may have
//!   ended ([`Watched::sender`]).
//!
//! It is optional: needs Linux 5.17, its type information (BTF), `CAP_BPF`, `CAP_PERFMON` and the first PID namespace;
//! [`LoadError`] says what is missing. Loading reads some megabytes of type information and takes tens of milliseconds. Once
//! loaded, attaching takes two calls on the socket and none of `bpf(2)`, so it works in a sandbox without capabilities.
//!
//! # Which slot
//!
//! While a filter runs, the kernel has the receiving socket in the message, so `bpf_get_socket_cookie` gives the cookie of
//! the end that the filter is attached to. A connection's slot lies at its cookie modulo the number of slots or up to seven
//! places further; the slot holds the cookie. Whoever has the receiving end can thus attach it: also a supervisor that
//! took it over from one before, with nothing known about the sender's end.
//!
//! # Whose identity
//!
//! A slot holds one identity, and messages queue behind each other; several processes may share the sender's end; and the
//! filter runs *before* the message is queued, so that two senders can be queued in the other order. An identity is given
//! for a message only where all messages that exist have the same one. The argument:
//!
//! 1. The kernel charges each message to the sender's socket (`sk_wmem_alloc`) before the filter runs, until it has been
//!    received or dropped. So the filter can see whether its message is the only one there is. Call a message *present* from
//!    its charge to its discharge, which lies within the supervisor's `recvmsg(2)`.
//! 2. The filter changes a slot under a lock. If the sender is the noted identity, nothing changes. If it is another and its
//!    message is alone, that identity is noted and the version rises by two. If it is another and not alone, or the lock is
//!    taken, it raises the number of doubts. Doubts are settled by a message that is alone only, and then the version
//!    rises by two.
//! 3. Let a message's filter run end with the noted identity being its own. As long as the message is present no other is
//!    alone, so neither identity nor version change. Let it end otherwise: then a doubt was raised, which is not settled
//!    as long as the message is present.
//! 4. The supervisor takes a [`Mark`] (the version) before `recvmsg(2)` and reads the slot after it. If the version is the
//!    marked one and there is no doubt, there was none in between, as settling changes the version, and the identity was the
//!    same all the time. The message was present at the mark or came afterwards; its filter run ended before it was received.
//!    By 3 it ended with its identity noted, and it is the one that is read.
//!
//! A message that an earlier program saw, or none, is not noted, but charged: a new slot starts in doubt, and stays so until
//! a message is alone. A filter that still runs for a closed socket compares the cookie under the lock, and a slot is given
//! out only while the lock is free, so it cannot write to a slot that is another's by now.
//!
//! The usual client sends, waits for the acknowledgement and sends again: each of its messages is alone, whatever else
//! holds the socket. A client that sends without waiting has the same identity all the time. What remains (several senders
//! at the same instant, credentials changed with messages on the way) gives `None`; then `SCM_CREDENTIALS` and `/proc` have
//! to do. The cost of being wrong about the kernel is paid at the start: [`Steering::load`] tries on a socket pair whether
//! messages are charged as described.
//!
//! What is read is what the kernel's own audit reads of a sender: the credentials that the thread acts with, also where
//! `io_uring` sends for it.
//!
//! The number of the sending thread is not part of an identity, as records name processes: threads of a process with the
//! same credentials do not put each other in doubt.
//!
//! # The object
//!
//! `src/auditns.bpf.o` is made from `program/auditns.bpf.c` by `cargo xtask bpf`, with the compiler named in
//! `program/compiler.txt`, and `src/skeleton.rs` from the object, by libbpf's generator; a build of auditns needs neither. The kernel's structures are described by the
//! members that are read, and the loader adapts their places to the running kernel, so one object serves all kernels and
//! all little-endian machines.

#![allow(unsafe_code, reason = "what loads BPF is apart from what makes other system calls")]

mod error;
mod host;
mod identity;
pub mod membership;
mod object;
// Generated: see `cargo xtask bpf`.
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    single_use_lifetimes,
    unreachable_pub,
    reason = "generated"
)]
#[rustfmt::skip]
mod skeleton;
mod slot;
mod slots;
mod steering;
mod trial;
mod watched;

pub use error::{AttachError, LoadError};
pub use identity::Identity;
pub use membership::{
    Count, Keeper, Login, Losses, Member, Membership, MembershipError, MembershipOptions, Moved, Observer,
    Start, Tag,
};
pub use steering::{Parts, SLOTS_MAX, Steering};
pub use watched::{Mark, Watched};

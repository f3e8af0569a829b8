//! Which task is in which namespace, from the kernel.

mod client;
mod kept;
mod message;
mod number;
mod passes;
mod server;
mod tag;

pub use client::{Membership, MembershipError, MembershipOptions, Observer};
pub use server::{ServeError, serve};
pub use tag::{Count, Login, Losses, Member, Moved, Start, Tag};

use libbpf_rs::libbpf_sys;
use std::fmt::Debug;
use std::os::fd::BorrowedFd;

/// Commands of `bpf(2)` that [`serve`] needs once everything is loaded.
pub const COMMANDS: [u32; 6] = [
    libbpf_sys::BPF_MAP_LOOKUP_ELEM,
    libbpf_sys::BPF_MAP_UPDATE_ELEM,
    libbpf_sys::BPF_MAP_DELETE_ELEM,
    libbpf_sys::BPF_MAP_GET_NEXT_KEY,
    libbpf_sys::BPF_PROG_TEST_RUN,
    libbpf_sys::BPF_ITER_CREATE,
];

/// Whoever keeps descriptors by name while no supervisor runs, and hands them to the next one.
pub trait Keeper: Debug + Send {
    /// Keeps a copy of the descriptor under a name that has none yet. What is not kept is lost with this process.
    fn keep(&self, name: &str, fd: BorrowedFd<'_>);

    /// Forgets what is kept under a name, if anything is.
    fn forget(&self, name: &str);
}

//! Which task is in which namespace, from the kernel.
//!
//! [`serve`] runs in a process that may make `bpf(2)` calls; [`Membership`] asks it from one that may not.
//!
//! # Filters
//!
//! A task is in a namespace if one of its seccomp filters has a listener of that namespace's. Filters are inherited by every
//! task, and cannot be dropped. The kernel tells nobody which filters a task has, but a program can go through them: they are a
//! list, of which tasks have the ends. [`Membership::note_listener`] runs a program that finds the filter of a listener by the
//! descriptor, in the process's own table, and remembers its address. An open listener keeps its filter where it is, so an
//! address means that filter until the listener is closed, before which it is to be forgotten.
//!
//! A list of filters grows at the end that the task has, and the task lets go of all of it at once when it ends. So what was
//! gone through was there all the time if the task has any filters afterwards: another task's answer is never given, nor that
//! of memory that was freed meanwhile.
//!
//! # Tags
//!
//! What filters cannot say is a [`Tag`]: the kernel allows one listener in a list, so there is none for a nested namespace; and
//! logins change. A tag is kept in the storage that the kernel has for programs with each task, and is freed with the task. A
//! program at the tracepoint `task_newtask` gives new tasks what the one that makes them has. It is called before the new task
//! runs, but after it can be found: until it runs, a task without a tag is in nothing yet.
//!
//! [`Membership::move_thread_group`] gives all threads of a process a tag, by passes over all tasks. A thread that is made by
//! one that has the tag has it too; one that was made by another is on the lists before the next pass begins, and is found by
//! it. So the pass that finds nothing to do is the last one.
//!
//! How many tasks have the tag of a namespace is counted: when one gets it, before it loses another one; when it ends, at the
//! tracepoint `sched_process_exit`. Both can happen at once to one task, so the tag says as whose it is counted, in a word that
//! is exchanged, and whoever takes something out of it corrects that count. A task whose end has begun before it was counted
//! is seen to be ending afterwards, by the flag that is set before the tracepoint.
//!
//! # What is kept
//!
//! Tags and their counts are in maps, and inherited as long as two links are open. Their descriptors are kept by name
//! ([`Keeper`]), and the next process takes up the maps and attaches programs of its own before the old ones are let go.

mod client;
mod kept;
mod message;
mod number;
mod passes;
mod server;
mod tag;

pub use client::{Membership, MembershipError, MembershipOptions, Observer};
pub use server::{ServeError, serve, try_out};
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

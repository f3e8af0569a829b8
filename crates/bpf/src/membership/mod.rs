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

use std::fmt::Debug;
use std::os::fd::BorrowedFd;

/// Whoever keeps descriptors by name while no supervisor runs, and hands them to the next one.
pub trait Keeper: Debug + Send {
    /// Keeps a copy of the descriptor under a name that has none yet. What is not kept is lost with this process.
    fn keep(&self, name: &str, fd: BorrowedFd<'_>);

    /// Forgets what is kept under a name, if anything is.
    fn forget(&self, name: &str);
}

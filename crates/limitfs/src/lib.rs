//! The file tree `PID/audit_backlog_limit`: a small FUSE file system that gives the file `/proc/PID/audit_backlog_limit`
//! of the kernel's 2013 audit namespace proposal to programs that were written for it.
//!
//! Anyone on the host reads; only root of the initial user namespace writes. Which process has which limit is the
//! business of the implementor of [`Limits`].
#![forbid(unsafe_code)]

mod admission;
mod attributes;
mod filesystem;
mod inode;
mod limits;
mod listing;
mod mount;
mod mount_error;
mod number;
mod process;
mod tree;

pub use limits::{Limits, Refusal};
pub use mount::{LimitFs, Mounted};
pub use mount_error::MountError;

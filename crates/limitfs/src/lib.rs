//! The file tree `PID/audit_backlog_limit`.
//!
//! A proposal of 2013 for audit namespaces in the kernel had the host set the backlog limit of a namespace through
//! `/proc/PID/audit_backlog_limit`. This is that file for every process of the host, in a folder of its own: a file
//! system that [`LimitFs::mount`] mounts by means of `/dev/fuse`, without a helper program.
//!
//! | call | result |
//! |---|---|
//! | look up `PID` | found while that process or thread is there, else `ENOENT`; numbers without sign and leading zeros |
//! | list the root | the processes of [`Limits::pids`] alone |
//! | read | the limit in decimal digits and a newline, as it is then, for everybody |
//! | write | decimal digits, then at most one newline, 16 bytes at most and at offset 0, else `EINVAL` |
//! | write by others than root in the initial user namespace | `EACCES` or `EPERM` |
//! | read or write after the process has ended | `ESRCH`, also if another one got its number |
//! | read, of a process in no audit namespace | `EINVAL` |
//! | write, to a process in no audit namespace | `EPERM`, as the proposal has it for the initial namespace |
//! | read or write while no answer can be had | `EAGAIN` |
//! | make, remove, rename, change owner, mode or times | `EPERM` |
//!
//! Numbers of processes are those of the mounting process's PID namespace. Who opens a file for writing and who writes are
//! both checked, so a descriptor that was handed into a user namespace is of no use there.
#![forbid(unsafe_code)]

mod error;
mod limits;
mod mounting;
mod number;
mod operations;
mod predecessor;
mod process;
mod tree;

pub use error::MountError;
pub use limits::{Limits, Refusal};
pub use mounting::{LimitFs, Mounted};

//! What the supervisor of a host takes from itself, so that an error in it is worth less to whoever finds one.
//!
//! [`Sandbox::enter`] comes before the first thread: threads inherit. [`Sandbox::seal`] comes when everything is mounted.
//! [`confine_thread`] is for a thread that needs neither files nor other processes.
//!
//! A Landlock domain, of whatever kind, takes from a thread all access to processes outside of it that the kernel judges as
//! it judges tracing: `/proc/PID/ns`, `/proc/PID/exe` and `/proc/PID/root`, and `pidfd_getfd`. These are the supervisor's
//! eyes, so no domain holds for the whole of it.

mod calls;
mod capabilities;
mod error;
mod membership;
mod thread;

pub use capabilities::{CAPABILITIES, Kept};
pub use error::SandboxError;
pub use membership::{BPF_CAPABILITIES, confine_to_bpf, keep_bpf_capabilities};
pub use thread::confine_thread;

use std::fmt;

/// What the supervisor is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// It hands records to the audit of the host's kernel.
    pub forwards: bool,
}

/// A sandbox that still allows to mount.
#[derive(Debug)]
#[must_use = "mounting is allowed until it is sealed"]
pub struct Sandbox {
    shortcomings: Vec<Shortcoming>,
}

/// What the host does not have, or did not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shortcoming {
    /// `CAP_SETPCAP` is missing, so the bounding set is as it was. No program can be executed that would profit from it.
    BoundingSet,
    /// Capabilities of the table that this process was not given.
    Missing(Vec<&'static str>),
    /// No Landlock: threads that need no files are kept from them by nothing else than system calls.
    NoLandlock,
}

impl fmt::Display for Shortcoming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shortcoming::BoundingSet => formatter.write_str(
                "the sandbox cannot clear the bounding set of capabilities without CAP_SETPCAP, and goes on without",
            ),
            Shortcoming::Missing(names) => {
                write!(formatter, "the supervisor was started without {}; see docs/security.md", names.join(" and "))
            }
            Shortcoming::NoLandlock => formatter.write_str(
                "this kernel has no Landlock, so the sandbox consists of capabilities and system calls alone",
            ),
        }
    }
}

impl Sandbox {
    /// Takes capabilities and system calls from the calling thread, and from all that it will start.
    ///
    /// The bounding, inheritable and ambient sets are emptied. Calls that no honest supervisor makes end the process; others
    /// that are not on the list get `EPERM`.
    ///
    /// # Errors
    /// [`SandboxError`]; the process may have lost a part of its rights then, and should end.
    pub fn enter(tasks: Tasks) -> Result<Sandbox, SandboxError> {
        let threads = std::fs::read_dir("/proc/self/task").map_err(SandboxError::Threads)?.count();
        if threads != 1 {
            return Err(SandboxError::TooLate(threads));
        }
        let mut shortcomings = Vec::new();
        if tasks.forwards && !thread::is_landlock_available() {
            shortcomings.push(Shortcoming::NoLandlock);
        }
        shortcomings.extend(capabilities::reduce(tasks)?);
        calls::enter(tasks)?;
        Ok(Sandbox { shortcomings })
    }

    /// What could not be done. One line each is worth saying.
    pub fn shortcomings(&self) -> &[Shortcoming] {
        &self.shortcomings
    }

    /// From here on nothing is mounted, by no thread, and no further filter is added.
    ///
    /// # Errors
    /// [`SandboxError::Filter`].
    pub fn seal(self) -> Result<(), SandboxError> {
        calls::seal()
    }
}

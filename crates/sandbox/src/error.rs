//! Why there is no sandbox.

use std::io;

/// Why the sandbox is not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// `/proc` is of no use.
    #[error("the threads of this process cannot be counted ({0}); is /proc mounted?")]
    Threads(#[source] io::Error),
    /// Threads that exist would keep their capabilities.
    #[error("the sandbox has to be entered before the first thread, and there are {0}; enter it earlier")]
    TooLate(usize),
    /// Of this thread.
    #[error("the capabilities of this process cannot be read ({0}); see whether a filter forbids capget")]
    Read(#[source] io::Error),
    /// The bounding set.
    #[error(
        "capability {number} cannot be taken from the bounding set ({error}); see whether a filter forbids prctl"
    )]
    Bounding {
        /// Its number.
        number: u32,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The ambient set.
    #[error("the ambient capabilities cannot be cleared ({0}); see whether a filter forbids prctl")]
    Ambient(#[source] io::Error),
    /// The other sets.
    #[error("the capabilities cannot be reduced ({0}); see whether a filter forbids capset")]
    Reduce(#[source] io::Error),
    /// This machine is none of those.
    #[error("system calls cannot be filtered on {0}; use x86_64 or aarch64")]
    Architecture(&'static str),
    /// A wrong table.
    #[error("the filter for {what} cannot be assembled ({error}); report it")]
    Assemble {
        /// Which filter.
        what: &'static str,
        /// Why.
        #[source]
        error: seccompiler::BackendError,
    },
    /// The kernel does not take it.
    #[error("the filter for {what} is refused ({error}); the kernel needs CONFIG_SECCOMP_FILTER")]
    Filter {
        /// Which filter.
        what: &'static str,
        /// Why.
        #[source]
        error: seccompiler::Error,
    },
    /// Landlock.
    #[error(
        "the thread cannot be confined by Landlock ({0}); see whether a filter forbids landlock_restrict_self"
    )]
    Landlock(#[source] landlock::RulesetError),
}

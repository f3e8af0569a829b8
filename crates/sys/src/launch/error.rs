//! Why a program could not be started below the filter.

use crate::filter::AssembleError;
use std::ffi::OsString;
use std::io;

/// A step of the child between fork and exec that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Unset the login uid.
    Loginuid,
    /// Set no-new-privileges.
    NoNewPrivileges,
    /// Get a session keyring.
    Keyring,
    /// Install the filter.
    Filter,
    /// Get a namespace inside the one that it is in.
    Namespace,
    /// Send the listener to the parent.
    HandOver,
}

/// Why a program could not be started below the filter; one case for each thing that a person can do about it.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The rules did not become a program.
    #[error("{0}")]
    Filter(#[source] AssembleError),
    /// No channel between parent and child.
    #[error("no channel to the new process ({0}); check the limits on open files and memory")]
    Channel(#[source] io::Error),
    /// No process, or its user, group or working directory could not be set.
    #[error(
        "no new process could be started ({0}); check the limit on processes, and the user and working directory \
         that it should get"
    )]
    Start(#[source] io::Error),
    /// The login uid is set and could not be unset.
    #[error(
        "the login uid could not be unset ({0}); run with CAP_AUDIT_CONTROL in the initial user namespace, and \
         without loginuid_immutable on this host, or keep the login uid"
    )]
    LoginuidRefused(#[source] io::Error),
    /// `PR_SET_NO_NEW_PRIVS` failed.
    #[error("no-new-privileges could not be set ({0}); this kernel is too old, 5.14 is needed")]
    NoNewPrivileges(#[source] io::Error),
    /// `KEYCTL_JOIN_SESSION_KEYRING` failed.
    #[error(
        "no session keyring could be made ({0}); check the quota of keys in /proc/key-users, and \
         /proc/sys/kernel/keys/maxkeys"
    )]
    Keyring(#[source] io::Error),
    /// A filter of this chain already has a listener, and the kernel allows one.
    #[error(
        "this process already runs below a seccomp listener (a container manager's, or another auditns); the kernel \
         allows one per process, so start auditns outside of it"
    )]
    SecondListener,
    /// Whoever serves the namespace that this process is in makes none inside it.
    #[error(
        "this process already runs below a seccomp listener, of which the kernel allows one, and no audit namespace could be \
         made inside the one that it is in ({0}): {hint}; or start auditns outside of it",
        hint = why_not(.0)
    )]
    NoNestedNamespace(#[source] io::Error),
    /// The kernel does not know what is asked of it.
    #[error(
        "this kernel refused the seccomp listener ({0}); Linux 5.14 or later with CONFIG_SECCOMP_FILTER is needed"
    )]
    KernelTooOld(#[source] io::Error),
    /// The kernel knows it and refuses it.
    #[error(
        "the seccomp filter could not be installed ({0}); a surrounding sandbox may forbid seccomp(2), or memory is \
         short"
    )]
    FilterRefused(#[source] io::Error),
    /// The listener did not arrive.
    #[error("the new process could not hand over its seccomp listener; check the limit on open files")]
    HandOver,
    /// The program could not be executed; see [`LaunchError::exit_code`].
    #[error("{} could not be executed ({error}); check its name, PATH and permissions", program.display())]
    Program {
        /// The program as it was named.
        program: OsString,
        /// The kernel's answer to the last attempt.
        #[source]
        error: io::Error,
    },
}

impl LaunchError {
    /// The case for a step that failed with `errno`.
    pub(crate) fn from_step(step: Step, errno: i32) -> Self {
        let error = io::Error::from_raw_os_error(errno);
        match (step, errno) {
            (Step::Loginuid, _) => Self::LoginuidRefused(error),
            (Step::NoNewPrivileges, _) => Self::NoNewPrivileges(error),
            (Step::Keyring, _) => Self::Keyring(error),
            (Step::Filter, libc::EBUSY) => Self::SecondListener,
            (Step::Filter, libc::EINVAL | libc::ENOSYS) => Self::KernelTooOld(error),
            (Step::Filter, _) => Self::FilterRefused(error),
            (Step::Namespace, _) => Self::NoNestedNamespace(error),
            (Step::HandOver, _) => Self::HandOver,
        }
    }

    /// The exit status by which shells, `env(1)` and `nohup(1)` report this: 127 if the program was not found, 126 if
    /// it was found and could not be executed, 125 if it was never tried.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
            Self::Program { .. } => 126,
            _ => 125,
        }
    }
}

/// What to do where no namespace is made inside another one.
fn why_not(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => "run with CAP_AUDIT_CONTROL",
        Some(libc::ENOSPC) => "the host's policy (nested-namespaces, nested-depth) allows no more",
        Some(libc::EAGAIN) => "too many were made within a second, try again",
        Some(libc::EOPNOTSUPP) => {
            "who serves it cannot move processes, which takes a supervisor (auditns supervise) with CAP_BPF and CAP_PERFMON"
        }
        _ => "the listener is a container manager's, and not that of auditns",
    }
}

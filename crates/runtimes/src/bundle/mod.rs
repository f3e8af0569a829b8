//! Bundles: the configuration of a container, as an OCI runtime reads it.

mod format;
mod read;
pub mod seccomp;

pub use read::{LONGEST, read, read_configuration};
use seccomp::Profile;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

/// Where a container gets a namespace from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// From the runtime: it has none of its own.
    #[default]
    Inherited,
    /// It is made for the container.
    New,
    /// Joined at this path.
    Joined(PathBuf),
}

/// The configuration of a container, as far as it matters for audit. What is absent is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// Whatever managers and people have noted. Not escaped.
    pub annotations: BTreeMap<String, String>,
    /// The first process's program and its arguments. Not escaped.
    pub arguments: Vec<String>,
    /// The name of the host that the container sees. Not escaped.
    pub hostname: Option<String>,
    /// Whether programs get no privileges from their files.
    pub no_new_privileges: bool,
    /// Names of the capabilities of the bounding set (`CAP_AUDIT_WRITE`). `None` if the runtime decides.
    pub bounding: Option<BTreeSet<String>>,
    /// Where the user namespace comes from.
    pub user_namespace: Origin,
    /// Where the process namespace comes from.
    pub pid_namespace: Origin,
    /// Where the control group is.
    pub cgroups_path: Option<String>,
    /// The seccomp agent that gets the listener.
    pub listener_path: Option<PathBuf>,
    /// The seccomp profile.
    pub seccomp: Option<Profile>,
}

impl Bundle {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`BundleError::TooLong`] and [`BundleError::Malformed`]. Fields and values that are not known are no errors; values
    /// of another type are, as they are for runtimes.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, BundleError> {
        if bytes.len() > LONGEST {
            return Err(BundleError::TooLong);
        }
        let configuration: format::Configuration = serde_json::from_slice(bytes)
            .map_err(|error| BundleError::Malformed { line: error.line(), column: error.column() })?;
        Ok(configuration.into())
    }

    /// Whether the container gets a user namespace that nobody else is in.
    pub fn new_user_namespace(&self) -> bool {
        self.user_namespace == Origin::New
    }

    /// Whether the container gets a process namespace that nobody else is in.
    pub fn new_pid_namespace(&self) -> bool {
        self.pid_namespace == Origin::New
    }

    /// Whether the seccomp profile refuses an audit socket before anybody is asked.
    pub fn refuses_audit(&self) -> bool {
        self.seccomp.as_ref().is_some_and(Profile::refuses_audit)
    }

    /// The error of calls that the seccomp profile does not name, if it refuses them with one.
    pub fn default_errno(&self) -> Option<u32> {
        self.seccomp.as_ref().and_then(Profile::default_errno)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Cannot be opened.
    #[error(
        "the container's configuration {path:?} cannot be opened ({error}); give the folder of a bundle with --bundle"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A folder, pipe or device.
    #[error("the container's configuration {path:?} is no regular file; put one there")]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Cannot be read.
    #[error("the container's configuration {path:?} cannot be read ({error}); check its file system")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Longer than [`LONGEST`].
    #[error("the container's configuration is longer than {LONGEST} bytes; make it shorter")]
    TooLong,
    /// No configuration.
    #[error(
        "the container's configuration is none at line {line}, column {column}; write it as runtime-spec has it"
    )]
    Malformed {
        /// Where, from 1.
        line: usize,
        /// Where in the line.
        column: usize,
    },
}

#[cfg(test)]
mod tests;

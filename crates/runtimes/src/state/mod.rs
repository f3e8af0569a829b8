//! The state of a container process, which OCI runtimes send with a listener to a seccomp agent.

mod incoming;

pub use incoming::{Incoming, LONGEST, Progress};

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The name of the listener among the descriptors.
const SECCOMP_FD: &str = "seccompFd";

/// What a runtime says of the process whose listener it sends. What it leaves out is empty. Texts are not escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerProcessState {
    /// Version of runtime-spec.
    #[serde(default, rename = "ociVersion", deserialize_with = "or_default")]
    pub version: String,
    /// Names of the descriptors that come with it, in their order.
    #[serde(default, deserialize_with = "or_default")]
    pub fds: Vec<String>,
    /// The process, as the runtime sees it. 0 from crun's `exec`; the container's first process from youki's.
    #[serde(default, deserialize_with = "or_default")]
    pub pid: i32,
    /// What the profile notes for the agent (`listenerMetadata`).
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: String,
    /// The container.
    #[serde(default, deserialize_with = "or_default")]
    pub state: State,
}

/// What a runtime says of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of runtime-spec.
    #[serde(default, rename = "ociVersion", deserialize_with = "or_default")]
    pub version: String,
    /// The container's id.
    #[serde(default, deserialize_with = "or_default")]
    pub id: String,
    /// `creating`, `created`, `running` or `stopped`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// The container's first process, as the runtime sees it. 0 if it is not known.
    #[serde(default, deserialize_with = "or_default")]
    pub pid: i32,
    /// Folder of the bundle. `.` from crun's `exec`.
    #[serde(default, deserialize_with = "or_default")]
    pub bundle: PathBuf,
    /// The annotations of the bundle.
    #[serde(default, deserialize_with = "or_default")]
    pub annotations: BTreeMap<String, String>,
}

/// `null` is what Go writes for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl ContainerProcessState {
    /// Where the listener is among the descriptors that came.
    ///
    /// # Errors
    /// [`StateError::NoListener`].
    pub fn seccomp_fd_index(&self) -> Result<usize, StateError> {
        let listener = self.fds.iter().position(|name| name == SECCOMP_FD);
        listener.ok_or(StateError::NoListener { count: self.fds.len() })
    }
}

/// Why there is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Longer than [`LONGEST`].
    #[error("the runtime sent more than {LONGEST} bytes as the state of a container; remove annotations")]
    TooLong,
    /// It does not begin as a state does.
    #[error(
        "the runtime sent something that begins with byte {byte:#04x}, and no state of a container; use a \
         runtime that follows runtime-spec 1.1"
    )]
    NoObject {
        /// The first byte but white space.
        byte: u8,
    },
    /// No state.
    #[error(
        "the runtime sent a state of a container that is none at line {line}, column {column}; use a runtime that \
         follows runtime-spec 1.1"
    )]
    Malformed {
        /// Where, from 1.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// The connection ended before the state did.
    #[error(
        "the runtime left after {received} bytes, before the state of a container was complete; see what the \
         runtime says"
    )]
    CutShort {
        /// What it had sent, in bytes.
        received: usize,
    },
    /// There is nothing more to come.
    #[error(
        "the runtime's state of a container is complete or refused already; take one state per connection"
    )]
    Ended,
    /// The listener is not among the descriptors.
    #[error(
        "the runtime names {count} descriptors, and none of them \"{SECCOMP_FD}\"; use a runtime that \
         follows runtime-spec 1.1"
    )]
    NoListener {
        /// How many it names.
        count: usize,
    },
}

#[cfg(test)]
mod tests;

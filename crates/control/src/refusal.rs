//! Why the supervisor did not do what it was asked.

use auditns_wire::text::escape;
use serde::{Deserialize, Serialize};

/// The errors of `io.auditns`. Its serialised form is the whole Varlink reply.
///
/// In messages control characters are escaped; names and values are quoted as Rust does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub enum Refusal {
    /// No namespace of this name, number or process that the caller may see.
    #[error("there is no audit namespace {which:?}; list those that exist")]
    #[serde(rename = "io.auditns.NoSuchNamespace")]
    NoSuchNamespace {
        /// What was asked for.
        which: String,
    },
    /// A namespace of this name exists.
    #[error("an audit namespace of the name {name:?} exists; choose another name, or none")]
    #[serde(rename = "io.auditns.NameTaken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Not a name for a namespace.
    #[error("{name:?} cannot be the name of an audit namespace; use letters, digits, '.', '_', '-' and ':'")]
    #[serde(rename = "io.auditns.InvalidName")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The caller may not do this.
    #[error("{} is not permitted: {}", escape(operation.as_bytes()), escape(why.as_bytes()))]
    #[serde(rename = "io.auditns.NotPermitted")]
    NotPermitted {
        /// What was asked for.
        operation: String,
        /// Who may do it.
        why: String,
    },
    /// The value does not suit the key.
    #[error("{value:?} is not a value for {key:?}: {}", escape(why.as_bytes()))]
    #[serde(rename = "io.auditns.InvalidValue")]
    InvalidValue {
        /// The setting.
        key: String,
        /// The value.
        value: String,
        /// What would be one.
        why: String,
    },
    /// Not a setting.
    #[error("{key:?} is not a setting; settings are {known:?}")]
    #[serde(rename = "io.auditns.UnknownKey")]
    UnknownKey {
        /// What was asked for.
        key: String,
        /// The settings that exist.
        known: Vec<String>,
    },
    /// There are as many as there may be.
    #[error(
        "the supervisor's limit on {} is reached, which is {value}; try again later, or raise it",
        escape(limit.as_bytes())
    )]
    #[serde(rename = "io.auditns.LimitReached")]
    LimitReached {
        /// Of what.
        limit: String,
        /// How many there may be.
        value: u64,
    },
    /// The call needs a descriptor and had none.
    #[error(
        "no seccomp listener came with the call; attach it as a file descriptor, or raise the supervisor's limit on open files if \
         it has many namespaces"
    )]
    #[serde(rename = "io.auditns.MissingDescriptor")]
    MissingDescriptor,
    /// The supervisor cannot do this now.
    #[error("the supervisor cannot do this now: {}", escape(why.as_bytes()))]
    #[serde(rename = "io.auditns.Unavailable")]
    Unavailable {
        /// What is in the way.
        why: String,
    },
}

/// What is limited when there are as many connections as there may be.
const CONNECTIONS: &str = "connections";

impl Refusal {
    pub(crate) fn too_many_connections(limit: usize) -> Refusal {
        let value = u64::try_from(limit).unwrap_or(u64::MAX);
        Refusal::LimitReached { limit: CONNECTIONS.to_owned(), value }
    }

    /// Whether others have all connections that there may be, which they mostly have for a moment.
    pub fn is_of_connections(&self) -> bool {
        matches!(self, Refusal::LimitReached { limit, .. } if limit == CONNECTIONS)
    }
}

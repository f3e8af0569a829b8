//! What the host has settled for a namespace, besides what the namespace itself knows.

use crate::log::Rotation;
use serde::{Deserialize, Serialize};

/// Settings of the supervisor for one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// When its logs are rotated.
    pub(crate) rotation: Rotation,
    /// Whether its records are kept as it sees them, too.
    pub(crate) inside_log: bool,
    /// Most open audit sockets.
    pub(crate) sockets: usize,
    /// Messages a second that are read of all members together; 0 is no limit.
    pub(crate) read_rate: u32,
    /// See [`crate::embedded::Options::strict_clients`].
    pub(crate) strict_clients: Vec<String>,
}

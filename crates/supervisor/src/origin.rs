//! Where a namespace comes from.

use auditns_control::interface::Container;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What does not change as long as a namespace lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Tells the namespace from others in the store of descriptors.
    pub(crate) index: u32,
    /// Its name, unique among those that live.
    pub(crate) name: String,
    /// What started its first member.
    pub(crate) runtime: String,
    /// The container that it is for.
    pub(crate) container: Option<Container>,
    /// What a cluster or manager calls the container, see [`auditns_runtimes::labels`].
    pub(crate) labels: Vec<(String, String)>,
    /// Who asked for it.
    pub(crate) uid: u32,
    /// Its first member.
    pub(crate) pid: u32,
    /// When the first member started, in clock ticks since boot: with the pid it names the process for good.
    pub(crate) pid_started: u64,
    /// When it began, in seconds since 1970.
    pub(crate) began: u64,
    /// How many supervisors before this one served it.
    pub(crate) served_before: u32,
    /// Where its logs are.
    pub(crate) log_folder: PathBuf,
}

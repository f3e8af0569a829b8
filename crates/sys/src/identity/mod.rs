//! Who a task is: capabilities, namespaces, ids as seen elsewhere, login uid, and the details that records carry.

mod brief;
pub mod capabilities;
pub mod details;
pub mod id_map;
pub mod loginuid;
pub mod namespace;
pub mod process;
mod procfs;
pub mod signals;
pub mod user_namespace_link;

pub use brief::Brief;
pub(crate) use brief::THREAD;
pub use capabilities::{Capability, CapabilitySet};
pub use details::{Details, FileId, Ids};
pub use id_map::{IdKind, IdMap};
pub use loginuid::{Login, LoginuidFile};
pub use namespace::{NamespaceFile, NamespaceId, NamespaceKind};
pub use process::Process;
pub use user_namespace_link::UserNamespaceLink;

#[cfg(test)]
mod tests;

/// Whether this process has the effective user id 0.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

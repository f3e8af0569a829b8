//! What the runtime knows of a container.

use auditns_runtimes::bundle::Bundle;
use auditns_runtimes::record::first_process_of;
use auditns_supervisor::attached;
use std::env;
use std::path::{Path, PathBuf};

/// How a runtime finds a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) id: &'a str,
    /// The folder where it keeps what it knows, if it was told one.
    pub(super) root: Option<&'a Path>,
}

/// The first process of a container that the runtime has made; `None` if it is not known.
pub(super) fn first_process(identity: Identity<'_>, runtime: &str) -> Option<u32> {
    roots(identity.root, runtime).into_iter().find_map(|root| first_process_of(&root, identity.id))
}

/// Where a runtime may keep what it knows.
fn roots(root: Option<&Path>, runtime: &str) -> Vec<PathBuf> {
    if let Some(root) = root {
        return vec![root.to_owned()];
    }
    let own = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    own.into_iter().chain([PathBuf::from("/run")]).map(|folder| folder.join(runtime)).collect()
}

/// Whether members that get around the filter could write to the host's audit: if this process could, and the container keeps
/// the user namespace and an audit capability.
pub(super) fn audit_can_be_reached(bundle: &Bundle) -> bool {
    let bounded = bundle.bounding.as_ref().is_none_or(|bounding| {
        bounding.contains("CAP_AUDIT_WRITE") || bounding.contains("CAP_AUDIT_CONTROL")
    });
    bounded && !bundle.new_user_namespace() && attached::audit_can_be_reached()
}

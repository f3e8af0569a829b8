//! How many descriptors this process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as it goes: descriptors for members' sockets, one or two each, count against it. Returns the
/// limit in force.
pub(crate) fn raise_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

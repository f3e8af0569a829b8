//! Which user and group ids exist in the user namespace that rules speak of.

use auditns_wire::rule::UNSET_ID;

/// The id maps of a user namespace, as far as rules need them: whether an id is mapped at all.
///
/// Rules keep ids as they were given, as numbers of the namespace's owner; nothing is translated.
pub trait IdMap {
    /// Whether the user id exists in the namespace.
    fn has_uid(&self, uid: u32) -> bool;

    /// Whether the group id exists in the namespace.
    fn has_gid(&self, gid: u32) -> bool;
}

/// The map of the initial user namespace: every id but 4294967295.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllIds;

impl IdMap for AllIds {
    fn has_uid(&self, uid: u32) -> bool {
        uid != UNSET_ID
    }

    fn has_gid(&self, gid: u32) -> bool {
        gid != UNSET_ID
    }
}

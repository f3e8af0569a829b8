//! The ids that exist in the owner user namespace.

use crate::rules::IdMap;
use serde::{Deserialize, Serialize};

/// Ranges of inside ids, from `uid_map` and `gid_map`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedIds {
    users: Vec<(u32, u32)>,
    groups: Vec<(u32, u32)>,
}

impl MappedIds {
    /// Ranges as (first inside id, count).
    pub fn new(users: Vec<(u32, u32)>, groups: Vec<(u32, u32)>) -> MappedIds {
        MappedIds { users, groups }
    }

    /// Every id, as in the initial user namespace.
    pub fn all() -> MappedIds {
        MappedIds::new(vec![(0, u32::MAX)], vec![(0, u32::MAX)])
    }
}

fn contains(ranges: &[(u32, u32)], id: u32) -> bool {
    ranges.iter().any(|(first, count)| id.checked_sub(*first).is_some_and(|offset| offset < *count))
}

impl IdMap for MappedIds {
    fn has_uid(&self, uid: u32) -> bool {
        contains(&self.users, uid)
    }

    fn has_gid(&self, gid: u32) -> bool {
        contains(&self.groups, gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_half_open() {
        let ids = MappedIds::new(vec![(0, 1), (1000, 10)], vec![]);
        for (id, mapped) in [(0, true), (1, false), (999, false), (1000, true), (1009, true), (1010, false)] {
            assert_eq!(ids.has_uid(id), mapped, "{id}");
        }
        assert!(!ids.has_gid(0));
    }

    #[test]
    fn the_unset_id_is_never_mapped() {
        assert!(MappedIds::all().has_uid(u32::MAX - 1));
        assert!(!MappedIds::all().has_uid(u32::MAX));
    }
}

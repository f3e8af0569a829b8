//! The filter lists and the actions of a rule.

use serde::{Deserialize, Serialize};

/// The list a rule belongs to: when the kernel looks at it.
///
/// The numbers 2 (entry) and 3 (watch) are history and refused by every kernel since 3.15; they have no variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum FilterList {
    /// Messages that user space sends (`AUDIT_FILTER_USER`).
    User = 0,
    /// Task creation (`AUDIT_FILTER_TASK`).
    Task = 1,
    /// Syscall exit (`AUDIT_FILTER_EXIT`).
    Exit = 4,
    /// Record types to leave out (`AUDIT_FILTER_EXCLUDE`).
    Exclude = 5,
    /// File systems, by their type (`AUDIT_FILTER_FS`).
    Filesystem = 6,
    /// Completion of an `io_uring` operation (`AUDIT_FILTER_URING_EXIT`).
    UringExit = 7,
}

impl FilterList {
    /// Every list, in the order in which `AUDIT_LIST_RULES` reports them.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Task, Self::Exit, Self::Exclude, Self::Filesystem, Self::UringExit];

    /// The list with this number, if rules may name it.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::User),
            1 => Some(Self::Task),
            4 => Some(Self::Exit),
            5 => Some(Self::Exclude),
            6 => Some(Self::Filesystem),
            7 => Some(Self::UringExit),
            _ => None,
        }
    }

    /// The number in the `flags` word and in the `list=` field of records.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

/// What a matching rule does.
///
/// The number 1 (possible) is history and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum Action {
    /// No record (`AUDIT_NEVER`).
    Never = 0,
    /// A record (`AUDIT_ALWAYS`).
    Always = 2,
}

impl Action {
    /// The action with this number, if rules may name it.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Never),
            2 => Some(Self::Always),
            _ => None,
        }
    }

    /// The number in the `action` word.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_variants_are_inverse() {
        let lists: Vec<u32> = (0..64).filter_map(FilterList::from_number).map(FilterList::number).collect();
        assert_eq!(lists, [0, 1, 4, 5, 6, 7]);
        assert_eq!(FilterList::ALL.map(FilterList::number).to_vec(), lists);
        let actions: Vec<u32> = (0..64).filter_map(Action::from_number).map(Action::number).collect();
        assert_eq!(actions, [0, 2]);
    }
}

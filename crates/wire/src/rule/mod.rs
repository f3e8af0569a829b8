//! Audit rules as they travel: `struct audit_rule_data` and the numbers in it.
//!
//! `AUDIT_ADD_RULE`, `AUDIT_DEL_RULE` and the replies to `AUDIT_LIST_RULES` carry one such structure: 1040 bytes of
//! fixed layout in host byte order, then the string fields back to back. This module knows the layout and the numbers;
//! which combinations make a rule is for the rule set to decide.

mod data;
pub mod field;
mod list;
mod operator;

pub use data::{RuleData, TooShort};
pub use list::{Action, FilterList};
pub use operator::Operator;

/// Bytes of `struct audit_rule_data` before its string buffer.
pub const FIXED_LEN: usize = (3 + BITMASK_WORDS + 3 * MAX_FIELDS + 1) * 4;

/// Greatest number of fields in a rule (`AUDIT_MAX_FIELDS`).
pub const MAX_FIELDS: usize = 64;

/// 32-bit words in a rule's syscall mask (`AUDIT_BITMASK_SIZE`).
pub const BITMASK_WORDS: usize = 64;

/// Greatest length of a rule key in bytes (`AUDIT_MAX_KEY_LEN`).
pub const MAX_KEY_LEN: usize = 256;

/// Greatest length of a string field in bytes (the kernel's `PATH_MAX`).
pub const MAX_STRING_LEN: usize = 4096;

/// Bit of the `flags` word that asks for the rule to be put at the head of its list (`AUDIT_FILTER_PREPEND`).
pub const PREPEND: u32 = 0x10;

/// Number of syscall classes; class `n` is asked for with mask bit `2047 - n` (`AUDIT_SYSCALL_CLASSES`).
pub const SYSCALL_CLASSES: usize = 16;

/// A loginuid that was never set (`AUDIT_UID_UNSET`), and the id that no user or group has.
pub const UNSET_ID: u32 = u32::MAX;

//! What a `CONFIG_CHANGE` record says about a rule.

use super::Rule;
use auditns_wire::rule::FilterList;

/// The parts of a rule that the record of its addition or removal shows.
///
/// The kernel writes the record whenever a request could be parsed, whatever became of it (kernel:
/// `audit_log_rule_change`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    /// The key, to be written as an untrusted string after `key=`; `(null)` without one.
    pub key: Option<Vec<u8>>,
    /// The list, written by its number after `list=`.
    pub list: FilterList,
}

impl Rule {
    /// What the record about adding or removing this rule shows.
    pub fn describe_change(&self) -> RuleChange {
        RuleChange { key: self.key().map(<[u8]>::to_vec), list: self.list() }
    }
}

//! Groups of system calls, as `systemd-analyze syscall-filter` prints them: the group's name at the beginning of a line, what
//! is in it below, indented, calls and other groups; lines with `#` are comments.

use std::collections::{BTreeMap, BTreeSet};

/// Groups that cannot be missing.
const NEEDED: [&str; 3] = ["@default", "@basic-io", "@known"];

/// Why there are no groups.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// One is missing.
    #[error("what systemd-analyze syscall-filter prints has no group {0}; is it another program?")]
    Missing(&'static str),
}

/// The groups of one systemd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, Vec<String>>);

impl Groups {
    /// Reads what `systemd-analyze syscall-filter` has printed.
    ///
    /// # Errors
    /// [`GroupsError`].
    pub fn parse(text: &str) -> Result<Groups, GroupsError> {
        let mut groups = BTreeMap::<String, Vec<String>>::new();
        let mut current = None;
        for line in text.lines() {
            let word = line.trim();
            if word.is_empty() || word.starts_with('#') {
                continue;
            }
            if line.starts_with('@') {
                current = Some(word.to_owned());
                groups.entry(word.to_owned()).or_default();
            } else if let Some(group) = current.as_ref().and_then(|name| groups.get_mut(name)) {
                group.push(word.to_owned());
            }
        }
        match NEEDED.into_iter().find(|name| !groups.contains_key(*name)) {
            Some(missing) => Err(GroupsError::Missing(missing)),
            None => Ok(Groups(groups)),
        }
    }

    /// The calls of an item: a group with all that are in it, or a call itself. A group that is not known has none.
    pub fn calls(&self, item: &str) -> Vec<String> {
        let mut calls = Vec::new();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![item];
        while let Some(item) = waiting.pop() {
            if !item.starts_with('@') {
                calls.push(item.to_owned());
            } else if seen.insert(item) {
                waiting.extend(self.0.get(item).into_iter().flatten().map(String::as_str));
            }
        }
        calls
    }
}

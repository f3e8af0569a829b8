//! The rules of a namespace, list by list.

use super::path::FileId;
use super::rule::{Rule, Watched};
use auditns_wire::Errno;
use auditns_wire::rule::FilterList;
use serde::{Deserialize, Serialize};

const LISTS: usize = FilterList::ALL.len();

/// All rules of a namespace, each list in the order in which it is applied and listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "SavedRuleSet")]
pub struct RuleSet {
    lists: [Vec<Rule>; LISTS],
    rules_max: usize,
    #[serde(skip)]
    bytes: usize,
}

/// The form in which a [`RuleSet`] is read: the sum follows from the rest.
#[derive(Deserialize)]
struct SavedRuleSet {
    lists: [Vec<Rule>; LISTS],
    rules_max: usize,
}

impl From<SavedRuleSet> for RuleSet {
    fn from(SavedRuleSet { lists, rules_max }: SavedRuleSet) -> Self {
        let bytes = lists.iter().flatten().map(Rule::payload_len).sum();
        Self { lists, rules_max, bytes }
    }
}

impl Default for RuleSet {
    fn default() -> Self {
        Self::bounded(Self::LIMIT)
    }
}

impl RuleSet {
    /// Usual bound of the number of rules. The kernel has no such bound; it is the host's memory that a namespace spends here.
    /// The largest rule sets in use have some hundred rules.
    pub const LIMIT: usize = 4096;

    /// Greatest sum of [`Rule::payload_len`] over all rules, in bytes: 4096 rules with 984 bytes of strings each.
    pub const BYTES_LIMIT: usize = 8 << 20;

    /// An empty set of at most [`RuleSet::LIMIT`] rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty set of at most `rules_max` rules.
    pub fn bounded(rules_max: usize) -> Self {
        Self { lists: Default::default(), rules_max, bytes: 0 }
    }

    /// Adds a rule at the tail of its list, or at the head if it asks for that (kernel: `audit_add_rule`).
    ///
    /// # Errors
    /// In this order: `EEXIST` if the same rule is there (never for a rule that wants to be prepended); `ENOMEM` beyond
    /// the set's number of rules or [`RuleSet::BYTES_LIMIT`]; the errno of the look-up of a watched file's directory, or of a
    /// watched tree unless another rule watches that tree already.
    pub fn add(&mut self, mut rule: Rule) -> Result<(), Errno> {
        if self.position(&rule).is_some() {
            return Err(Errno::EEXIST);
        }
        let bytes = self.bytes.saturating_add(rule.payload_len());
        if self.len() >= self.rules_max || bytes > Self::BYTES_LIMIT {
            return Err(Errno::ENOMEM);
        }
        match &rule.watched {
            Watched::File(Err(errno)) => return Err(*errno),
            Watched::Tree(path, Err(errno)) if !self.watches_tree(path) => return Err(*errno),
            _ => {}
        }
        let prepend = std::mem::take(&mut rule.prepend);
        let list = &mut self.lists[index(rule.list)];
        let position = if prepend { 0 } else { list.len() };
        list.insert(position, rule);
        self.bytes = bytes;
        Ok(())
    }

    /// Removes the first rule that is the same as this one (kernel: `audit_del_rule`).
    ///
    /// # Errors
    /// `ENOENT` if there is none, so always for a request with the prepend flag: no stored rule has it.
    pub fn remove(&mut self, rule: &Rule) -> Result<(), Errno> {
        let position = self.position(rule).ok_or(Errno::ENOENT)?;
        let removed = self.lists[index(rule.list)].remove(position);
        self.bytes = self.bytes.saturating_sub(removed.payload_len());
        Ok(())
    }

    /// The payloads of the replies to `AUDIT_LIST_RULES`, in the kernel's order: by list number, then as applied.
    pub fn list(&self) -> impl Iterator<Item = Vec<u8>> {
        self.iter().map(Rule::payload)
    }

    /// All rules in the order of [`RuleSet::list`].
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.lists.iter().flatten()
    }

    /// Number of rules, 0 to the bound of the set.
    pub fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(Vec::is_empty)
    }

    /// Bytes of all list replies together, without headers, 0..=[`RuleSet::BYTES_LIMIT`].
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of rules that are stored and listed but do nothing, because they speak of syscalls, tasks and files.
    pub fn not_enforced(&self) -> usize {
        self.len() - self.rules(FilterList::User).len() - self.rules(FilterList::Exclude).len()
    }

    /// Whether [`RuleSet::filter`] wants to know the task's executable.
    pub fn needs_exe(&self) -> bool {
        self.exe_paths().next().is_some()
    }

    /// The executables that the rules in force name, with repetitions. The kernel notices when such a path comes to
    /// lead to another file; whoever sees that happen reports it with [`RuleSet::set_exe`].
    pub fn exe_paths(&self) -> impl Iterator<Item = &[u8]> {
        let enforced = [FilterList::User, FilterList::Exclude].into_iter().flat_map(|list| self.rules(list));
        enforced.filter_map(Rule::exe_path)
    }

    /// Notes which file the path of an executable leads to now, in every rule that names it.
    pub fn set_exe(&mut self, path: &[u8], file: Option<FileId>) {
        for rule in self.lists.iter_mut().flatten() {
            if rule.exe_path() == Some(path) {
                rule.exe = file;
            }
        }
    }

    /// The rules of one list, in the order of application.
    pub(super) fn rules(&self, list: FilterList) -> &[Rule] {
        &self.lists[index(list)]
    }

    fn position(&self, rule: &Rule) -> Option<usize> {
        self.rules(rule.list).iter().position(|stored| stored.is_same(rule))
    }

    fn watches_tree(&self, path: &[u8]) -> bool {
        self.iter().any(|rule| matches!(&rule.watched, Watched::Tree(tree, _) if tree == path))
    }
}

const fn index(list: FilterList) -> usize {
    match list {
        FilterList::User => 0,
        FilterList::Task => 1,
        FilterList::Exit => 2,
        FilterList::Exclude => 3,
        FilterList::Filesystem => 4,
        FilterList::UringExit => 5,
    }
}

//! What a seccomp profile says to a call.
//!
//! Runtimes hand the rules to libseccomp, which makes one filter of them, and the order in the profile decides little:
//!
//! - Rules whose action is the default one are left out by the runtimes.
//! - A rule that compares one argument twice becomes a rule for each comparison: any of them is enough.
//! - A rule without comparisons makes those with comparisons vanish, whichever comes first. Of several, the first one holds.
//! - Else the filter is a tree, which begins with the comparisons of high arguments: a rule about the third argument
//!   alone is tried before one about the first and the third. The first rule that matches decides, not the strictest.
//!   `order` tells how the tree is sorted.
//!
//! (The strictest action wins where a process has several filters, which a profile is not.)

mod order;

use crate::operator::Operator;
use std::collections::BTreeSet;

const AF_NETLINK: u64 = 16;
const SOCK_RAW: u64 = 3;
const NETLINK_AUDIT: u64 = 9;
const EPERM: u32 = 1;
/// A call has that many arguments.
const ARGUMENTS: usize = 6;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Allow,
    /// It fails with this error.
    Errno(u32),
    /// The thread ends.
    KillThread,
    /// The process ends.
    KillProcess,
    /// The thread gets a signal.
    Trap,
    /// A tracer is asked; without one, the call fails.
    Trace(u32),
    /// It is made, and the kernel notes it.
    Log,
    /// The listener is asked.
    Notify,
    /// Not known. Runtimes refuse such a profile.
    Unknown,
}

impl Action {
    pub(super) fn named(name: &str, errno: Option<u32>) -> Action {
        match name {
            "SCMP_ACT_ALLOW" => Action::Allow,
            "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(EPERM)),
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
            "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
            "SCMP_ACT_TRAP" => Action::Trap,
            "SCMP_ACT_TRACE" => Action::Trace(errno.unwrap_or(EPERM)),
            "SCMP_ACT_LOG" => Action::Log,
            "SCMP_ACT_NOTIFY" => Action::Notify,
            _ => Action::Unknown,
        }
    }

    /// Whether the call is not made and no listener is asked.
    pub fn refuses(self) -> bool {
        match self {
            Action::Errno(_) | Action::KillThread | Action::KillProcess | Action::Trap | Action::Trace(_) => {
                true
            }
            Action::Allow | Action::Log | Action::Notify | Action::Unknown => false,
        }
    }
}

/// `value` is the mask of a masked comparison, and `second` what is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    index: usize,
    operator: Operator,
    value: u64,
    second: u64,
}

impl Comparison {
    /// `None` for what runtimes refuse.
    pub(super) fn named(index: u64, operator: &str, value: u64, second: u64) -> Option<Comparison> {
        let operator = Operator::named(operator)?;
        let index = usize::try_from(index).ok().filter(|index| *index < ARGUMENTS)?;
        Some(Comparison { index, operator, value, second })
    }

    fn always_true(self) -> bool {
        self.operator == Operator::MaskedEqual && self.value == 0
    }

    fn holds(self, arguments: &[u64; ARGUMENTS]) -> bool {
        let holds = |argument: &u64| self.operator.holds(*argument, self.value, self.second);
        arguments.get(self.index).is_some_and(holds)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) action: Action,
    pub(super) names: Vec<String>,
    /// With `None`, the rule is one that runtimes refuse.
    pub(super) comparisons: Option<Vec<Comparison>>,
}

impl Rule {
    /// As they reach libseccomp.
    fn separate(&self) -> Vec<Vec<Comparison>> {
        let Some(comparisons) = &self.comparisons else { return Vec::new() };
        let indices: BTreeSet<usize> = comparisons.iter().map(|comparison| comparison.index).collect();
        let rules: Vec<Vec<Comparison>> = if indices.len() < comparisons.len() {
            comparisons.iter().map(|comparison| vec![*comparison]).collect()
        } else {
            vec![comparisons.clone()]
        };
        let mut rules = rules;
        for rule in &mut rules {
            rule.retain(|comparison| !comparison.always_true());
            rule.sort_by_key(|comparison| comparison.index);
        }
        rules
    }
}

/// A seccomp profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    default: Action,
    rules: Vec<Rule>,
}

impl Profile {
    pub(super) fn new(default: Action, rules: Vec<Rule>) -> Profile {
        Profile { default, rules }
    }

    /// What happens to calls that no rule is about.
    pub fn default_action(&self) -> Action {
        self.default
    }

    /// The error of calls that no rule is about, if they fail with one.
    pub fn default_errno(&self) -> Option<u32> {
        match self.default {
            Action::Errno(errno) => Some(errno),
            _ => None,
        }
    }

    /// What happens to a call, by its name (`socket`) and arguments, on architectures of 64 bits.
    /// As the rules mean it: where branches of several rules meet, libseccomp 2.5 mixes some of them up.
    pub fn verdict(&self, syscall: &str, arguments: &[u64; ARGUMENTS]) -> Action {
        let mut rules = Vec::new();
        for rule in &self.rules {
            let matters = rule.action != self.default && rule.action != Action::Unknown;
            if matters && rule.names.iter().any(|name| name == syscall) {
                rules.extend(rule.separate().into_iter().map(|comparisons| (rule.action, comparisons)));
            }
        }
        if let Some((action, _)) = rules.iter().find(|(_, comparisons)| comparisons.is_empty()) {
            return *action;
        }
        order::sort(&mut rules);
        let decisive =
            rules.iter().find(|(_, comparisons)| comparisons.iter().all(|each| each.holds(arguments)));
        decisive.map_or(self.default, |(action, _)| *action)
    }

    /// Whether it refuses an audit socket before anybody is asked.
    pub fn refuses_audit(&self) -> bool {
        self.verdict("socket", &[AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, 0, 0, 0]).refuses()
    }
}

#[cfg(test)]
mod tests;

//! Calls that copy a descriptor to a number which the caller chooses. The numbers of audit sockets are refused: between the
//! supervisor's look for a free one and the injection nothing may come there.

use super::calls::{in_range, outside_range};
use super::rule::{ALLOW, Comparison, ERRNO, Rule};
use crate::profile::asked::{COPY_ERRNO, COPY_FROM, INT, SOCKETS};
use serde_json::json;

/// The last two are one: 32-bit programs have a name more for it.
const NAMES: [&str; 4] = ["dup2", "dup3", "fcntl", "fcntl64"];

/// Whether it is one of these calls.
pub(super) fn is_copy(name: &str) -> bool {
    NAMES.contains(&name)
}

/// All of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

/// What becomes of a rule that allows one of these calls without a look at its arguments. Other rules stay.
pub(super) fn divided(rule: &Rule, name: &str) -> Vec<Rule> {
    if rule.action != ALLOW || !rule.comparisons.is_empty() {
        return vec![rule.with(name, &rule.action, rule.comparisons.clone())];
    }
    let allowed = |comparisons| rule.with(name, ALLOW, comparisons);
    let refused = |comparisons| {
        let mut refused = rule.with(name, ERRNO, comparisons);
        refused.rest.insert("errnoRet".to_owned(), json!(COPY_ERRNO));
        refused
    };
    if !name.starts_with("fcntl") {
        let others = outside_range(1, SOCKETS).map(|comparison| allowed(vec![comparison]));
        return others.into_iter().chain([refused(vec![in_range(1, SOCKETS)])]).collect();
    }
    let mut rules = Vec::new();
    for command in COPY_FROM {
        let command = Comparison::masked(1, INT, command);
        rules.push(refused(vec![command, in_range(2, SOCKETS)]));
        rules.extend(outside_range(2, SOCKETS).map(|number| allowed(vec![command, number])));
    }
    rules.extend(other_commands().into_iter().map(|command| allowed(vec![command])));
    rules
}

/// The rules of a profile that allows whatever it does not name.
pub(super) fn added(name: &str) -> Vec<Rule> {
    divided(&Rule::allowing(), name).into_iter().filter(|rule| rule.action != ALLOW).collect()
}

/// All commands but those that copy, as masked comparisons: with any other one, odd values in the bits that the kernel does not
/// look at would make another command of one that copies.
fn other_commands() -> Vec<Comparison> {
    let mut list = Vec::new();
    let mut first = 0;
    for copy in COPY_FROM {
        list.extend(blocks(first, copy));
        first = copy + 1;
    }
    list.extend(blocks(first, INT + 1));
    list
}

/// The numbers from `first` to before `end`, as comparisons of the second argument's upper bits.
fn blocks(mut first: u64, end: u64) -> Vec<Comparison> {
    let mut list = Vec::new();
    while first < end {
        let mut size = 1;
        while first.is_multiple_of(2 * size) && first + 2 * size <= end {
            size *= 2;
        }
        list.push(Comparison::masked(1, INT & !(size - 1), first));
        first += size;
    }
    list
}

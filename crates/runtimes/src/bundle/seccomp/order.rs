//! The order in which a filter tries the rules for a call.
//!
//! By their comparisons, from the lowest argument on:
//!
//! 1. the higher argument first;
//! 2. equality before order, and `<` before `>`;
//! 3. equality with and without a mask in the order of the profile;
//! 4. the higher value first, but the lower one for `<`;
//! 5. the order of the profile.

use super::{Action, Comparison};
use crate::operator::Operator;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Comparisons of one kind share a branch of the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plain,
    Masked(u64),
    Ordered,
}

type Key = Vec<(Reverse<usize>, bool, usize, bool, u64)>;

pub(super) fn sort(rules: &mut [(Action, Vec<Comparison>)]) {
    let mut branches = BTreeMap::new();
    // The branches are numbered as they come up, so the keys are made in the order of the profile.
    let mut keyed: Vec<(Key, (Action, Vec<Comparison>))> = Vec::with_capacity(rules.len());
    for (action, comparisons) in rules.iter_mut() {
        let key = comparisons.iter().map(|comparison| key(*comparison, &mut branches)).collect();
        keyed.push((key, (*action, std::mem::take(comparisons))));
    }
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (place, (_, rule)) in rules.iter_mut().zip(keyed) {
        *place = rule;
    }
}

fn key(
    comparison: Comparison,
    branches: &mut BTreeMap<(usize, Kind), usize>,
) -> (Reverse<usize>, bool, usize, bool, u64) {
    let Comparison { index, operator, value, second } = comparison;
    let (kind, upwards, rank) = match operator {
        Operator::Equal | Operator::NotEqual => (Kind::Plain, false, !value),
        Operator::MaskedEqual => (Kind::Masked(value >> 32), false, !second),
        Operator::Less | Operator::LessOrEqual => (Kind::Ordered, false, value),
        Operator::Greater | Operator::GreaterOrEqual => (Kind::Ordered, true, !value),
    };
    let next = branches.len();
    let branch = *branches.entry((index, kind)).or_insert(next);
    (Reverse(index), kind == Kind::Ordered, branch, upwards, rank)
}

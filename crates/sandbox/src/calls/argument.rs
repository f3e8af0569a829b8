//! Rules about the arguments of calls.

use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::collections::BTreeMap;

/// Calls by number, each with the alternatives of what its arguments have to be; none: whatever they are.
pub(crate) type Rules = BTreeMap<libc::c_long, Vec<Alternative>>;

/// All of it has to hold.
pub(crate) type Alternative = Vec<Argument>;

/// What an argument has to be. The kernel takes it for a number of 32 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    /// From 0 on.
    pub(super) at: u8,
    /// The bits that count.
    pub(super) mask: u32,
    /// What they are.
    pub(super) value: u32,
}

/// The argument has exactly this value.
pub(crate) const fn is(at: u8, value: u32) -> Argument {
    Argument { at, mask: u32::MAX, value }
}

/// The argument has none of these bits.
pub(crate) const fn without(at: u8, bits: u32) -> Argument {
    Argument { at, mask: bits, value: 0 }
}

/// An alternative for each value.
pub(crate) fn one_of(at: u8, values: &[u32]) -> Vec<Alternative> {
    values.iter().map(|value| vec![is(at, *value)]).collect()
}

/// As the filter's compiler takes them.
pub(super) fn compile(rules: Rules) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let rule = |alternative: Alternative| {
        let conditions: Result<Vec<_>, _> = alternative.into_iter().map(condition).collect();
        SeccompRule::new(conditions?)
    };
    let compiled = rules.into_iter().map(|(call, alternatives)| {
        let alternatives: Result<Vec<_>, _> = alternatives.into_iter().map(rule).collect();
        Ok((call, alternatives?))
    });
    compiled.collect()
}

fn condition(argument: Argument) -> Result<SeccompCondition, BackendError> {
    let operator = match argument.mask {
        u32::MAX => SeccompCmpOp::Eq,
        mask => SeccompCmpOp::MaskedEq(mask.into()),
    };
    SeccompCondition::new(argument.at, SeccompCmpArgLen::Dword, operator, argument.value.into())
}

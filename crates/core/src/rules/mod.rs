//! The audit rules of a namespace: how a request becomes a rule, the lists they stand in, and what they filter.
//!
//! A request is judged in two steps, because the judgement needs to know what a path leads to and this crate does no
//! I/O: [`path_questions`] names the paths, the caller looks them up, [`Rule::parse`] judges with the answers in hand.
//! The order of the checks is the kernel's, so that of two mistakes in a request the same one is reported.
//!
//! The lists user and exclude are applied to the messages of members ([`RuleSet::filter`]). The others are stored,
//! listed and counted by [`RuleSet::not_enforced`]: nothing here sees syscalls. For the same reason a
//! stored rule outlives what it watches, where the kernel removes it together with the watched file's directory.

mod change;
mod classes;
mod filter;
mod ids;
mod mask;
mod parse;
mod path;
mod rule;
mod set;
#[cfg(test)]
mod tests;
mod valid;

pub use change::RuleChange;
pub use filter::{FilterTask, Verdict};
pub use ids::{AllIds, IdMap};
pub use parse::path_questions;
pub use path::{FileId, PathAnswer, PathAnswers, PathKind, PathQuestion};
pub use rule::Rule;
pub use set::RuleSet;

//! One module a command.

pub(crate) mod completions;
pub(crate) mod man;
pub(crate) mod probe;
pub(crate) mod run;

//! What container runtimes and managers say, and what they are told: command lines, bundles, annotations, messages of
//! seccomp agents, profiles. Knows formats, no audit semantics; makes no system calls but to read the files it is given.

pub mod bundle;
pub mod file;
pub mod invocation;
pub mod labels;
pub mod lxc;
pub mod nspawn;
mod operator;
pub mod profile;
pub mod record;
pub mod state;

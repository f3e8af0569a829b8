//! From credentials and process ids to what a namespace knows of a sender.

mod lookups;
mod owner;
mod resolver;
mod signals;

pub(crate) use lookups::answers;
pub(crate) use owner::Owner;
pub(crate) use resolver::Resolver;
pub(crate) use signals::signals_process;

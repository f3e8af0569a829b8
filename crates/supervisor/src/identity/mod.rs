//! From credentials and process ids to what a namespace knows of a sender.

mod clients;
mod executable;
mod known;
mod lookups;
mod noted;
mod owner;
mod place;
mod resolver;
mod signals;

pub(crate) use clients::{Client, Clients};
pub(crate) use executable::{Executable, read_executable};
pub(crate) use lookups::{ancestors, answers, is_in, path_answers};
pub(crate) use owner::{Owner, OwnerFacts};
pub(crate) use place::{Place, is_of_user};
pub(crate) use resolver::{Opener, Resolver, Waiter};
pub(crate) use signals::{process_of_pidfd, signals_process};

/// Deepest nesting of user or pid namespaces that the kernel allows.
const NESTING_MAX: usize = 32;

/// Descriptors that a [`Resolver`] keeps open for each process that it remembers.
pub(crate) const DESCRIPTORS_PER_PROCESS: usize = known::Known::DESCRIPTORS;

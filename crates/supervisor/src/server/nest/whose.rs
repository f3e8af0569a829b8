//! In which namespace of the family somebody is.
//!
//! Without nested namespaces nobody is asked. With them it is what the kernel has noted with the message, which was true when
//! it was sent; where there is no such note, whoever knows the tasks of the host is asked, about who is there now.

use super::super::Server;
use super::Nest;
use crate::identity::OwnerFacts;
use crate::state::Entry;
use auditns_bpf::Identity;
use auditns_sys::Credentials;
use rustix::io::Errno;

/// In which namespace somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// In the one that the host has made.
    Root,
    /// In this one.
    Nested(u64),
    /// That cannot be told, or it is none of this family. Nothing of theirs is recorded anywhere.
    Unknown,
}

impl Whose {
    /// The namespace that answers.
    pub(crate) fn number(self, root: u64) -> u64 {
        match self {
            Whose::Nested(number) => number,
            Whose::Root | Whose::Unknown => root,
        }
    }
}

/// What is noted when the id maps of a namespace's owner are known.
pub(in crate::server) fn owner_entry(whose: Whose, facts: &OwnerFacts) -> Entry<'_> {
    match whose {
        Whose::Nested(number) => Entry::NestedOwner(number, facts),
        Whose::Root | Whose::Unknown => Entry::Owner(facts),
    }
}

impl Nest {
    fn whose(&self, root: u64, number: u64) -> Whose {
        match number {
            number if number == root => Whose::Root,
            number if self.served.contains_key(&number) => Whose::Nested(number),
            _ => Whose::Unknown,
        }
    }

    fn whose_task(&self, root: u64, task: u32) -> Whose {
        let Some(nesting) = &self.nesting else { return Whose::Unknown };
        match nesting.tags.namespace_of(task) {
            Ok(Some(number)) => self.whose(root, number),
            Ok(None) | Err(_) => Whose::Unknown,
        }
    }
}

impl Server<'_> {
    /// Whose a message is.
    pub(in crate::server) fn whose_message(
        &self,
        credentials: Credentials,
        noted: Option<&Identity>,
    ) -> Whose {
        if self.nest.is_empty() {
            return Whose::Root;
        }
        let root = self.namespace.root();
        match noted.map(|noted| noted.tag.namespace) {
            Some(Some(number)) => self.nest.whose(root, number),
            Some(None) => Whose::Root,
            None => self.nest.whose_task(root, credentials.pid),
        }
    }

    /// Whose a thread is that waits in a call.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` where that cannot be told: there is no audit then.
    pub(in crate::server) fn whose_call(&self, tid: u32) -> Result<Whose, Errno> {
        if self.nest.is_empty() {
            return Ok(Whose::Root);
        }
        match self.nest.whose_task(self.namespace.root(), tid) {
            Whose::Unknown => Err(Errno::PROTONOSUPPORT),
            known => Ok(known),
        }
    }
}

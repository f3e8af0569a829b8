//! In which namespace of the family somebody is.
//!
//! Where there were never nested namespaces nobody is asked. Else it is what the kernel has noted with the message, which was
//! true when it was sent; where there is no such note, whoever knows the tasks of the host is asked, about who is there now.
//! Also when all have ended: what their last members have sent may not have been read by then, and is nobody else's.

use super::super::Server;
use super::Nest;
use crate::identity::OwnerFacts;
use crate::state::Entry;
use crate::tags::TaskTags;
use auditns_bpf::Identity;
use auditns_sys::Credentials;
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long whoever knows the tasks of the host is waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);
/// Most namespaces of which that could not be told.
const ASTRAY_MAX: usize = 64;
const TRIES_MIN: u32 = 5;

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
    /// Nobody could tell whether a process was moved into a namespace that is no more: if it was, it is in the one around it.
    pub(super) fn note_astray(&mut self, contid: u64, parent: u64) {
        self.astray.insert(contid, parent);
        if self.astray.len() > ASTRAY_MAX {
            self.astray.pop_first();
        }
    }

    pub(super) fn whose(&self, root: u64, number: u64) -> Whose {
        match number {
            number if number == root => Whose::Root,
            number if self.served.contains_key(&number) => Whose::Nested(number),
            number => self.astray.get(&number).map_or(Whose::Unknown, |parent| self.whose(root, *parent)),
        }
    }
}

impl Server<'_> {
    fn whose_task(&mut self, task: u32) -> Whose {
        match self.namespace_of(task) {
            Ok(Some(number)) => self.nest.whose(self.namespace.root(), number),
            Ok(None) | Err(_) => Whose::Unknown,
        }
    }

    /// As [`TaskTags::namespace_of`], with [patience](Server::patiently).
    pub(super) fn namespace_of(&mut self, task: u32) -> io::Result<Option<u64>> {
        self.patiently(|server, tags| match tags.namespace_of(task)? {
            // It has been replaced since it was told of this family's filters.
            None if server.has_to_note() => Err(Errno::OPNOTSUPP.into()),
            found => Ok(found),
        })
    }

    /// Asks whoever knows the tasks of the host for something that may be asked for again. It is started with the supervisor, and
    /// again if it ends. Meanwhile it is waited for, since what is refused is lost; once in vain, nobody waits any more until it
    /// answers.
    pub(super) fn patiently<T>(
        &mut self,
        ask: impl Fn(&Self, &dyn TaskTags) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(tags) = self.nest.nesting.as_ref().map(|nesting| Arc::clone(&nesting.tags)) else {
            return Err(Errno::OPNOTSUPP.into());
        };
        self.until_told(|server| {
            server.note_listeners_anew();
            ask(server, &*tags)
        })
    }

    /// Asks again while whoever knows the tasks of the host is waited for.
    pub(in crate::server) fn until_told<T>(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        let until = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            tries += 1;
            match ask(self) {
                Err(error) if will_be_told(&error) => {
                    // All of the time may go by while this process itself stands still.
                    self.nest.gave_up |= Instant::now() >= until && tries >= TRIES_MIN;
                    if self.nest.gave_up {
                        return Err(error);
                    }
                }
                told => {
                    self.nest.gave_up = false;
                    return told;
                }
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits for whoever moves tasks, where that was there already: for this supervisor or for one before it.
    pub(in crate::server) fn wait_for_mover(&mut self) {
        let Some(nesting) = &self.nest.nesting else { return };
        nesting.tags.wait_if_awaited();
        let was_there = self.nest.was_there || self.origin.served_before > 0;
        let until = Instant::now() + PATIENCE;
        while was_there && !self.nest.gave_up && !nesting.tags.moves_tasks() {
            self.nest.gave_up = Instant::now() >= until;
            thread::sleep(LOOK);
        }
        self.nest.was_there |= nesting.tags.moves_tasks();
        self.note_listeners_anew();
    }

    /// Whoever has just begun to know tasks does not know yet which filters are those of this family.
    fn note_listeners_anew(&mut self) {
        if self.has_to_note() {
            self.note_listeners();
        }
    }

    /// Whose a message is.
    pub(in crate::server) fn whose_message(
        &mut self,
        credentials: Credentials,
        noted: Option<&Identity>,
    ) -> Whose {
        if !self.namespace.family().has_granted() {
            return Whose::Root;
        }
        let root = self.namespace.root();
        match noted.map(|noted| noted.tag.namespace) {
            Some(Some(number)) => self.nest.whose(root, number),
            Some(None) => Whose::Root,
            None => self.whose_task(credentials.pid),
        }
    }

    /// Whose a thread is that waits in a call.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` where that cannot be told: there is no audit then.
    pub(in crate::server) fn whose_call(&mut self, tid: u32) -> Result<Whose, Errno> {
        if self.nest.is_empty() {
            return Ok(Whose::Root);
        }
        // It is below a filter of this family, and nobody who was moved is without a tag.
        let root = self.namespace.root();
        let told = self.patiently(|_, tags| tags.namespace_of(tid));
        match told.map(|number| number.map_or(Whose::Root, |number| self.nest.whose(root, number))) {
            Ok(Whose::Unknown) | Err(_) => Err(Errno::PROTONOSUPPORT),
            Ok(known) => Ok(known),
        }
    }
}

/// Whether somebody is there who cannot tell now: it is being replaced, or does not get to it on a busy machine.
pub(super) fn will_be_told(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::OPNOTSUPP | Errno::TIMEDOUT))
}

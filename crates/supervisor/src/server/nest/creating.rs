//! Making a namespace for a member, and moving the member there.

use super::super::Server;
use super::whose::will_be_told;
use super::{Nested, PROCESSES};
use crate::identity::{Owner, Resolver};
use crate::origin::Origin;
use crate::start;
use crate::state::Entry;
use crate::time::{now, started};
use auditns_core::{Created, Input, ProcessId};
use auditns_sys::identity::process::start_time;
use auditns_wire::Errno;
use std::io;

impl Server<'_> {
    /// Does what [`auditns_core::Action::MoveThreadGroup`] asks for. A supervisor that was killed over it may have done some of
    /// it: what is noted of the namespace holds then, and moving again is no error.
    pub(in crate::server) fn create_nested(&mut self, parent: u64, contid: u64, process: ProcessId) {
        self.wait_for_mover();
        let created = self.make_and_move(parent, contid, process);
        if created.is_err() {
            self.give_up_nested(parent, contid, process);
        }
        let outcome = created.as_ref().map_err(errno);
        self.namespace.feed_in(parent, Input::ThreadGroupMoved { contid, outcome });
        if self.namespace.family().get(contid).is_some() {
            self.nest.tell_of(contid);
        } else if created.is_ok() {
            self.give_up_nested(parent, contid, process);
        }
    }

    fn make_and_move(&mut self, parent: u64, contid: u64, process: ProcessId) -> io::Result<Created> {
        let moves = self.nest.nesting.as_ref().is_some_and(|nesting| nesting.tags.moves_tasks());
        if !moves && (!self.nest.was_there || self.nest.gave_up) {
            return Err(rustix::io::Errno::OPNOTSUPP.into());
        }
        if !self.nest.served.contains_key(&contid) {
            let nested = self.make_nested(parent, contid, process)?;
            self.namespace.note(&Entry::Nested(&nested.state(contid)));
            self.nest.served.insert(contid, nested);
        }
        // Who sends can say that somebody else does, with privileges that few containers have.
        match self.namespace_of(process.pid)? {
            Some(now) if now == parent || now == contid => {}
            _ => return Err(rustix::io::Errno::PERM.into()),
        }
        let Some(nested) = self.nest.served.get_mut(&contid) else {
            return Err(rustix::io::Errno::OPNOTSUPP.into());
        };
        let mapped = nested.owner.learn_maps(process.pid);
        let name = nested.origin.name.clone().into_bytes();
        let start_fields = start::process(process.pid);
        self.patiently(|_, tags| tags.move_thread_group(process, contid))?;
        Ok(Created { name, start_fields, mapped })
    }

    /// Somebody at the host lets a process in, which waits until it is there.
    ///
    /// # Errors
    /// As of [`crate::tags::TaskTags::move_thread_group`].
    pub(crate) fn move_into_nested(&mut self, contid: u64, pid: u32) -> io::Result<()> {
        let Some(nesting) = self.nest.nesting.as_ref().filter(|_| self.nest.served.contains_key(&contid))
        else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let process = ProcessId { pid, started: started(start_time(pid)?) };
        // Also one of which that is not known in time.
        self.nest.let_in.insert(contid);
        nesting.tags.move_thread_group(process, contid)?;
        // It may have been without members just now.
        self.nest.emptied.remove(&contid);
        Ok(())
    }

    fn make_nested(&self, parent: u64, contid: u64, process: ProcessId) -> io::Result<Nested> {
        let Some(nesting) = &self.nest.nesting else { return Err(rustix::io::Errno::OPNOTSUPP.into()) };
        let owner = Owner::of_creator(process.pid)?;
        let ticks = start_time(process.pid)?;
        if started(ticks) != process.started {
            return Err(rustix::io::Errno::SRCH.into());
        }
        let (outer, settings) = self.nested(parent).unwrap_or((&self.origin, &self.settings));
        let (name, folder) = nesting.register.open_folder(contid, outer)?;
        let origin = Origin {
            name,
            runtime: "create".to_owned(),
            pid: process.pid,
            pid_started: ticks,
            began: now().seconds,
            served_before: 0,
            log_folder: folder.path().to_owned(),
            ..outer.clone()
        };
        let settings = settings.clone();
        let storage = self.storage_of_nested(nesting, contid, folder.path(), &settings);
        let roots = self.owner.as_ref().map(|owner| owner.pid_namespace().id());
        let has_pid_namespace = roots != Some(owner.pid_namespace().id());
        if has_pid_namespace && let Some(keeping) = &self.keeping {
            keeping.nested_pid_namespace(contid, owner.pid_namespace());
        }
        let resolver = Resolver::new(PROCESSES);
        Ok(Nested { origin, settings, owner, has_pid_namespace, resolver, storage, _folder: folder })
    }

    /// There is to be no such namespace: whoever was moved already goes back.
    fn give_up_nested(&mut self, parent: u64, contid: u64, process: ProcessId) {
        if self.nest.served.contains_key(&contid) {
            // One that stayed there would be nobody's.
            let is_back = match self.namespace_of(process.pid) {
                Ok(now) if now == Some(contid) => {
                    self.nest.let_in.insert(parent);
                    let moved = self.patiently(|_, tags| tags.move_thread_group(process, parent));
                    self.nest.emptied.remove(&parent);
                    moved
                }
                told => told.map(|_| ()),
            };
            self.nest.served.remove(&contid);
            if is_back.is_err_and(|error| will_be_told(&error)) {
                self.nest.note_astray(contid, parent);
            }
            if let Some(nesting) = &self.nest.nesting {
                nesting.tags.forget(contid);
            }
        }
        self.forget_nested(contid);
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno)
}

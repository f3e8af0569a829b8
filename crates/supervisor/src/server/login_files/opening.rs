//! A member opens a file without following a link: perhaps one of these.

use super::super::Server;
use super::super::nest::owner_entry;
use super::super::worked::Worked;
use super::OPEN_MAX;
use crate::state::{Entry, LoginFileState};
use crate::time::{now, started};
use auditns_core::{Input, ProcessId};
use auditns_sys::call::{Access, Opening};
use auditns_sys::identity::process::{start_time, thread_group_of};
use auditns_sys::login_file::{self, LoginFile, Named, PATH_MAX};
use auditns_sys::{InjectError, Notification, Patience, memory};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;

impl Server<'_> {
    /// Looks which file is opened. Whoever opens another one goes on.
    pub(in crate::server) fn answer_opening(&mut self, notification: &Notification, opening: Opening) {
        if !self.namespace.has_own_logins() || self.login_files.files.is_none() {
            let _ = self.calls.answer_continue(notification);
            return;
        }
        let (notification, calls) = (*notification, Arc::clone(&self.calls));
        let on_behalf = self.on_behalf(notification.tid);
        self.aside.work_on_call(notification, on_behalf, move || {
            if let Ok(Some(named)) = named(&notification, opening) {
                return Some(Worked::LoginFileNamed { notification, opening, named });
            }
            let _ = calls.answer_continue(&notification);
            None
        });
    }

    /// Goes on with [`Server::answer_opening`]. Where it cannot have a file of ours, it gets the kernel's.
    pub(in crate::server) fn open_login_file(
        &mut self,
        notification: &Notification,
        opening: Opening,
        named: Named,
    ) {
        match self.prepare_login_file(notification, opening.access, named) {
            Ok(Some(number)) => self.hand_over_login_file(notification, opening, number),
            Ok(None) | Err(_) => {
                let _ = self.calls.answer_continue(notification);
            }
        }
    }

    /// The number of a file that the caller may have; `None` if that is the kernel's.
    fn prepare_login_file(
        &mut self,
        notification: &Notification,
        access: Access,
        named: Named,
    ) -> io::Result<Option<u64>> {
        let tid = notification.tid;
        let session = named.file == LoginFile::Session;
        // The kernel says itself why such a file cannot be opened for writing, or why writing to it fails.
        if (session || !named.own) && access != Access::Read {
            return Ok(None);
        }
        if !self.is_where_it_may_be(notification) {
            return Ok(None);
        }
        let whose = self.whose_call(named.task)?;
        let namespace = whose.number(self.namespace.root());
        if !named.own && !self.is_member(namespace, named.task) {
            return Ok(None);
        }
        if !self.settle_owner(notification)? {
            return Ok(None);
        }
        let process = thread_group_of(named.task)?;
        let state = LoginFileState {
            namespace,
            session,
            task: ProcessId { pid: named.task, started: started(named.started) },
            process: ProcessId { pid: process, started: started(start_time(process)?) },
        };
        if let Some((owner, resolver)) = self.nest.identity(namespace, &mut self.owner, &mut self.resolver) {
            let caller = thread_group_of(tid)?;
            resolver.learn(caller, owner)?;
            if let Some(mapped) = resolver.learn_maps(caller, owner) {
                self.namespace.note(&owner_entry(whose, owner.facts()));
                self.namespace.handle_in(namespace, Input::OwnerMapped(mapped), now());
            }
        }
        // What was looked at by number was the caller's only if it still waits.
        if !self.calls.is_valid(notification) || self.login_files.open.len() >= OPEN_MAX {
            return Ok(None);
        }
        let Some(files) = &self.login_files.files else { return Ok(None) };
        let number = files.new_number();
        files.route(number);
        self.namespace.note(&Entry::LoginFile(number, state));
        // Before the member has it: it may read at once.
        self.login_files.open.insert(number, state);
        Ok(Some(number))
    }

    fn hand_over_login_file(&mut self, notification: &Notification, opening: Opening, number: u64) {
        let Some(open) = self.login_files.files.as_ref().map(|files| files.opener()) else { return };
        let (notification, calls) = (*notification, Arc::clone(&self.calls));
        let on_behalf = self.on_behalf(notification.tid);
        self.aside.work_on_call(notification, on_behalf, move || {
            let injected = match open(number, opening.access) {
                Ok(file) => {
                    let file = std::os::fd::AsFd::as_fd(&file);
                    calls.inject(&notification, file, opening.close_on_exec, Patience::Endless)
                }
                Err(error) => Err(InjectError::Other(error)),
            };
            let error = injected.err()?;
            Some(Worked::LoginFileRefused { notification, number, error })
        });
    }

    /// The caller cannot have its file.
    pub(in crate::server) fn login_file_refused(
        &mut self,
        notification: &Notification,
        number: u64,
        error: &InjectError,
    ) {
        self.close_login_file(number);
        match error {
            InjectError::Gone => {}
            InjectError::TableFull => self.answer_errno(notification, Errno::MFILE),
            InjectError::Other(_) | InjectError::NotInTime | InjectError::NumberRefused(_) => {
                let _ = self.calls.answer_continue(notification);
            }
        }
    }

    pub(in crate::server) fn close_login_file(&mut self, number: u64) {
        if self.login_files.open.contains_key(&number) {
            self.namespace.note(&Entry::LoginFileClosed(number));
        }
        self.login_files.close(number);
    }
}

/// The file that a call opens, if it is one of these.
fn named(notification: &Notification, opening: Opening) -> io::Result<Option<Named>> {
    match memory::read_string(notification.tid, opening.path, PATH_MAX)? {
        Some(path) => login_file::named(notification.tid, opening.directory, &path),
        None => Ok(None),
    }
}

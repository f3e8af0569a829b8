//! Nested namespaces of a supervisor before this one, and what the host changes about them.

use super::super::Server;
use super::{Nested, PROCESSES};
use crate::identity::{Owner, Resolver};
use crate::settings::Settings;
use crate::state::{Entry, NestedState};
use auditns_sys::identity::NamespaceFile;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

impl Server<'_> {
    /// Takes up nested namespaces that were kept.
    ///
    /// # Errors
    /// Those of opening namespaces and folders.
    pub(in crate::server) fn restore_nested(
        &mut self,
        states: Vec<NestedState>,
        mut pid_namespaces: BTreeMap<u64, OwnedFd>,
    ) -> io::Result<()> {
        for state in states {
            let NestedState { contid, mut origin, settings, owner, has_pid_namespace } = state;
            let Some(nesting) = &self.nest.nesting else { break };
            origin.served_before = origin.served_before.saturating_add(1);
            let own = pid_namespaces.remove(&contid).map(NamespaceFile::try_from).transpose()?;
            let roots = self.owner.as_ref().filter(|_| !has_pid_namespace);
            let pid_namespace = match (own, roots) {
                (None, Some(roots)) => {
                    Some(NamespaceFile::try_from(roots.pid_namespace().as_fd().try_clone_to_owned()?)?)
                }
                (own, _) => own,
            };
            let owner = Owner::again(owner, pid_namespace)?;
            let folder = nesting.register.open_folder_again(contid, &origin)?;
            let storage = self.storage_of_nested(nesting, contid, &origin.log_folder, &settings);
            let resolver = Resolver::new(PROCESSES);
            let nested =
                Nested { origin, settings, owner, has_pid_namespace, resolver, storage, _folder: folder };
            self.nest.served.insert(contid, nested);
            if self.namespace.family().get(contid).is_some() {
                self.nest.tell_of(contid);
            }
        }
        // Of namespaces that have ended, or never began.
        for contid in pid_namespaces.into_keys() {
            self.forget_nested(contid);
        }
        Ok(())
    }

    /// Opens the logs of those that have ended, for what is not in them yet.
    pub(in crate::server) fn restore_left(&mut self, states: Vec<NestedState>) {
        for NestedState { contid, origin, settings, .. } in states {
            let Some(nesting) = &self.nest.nesting else { return };
            // What has its name since then has its folder.
            let Ok(folder) = nesting.register.open_folder_again(contid, &origin) else {
                nesting.register.remove(contid);
                continue;
            };
            let storage = self.storage_of_nested(nesting, contid, &origin.log_folder, &settings);
            self.nest.left.insert(contid, (storage, folder));
        }
    }

    /// Everything of those is in their logs.
    pub(in crate::server) fn forget_left(&mut self) {
        for (storage, _) in self.nest.left.values_mut() {
            storage.write_later(self.observer);
        }
        for contid in std::mem::take(&mut self.nest.left).into_keys() {
            self.forget_nested(contid);
        }
    }

    /// Other settings hold for a nested namespace from now on: those of its logs, for the rest is its root's.
    pub(crate) fn set_settings_of_nested(&mut self, contid: u64, settings: Settings) {
        if let Some(nested) = self.nest.served.get_mut(&contid) {
            self.namespace.note(&Entry::NestedSettings(contid, &settings));
            nested.storage.set_rotation(settings.rotation);
            nested.settings = settings;
        }
    }
}

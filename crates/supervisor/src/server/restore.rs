//! Going on where a supervisor was killed, and leaving what the next one needs for that.

use super::limits::{SOCKETS, SOCKETS_MIN};
use super::{REST, Server};
use crate::identity::{Owner, Place};
use crate::keeping::Keeping;
use crate::origin::Origin;
use crate::settings::Settings;
use crate::state::{Doubt, Entry, Frame, KeptMessage, Replayed, Snapshot};
use auditns_core::{Action, Delivery, EndpointId, Family, Input, Namespace};
use auditns_sys::identity::{NamespaceFile, NamespaceKind};
use auditns_sys::{Credentials, Listener, clock};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// What was kept of a namespace besides its memory.
#[derive(Debug, Default)]
pub(crate) struct KeptDescriptors {
    pub(crate) listeners: BTreeMap<u32, OwnedFd>,
    pub(crate) endpoints: BTreeMap<EndpointId, OwnedFd>,
    pub(crate) pid_namespace: Option<OwnedFd>,
    /// Of nested namespaces, by their numbers.
    pub(crate) nested_pid_namespaces: BTreeMap<u64, OwnedFd>,
    pub(crate) log: Option<OwnedFd>,
    pub(crate) inside_log: Option<OwnedFd>,
}

impl Server<'_> {
    /// Writes a snapshot, from which the journal begins anew. There must be nothing left to perform.
    pub(crate) fn save(&mut self) {
        // Of lines from before it the journal would know nothing any more.
        self.write_later();
        let Some(journal) = self.namespace.journal() else { return };
        let connections = self.connections.iter().map(|(id, connection)| (*id, connection.state().clone()));
        let frame = Frame {
            origin: self.origin.clone(),
            settings: self.settings.clone(),
            connections: connections.collect(),
            last_endpoint: self.last_endpoint,
            owner: self.owner.as_ref().map(|owner| owner.facts().clone()),
            listeners: self.listeners.clone(),
            looking_up: self.aside.looked_up().cloned().collect(),
            nested: self.nest.states(),
            login_files: self.login_files.states(),
            answers: self.answers.state(),
        };
        // The old one and its journal hold until there is room.
        let snapshot: Snapshot<'_> = (self.namespace.family(), frame);
        let _ = journal.snapshot(&snapshot);
        self.spare_until = journal.has_spare().then(|| clock::since_boot() + REST);
    }

    /// Performs what a new namespace begins with.
    pub(crate) fn begin(&mut self) {
        self.perform();
    }

    /// Other settings hold from now on.
    pub(crate) fn set_settings(&mut self, settings: Settings) {
        self.namespace.note(&Entry::Settings(&settings));
        self.storage.set_rotation(settings.rotation);
        self.bucket.set_rate(settings.read_rate);
        self.limits.sockets = settings.sockets.clamp(SOCKETS_MIN, SOCKETS);
        self.settings = settings;
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The namespace; it changes through the server alone.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// All namespaces.
    pub(crate) fn family(&self) -> &Family {
        self.namespace.family()
    }

    /// What the host orders of a namespace.
    pub(crate) fn order(&mut self, namespace: u64, input: Input<'_>) {
        self.namespace.feed_in(namespace, input);
        self.perform();
    }

    /// Open audit sockets.
    pub(crate) fn open_sockets(&self) -> usize {
        self.connections.len()
    }

    /// Inode number of the pid namespace of its own, if it is known to have one.
    pub(crate) fn own_pid_namespace(&self) -> Option<u64> {
        let host = NamespaceFile::own(NamespaceKind::Pid).ok()?.id();
        let owner = self.owner.as_ref()?.pid_namespace().id();
        (owner != host).then_some(owner.inode)
    }

    /// Where the members are, once an audit socket was opened.
    pub(crate) fn settled_place(&self) -> Option<Place> {
        self.owner.as_ref().map(Owner::place)
    }

    /// The runtime has said which process the container began with. Returns whether that is news.
    pub(crate) fn set_first_member(&mut self, pid: u32, started: u64) -> bool {
        if (self.origin.pid, self.origin.pid_started) == (pid, started) {
            return false;
        }
        self.namespace.note(&Entry::FirstMember(pid, started));
        (self.origin.pid, self.origin.pid_started) = (pid, started);
        true
    }

    /// Descriptors that would be lost if this process were killed.
    pub(crate) fn unkept(&self) -> u64 {
        self.keeping.as_ref().map_or(0, Keeping::unkept)
    }

    /// Nothing of the namespace is to be kept any more.
    pub(crate) fn forget_kept(&mut self) {
        self.write_later();
        self.forget_all_nested();
        self.forget_membership();
        let Some(keeping) = &self.keeping else { return };
        for connection in self.connections.values() {
            keeping.remove_socket();
            connection.state().kept_as.inspect(|kept_as| self.sockets.give_up_at_once(kept_as.number));
        }
        for listener in &self.listeners {
            keeping.forget_listener(listener.number as usize);
        }
        keeping.forget_namespace();
    }

    /// Takes up what was kept. Returns whether the namespace had ended.
    ///
    /// # Errors
    /// Those of opening namespaces and of `epoll_ctl(2)`.
    pub(crate) fn restore(
        &mut self,
        replayed: Replayed,
        message: Option<KeptMessage>,
        mut kept: KeptDescriptors,
    ) -> io::Result<bool> {
        let Replayed {
            frame,
            connections,
            doubt,
            late,
            flushed,
            answers,
            inside,
            write,
            written,
            nested_written,
            unstored,
            ended,
        } = replayed;
        self.last_endpoint = self.last_endpoint.max(frame.last_endpoint);
        if let Some(facts) = frame.owner {
            let pid_namespace = kept.pid_namespace.map(NamespaceFile::try_from).transpose()?;
            self.owner = Some(Owner::again(facts, pid_namespace)?);
        }
        let sent_by = self.sockets.sent_by();
        let mut lost = Vec::new();
        for (endpoint, state) in connections {
            match kept.endpoints.remove(&endpoint) {
                Some(socket) => {
                    if let Some(keeping) = &self.keeping {
                        keeping.add_socket(true);
                    }
                    self.insert_connection(endpoint, socket, sent_by, state);
                }
                None => lost.push(endpoint),
            }
        }
        for listener in frame.listeners {
            if let Some(fd) = kept.listeners.remove(&listener.number) {
                let served = if listener.proxied { Listener::of_container(fd) } else { Listener::from(fd) };
                self.serve_listener(served, listener)?;
            }
        }
        self.restore_nested(frame.nested, kept.nested_pid_namespaces)?;
        self.restore_left(unstored);
        self.login_files.restore(frame.login_files);
        self.storage.set_kept(kept.log.map(File::from), kept.inside_log.map(File::from));
        let doubtful = doubt.iter().map(|doubt| (doubt.namespace, &doubt.action));
        let undone: Vec<(u64, &Action)> = inside
            .iter()
            .map(|(namespace, action)| (*namespace, action))
            .chain(doubtful)
            .chain(self.namespace.family().waiting_actions().map(|(namespace, action)| (*namespace, action)))
            .collect();
        let of =
            |number: u64| undone.iter().filter(move |(whose, _)| *whose == number).map(|(_, action)| *action);
        self.storage.settle(written, write, of(self.namespace.root()));
        self.nest.settle(&nested_written, write, of);
        if let Some(journal) = self.namespace.journal() {
            journal.go_on_after_late(flushed);
        }
        if let Some((endpoint, number)) = late {
            // The mark that says so is about to be another's.
            self.namespace.note(&Entry::Flushed(endpoint, number));
        }
        self.send_lost(answers);
        for (namespace, action) in inside {
            self.perform_one(namespace, action, false);
        }
        if let Some(doubt) = doubt {
            self.settle(doubt);
        }
        self.perform();
        self.forget_left();
        for endpoint in lost {
            self.feed(Input::EndpointClosed { endpoint });
            self.perform();
        }
        if let Some((endpoint, credentials, bytes)) = message {
            self.handle_kept_message(endpoint, credentials, &bytes);
        }
        if let Some(journal) = self.namespace.journal() {
            journal.discard_message();
        }
        for waiting in frame.looking_up {
            self.look_up_again(waiting);
        }
        self.perform();
        self.save();
        if ended {
            return Ok(true);
        }
        let endpoints: Vec<EndpointId> = self.connections.keys().copied().collect();
        for endpoint in endpoints {
            self.update_interest(endpoint);
        }
        for call in self.calls.left_over() {
            self.answer(&call);
            self.perform();
        }
        Ok(false)
    }

    /// The action that was in hand when the process was killed.
    fn settle(&mut self, doubt: Doubt) {
        let Doubt { namespace, action, sent } = doubt;
        match action {
            Action::Deliver { endpoint, .. } if sent => {
                self.namespace.feed_in(namespace, Input::Delivered { endpoint, outcome: Delivery::Sent });
            }
            Action::Reply { .. } | Action::Offer { .. } if sent => {}
            Action::SocketAnswer { call, .. } => {
                self.requested = self.calls.left_over().into_iter().find(|left| left.id == call);
                self.perform_one(namespace, action, false);
            }
            action => self.perform_one(namespace, action, true),
        }
    }

    fn handle_kept_message(&mut self, endpoint: EndpointId, credentials: Credentials, bytes: &[u8]) {
        let Some(connection) = self.connections.get(&endpoint) else { return };
        let opener = *connection.opener();
        self.buffer = bytes.to_vec();
        self.handle_message(endpoint, bytes.len(), credentials, None, &opener);
        self.perform();
    }
}

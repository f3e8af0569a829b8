//! What login a task has, and whose member it is.

use super::super::Server;
use crate::identity::{ancestors, is_in};
use crate::tags::errno;
use crate::time::{started, ticks};
use auditns_bpf::{Start, Tag};
use auditns_core::{Input, Login, LoginSource, ProcessId, Sender};
use auditns_sys::identity::process::start_time;
use auditns_wire::record::{Ids, Viewed};

impl Server<'_> {
    /// Whether a task is a member of the namespace. Of those in nested namespaces the caller knows.
    pub(super) fn is_member(&self, namespace: u64, task: u32) -> bool {
        if namespace != self.namespace.root() {
            return true;
        }
        if let Ok(found) = self.membership.of_task(task) {
            return found.is_some_and(|member| member.namespace() == Some(namespace));
        }
        // In a pid namespace of the container's own there is nobody else.
        let own_pid_namespace = self.own_pid_namespace().is_some()
            && self.owner.as_ref().is_some_and(|owner| is_in(owner.pid_namespace(), task));
        let first = ProcessId { pid: self.origin.pid, started: started(self.origin.pid_started) };
        own_pid_namespace || ancestors(task).contains(&first)
    }

    /// Where the login of a task comes from: what the kernel keeps with it, or from whom it descends.
    pub(super) fn login_source(&mut self, namespace: u64, task: u32, process: ProcessId) -> LoginSource {
        let tag = self.membership.of_task(task).ok().flatten().map(|member| member.tag);
        self.source(namespace, tag, process)
    }

    /// Has the login of a sender known, where it is the namespace's own.
    pub(in crate::server) fn settle_login(
        &mut self,
        namespace: u64,
        sender: &mut Sender,
        noted: Option<Tag>,
    ) {
        if !self.namespace.family().get(namespace).is_some_and(auditns_core::Namespace::has_own_logins) {
            return;
        }
        let pid = sender.process.pid;
        let tag = noted.or_else(|| self.membership.of_task(pid).ok().flatten().map(|member| member.tag));
        sender.login = self.source(namespace, tag, sender.process);
    }

    fn source(&mut self, namespace: u64, tag: Option<Tag>, process: ProcessId) -> LoginSource {
        if let Some(login) = tag.and_then(|tag| tag.login) {
            let auid = Viewed { namespace: self.uid_inside(namespace, login.loginuid), host: login.loginuid };
            return LoginSource::Kept(Login { auid, ses: login.sessionid });
        }
        let lacks = |server: &Self| {
            let found = server.namespace.family().get(namespace);
            found.is_some_and(|found| found.lacks_login(process, LoginSource::Kernel))
        };
        if lacks(self) {
            let ancestors = ancestors(process.pid);
            // What was looked at by number counts only if it was that process.
            let same = start_time(process.pid).is_ok_and(|ticks| started(ticks) == process.started);
            let ancestors = if same { &ancestors[..] } else { &[] };
            self.namespace.feed_in(namespace, Input::Descends { process, ancestors });
        }
        LoginSource::Kernel
    }

    fn uid_inside(&mut self, namespace: u64, uid: u32) -> u32 {
        let owner = self.nest.identity(namespace, &mut self.owner, &mut self.resolver);
        let inside = owner.and_then(|(owner, _)| owner.uid_inside(uid));
        if uid == Ids::UNSET { uid } else { inside.unwrap_or(Ids::UNSET) }
    }

    /// Does what [`auditns_core::Action::KeepLogin`] asks for. Where the kernel keeps nothing, descent tells.
    pub(in crate::server) fn keep_login(&mut self, task: ProcessId, login: Login) {
        self.membership.wait_if_awaited();
        let kept = auditns_bpf::Login { loginuid: login.auid.host, sessionid: login.ses };
        let start = Start::Ticks(ticks(task.started));
        let keep = |server: &Self| server.membership.set_login(task.pid, start, Some(kept)).map_err(errno);
        let was_there = self.membership.renewals() > 0 || self.origin.served_before > 0;
        if !was_there {
            let _ = keep(self);
            return;
        }
        // An older login that the kernel keeps would be taken for this one.
        let _ = self.until_told(|server| Ok(keep(server)?));
    }

    /// Those that have set a login and have ended are forgotten when they are many.
    pub(super) fn forget_ended(&mut self, namespace: u64) {
        let known = self.namespace.family().get(namespace);
        let known = known.map(auditns_core::Namespace::processes_with_login).unwrap_or_default();
        let ended: Vec<ProcessId> = known
            .into_iter()
            .filter(|process| !start_time(process.pid).is_ok_and(|ticks| started(ticks) == process.started))
            .collect();
        if !ended.is_empty() {
            self.namespace.feed_in(namespace, Input::ProcessesEnded(&ended));
        }
    }
}

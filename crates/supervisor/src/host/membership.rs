//! Which processes are in which namespace: by the kernel where it can be asked, else by descent.

use super::Shared;
use super::asking::{described, marks};
use super::directory::Entry;
use super::members::Processes;
use super::orders::{Description, Order};
use crate::observer::Event;
use auditns_bpf::{Count, Observer};
use auditns_control::interface::{self, NamespaceInfo};
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};

/// Most processes that are listed.
const PROCESSES_MAX: usize = 1 << 16;

/// What the kernel says of a task.
enum ByKernel {
    In(u64),
    InNone,
    /// It cannot be asked.
    Unknown,
}

/// Members as they are now.
pub(super) struct Members<'s> {
    shared: &'s Shared,
    /// Of each namespace, and by which process that is asked; `None` if the kernel cannot be asked.
    counts: OnceCell<Option<(u32, HashMap<u64, Count>)>>,
    processes: OnceCell<Processes>,
}

impl<'s> Members<'s> {
    /// Nothing is looked at before it is needed. To be called before namespaces are described: these tell whoever knows tasks of
    /// their listeners, who is waited for if he has just been started.
    pub(super) fn now(shared: &'s Shared) -> Members<'s> {
        shared.surroundings.membership.wait_if_awaited();
        Members { shared, counts: OnceCell::new(), processes: OnceCell::new() }
    }

    /// What is known of a namespace, with the number of its members.
    pub(super) fn fill_in(&self, description: Description) -> NamespaceInfo {
        let marks = marks(&description);
        let exact = self.count(&description);
        let membership =
            if exact.is_some() { interface::Membership::Exact } else { interface::Membership::Descent };
        let by_descent = || u32::try_from(self.processes().count(marks)).ok();
        // Older children of whoever has moved have stayed, so descent tells nothing of a nested namespace.
        let members = if description.info.parent.is_some() { exact } else { exact.or_else(by_descent) };
        NamespaceInfo { members, membership, pid: marks.first, ..description.info }
    }

    /// The one of these namespaces that a task is in. What the kernel says is right; where it knows of none, the task may be in
    /// one of which it was not told everything.
    pub(super) fn namespace_of(&self, pid: u32, entries: &[Entry]) -> Option<(Entry, Description)> {
        let membership = &self.shared.surroundings.membership;
        let own = |contid: u64| {
            let entry = entries.iter().find(|entry| entry.contid == contid)?;
            described(entry).ok().map(|description| (entry.clone(), description))
        };
        if let ByKernel::In(contid) = self.by_kernel(pid) {
            return own(contid);
        }
        let renewals = membership.renewals();
        let roots = entries.iter().filter(|entry| entry.orders.is_of_root());
        let described_roots: Vec<_> =
            roots.filter_map(|entry| described(entry).ok().map(|found| (entry.clone(), found))).collect();
        // The listeners of those that were just described are noted by now.
        let known = match self.by_kernel(pid) {
            ByKernel::In(contid) => return own(contid),
            ByKernel::InNone => true,
            ByKernel::Unknown => false,
        };
        let may_be = |description: &Description| !known || description.noted != Some(renewals);
        described_roots
            .into_iter()
            .filter(|(_, description)| may_be(description))
            .find(|(_, description)| self.processes().is_member(pid, marks(description)))
    }

    fn by_kernel(&self, pid: u32) -> ByKernel {
        match self.shared.surroundings.membership.of_task(pid) {
            Ok(member) => member.and_then(|member| member.namespace()).map_or(ByKernel::InNone, ByKernel::In),
            Err(_) => ByKernel::Unknown,
        }
    }

    /// Processes that are in any of these namespaces.
    pub(super) fn pids(&self, entries: Vec<Entry>) -> Vec<u32> {
        let membership = &self.shared.surroundings.membership;
        let renewals = membership.renewals();
        let known = membership.all_members(PROCESSES_MAX);
        let roots = entries.into_iter().filter(|entry| entry.orders.is_of_root());
        let descriptions = roots.filter_map(|entry| described(&entry).ok());
        let by_descent =
            descriptions.filter(|description| known.is_err() || description.noted != Some(renewals));
        let all_marks: Vec<_> = by_descent.map(|description| marks(&description)).collect();
        let mut pids: BTreeSet<u32> = known.unwrap_or_default().into_iter().collect();
        if !all_marks.is_empty() {
            let processes = self.processes();
            let is_member = |pid: &u32| all_marks.iter().any(|marks| processes.is_member(*pid, *marks));
            pids.extend(processes.pids().filter(is_member));
        }
        pids.into_iter().collect()
    }

    /// How many the kernel knows. `None` if it was not told of all listeners of the namespace.
    fn count(&self, description: &Description) -> Option<u32> {
        let counts = self.counts.get_or_init(|| {
            let membership = &self.shared.surroundings.membership;
            let renewals = membership.renewals();
            let counts = membership.counts().ok()?;
            // Another process may have answered, which was not told of anything yet.
            let same = membership.renewals() == renewals;
            same.then(|| (renewals, counts.into_iter().map(|count| (count.namespace, count)).collect()))
        });
        let (renewals, counts) = counts.as_ref()?;
        let is_told = description.noted == Some(*renewals);
        is_told.then(|| counts.get(&description.info.contid).map_or(0, |count| count.processes))
    }

    fn processes(&self) -> &Processes {
        self.processes.get_or_init(Processes::now)
    }
}

/// Has every namespace told whoever asks the kernel of its listeners, when that begins.
pub(super) fn watch(shared: &Arc<Shared>) {
    let watch: Arc<dyn Observer> = Arc::new(Watch(Arc::downgrade(shared)));
    shared.surroundings.membership.observe(&watch);
}

struct Watch(Weak<Shared>);

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watch")
    }
}

impl Observer for Watch {
    fn renewed(&self) {
        let Some(shared) = self.0.upgrade() else { return };
        for entry in shared.directory.all() {
            entry.orders.leave(Order::NoteListeners);
        }
    }

    fn lost(&self, why: &str) {
        if let Some(shared) = self.0.upgrade() {
            let senders_noted = shared.surroundings.steering.get().is_some();
            let event = Event::MembershipLost { why, senders_noted };
            (shared.observer)("supervisor").observe(&event);
        }
    }

    fn emptied(&self, _: u64) {}
}

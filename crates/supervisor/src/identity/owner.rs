//! The user and pid namespace that an audit namespace belongs to.

use super::{NESTING_MAX, Place};
use auditns_core::MappedIds;
use auditns_sys::identity::{IdKind, IdMap, NamespaceFile, NamespaceId, NamespaceKind};
use serde::{Deserialize, Serialize};
use std::io;

/// Capabilities are judged against the owner user namespace; control messages are accepted from the owner pid
/// namespace alone.
///
/// Both are settled when the first member opens an audit socket, by where that member is. A launcher such as `unshare`
/// or `systemd-nspawn` starts in the namespaces of `auditns` itself and makes those of the container after that: so of
/// the namespaces between the member's and ours, the outermost one is the container's. A user namespace counts only
/// if whoever runs `auditns` made it: a member without privileges must not gain the audit subsystem of its container
/// by making a user namespace of its own. A pid namespace counts only if it belongs to a user namespace that counts.
#[derive(Debug)]
pub(crate) struct Owner {
    facts: OwnerFacts,
    pid_namespace: NamespaceFile,
}

/// What is known of an owner besides its open pid namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OwnerFacts {
    /// The owner user namespace and those around it, innermost first, up to ours.
    served: Vec<NamespaceId>,
    /// Who made the owner user namespace, unless it is our own.
    creator: Option<u32>,
    maps: Option<(IdMap, IdMap)>,
}

impl Owner {
    /// Settles ownership by the member with this thread id, which waits in a system call. `launcher` is the user who asked
    /// for the namespace.
    ///
    /// # Errors
    /// `ESRCH` if the member is gone; `EACCES` or `EPERM` if we may not look at it.
    pub(crate) fn of_first_opener(tid: u32, launcher: u32) -> io::Result<Owner> {
        let own_user = NamespaceFile::own(NamespaceKind::User)?;
        let own_pid = NamespaceFile::own(NamespaceKind::Pid)?;
        let user = outermost_below(NamespaceFile::of_pid(tid, NamespaceKind::User)?, &own_user)?;
        let user = match user {
            Some(user) if user.owner_uid()? == launcher => Some(user),
            _ => None,
        };
        let pid = outermost_below(NamespaceFile::of_pid(tid, NamespaceKind::Pid)?, &own_pid)?;
        let pid = match pid {
            Some(pid) => {
                let owning = pid.owning_user_namespace()?.id();
                let counts = owning == own_user.id() || user.as_ref().is_some_and(|user| user.id() == owning);
                counts.then_some(pid)
            }
            None => None,
        };
        let creator = user.is_some().then_some(launcher);
        let mut served: Vec<_> = user.iter().map(NamespaceFile::id).collect();
        served.push(own_user.id());
        let maps = user.is_none().then(|| (IdMap::identity(), IdMap::identity()));
        Ok(Owner { facts: OwnerFacts { served, creator, maps }, pid_namespace: pid.unwrap_or(own_pid) })
    }

    /// The owner of a namespace that a member makes inside another one: the member's own namespaces. Whoever is in user
    /// namespaces around is served as well.
    ///
    /// # Errors
    /// As of [`Owner::of_first_opener`].
    pub(crate) fn of_creator(pid: u32) -> io::Result<Owner> {
        let own = NamespaceFile::own(NamespaceKind::User)?.id();
        let user = NamespaceFile::of_pid(pid, NamespaceKind::User)?;
        let pid_namespace = NamespaceFile::of_pid(pid, NamespaceKind::Pid)?;
        let creator = if user.id() == own { None } else { Some(user.owner_uid()?) };
        let maps = creator.is_none().then(|| (IdMap::identity(), IdMap::identity()));
        let mut served = vec![user.id()];
        let mut level = user;
        while level.id() != own && served.len() <= NESTING_MAX {
            level = level.parent()?;
            served.push(level.id());
        }
        Ok(Owner { facts: OwnerFacts { served, creator, maps }, pid_namespace })
    }

    /// The owner that another supervisor has settled. Its pid namespace is ours if none was kept.
    ///
    /// # Errors
    /// Those of opening our own pid namespace.
    pub(crate) fn again(facts: OwnerFacts, pid_namespace: Option<NamespaceFile>) -> io::Result<Owner> {
        let pid_namespace = match pid_namespace {
            Some(kept) => kept,
            None => NamespaceFile::own(NamespaceKind::Pid)?,
        };
        Ok(Owner { facts, pid_namespace })
    }

    /// What another supervisor needs to know.
    pub(crate) fn facts(&self) -> &OwnerFacts {
        &self.facts
    }

    pub(crate) fn pid_namespace(&self) -> &NamespaceFile {
        &self.pid_namespace
    }

    /// Both namespaces.
    pub(crate) fn place(&self) -> Place {
        let pid = self.pid_namespace.id();
        Place { user: self.facts.served.first().copied().unwrap_or(pid), pid }
    }

    /// Whether this is the owner user namespace itself.
    pub(crate) fn is_owner(&self, namespace: NamespaceId) -> bool {
        self.facts.served.first() == Some(&namespace)
    }

    /// Whether this is the owner user namespace or one around it.
    pub(crate) fn serves(&self, namespace: NamespaceId) -> bool {
        self.facts.served.contains(&namespace)
    }

    /// Whether a task with this effective user id in this user namespace has every capability over the owner user
    /// namespace because it made it (kernel: `cap_capable`).
    pub(crate) fn is_creator(&self, namespace: NamespaceId, euid: u32) -> bool {
        self.facts.creator == Some(euid) && self.facts.served.get(1) == Some(&namespace)
    }

    /// Id inside the owner user namespace of one of ours; `None` if it is not mapped.
    pub(crate) fn uid_inside(&self, uid: u32) -> Option<u32> {
        self.facts.maps.as_ref()?.0.to_inside(uid)
    }

    /// Our id of one inside the owner user namespace; `None` if there is none.
    pub(crate) fn uid_outside(&self, uid: u32) -> Option<u32> {
        self.facts.maps.as_ref()?.0.to_host(uid)
    }

    /// As [`Owner::uid_inside`], for groups.
    pub(crate) fn gid_inside(&self, gid: u32) -> Option<u32> {
        self.facts.maps.as_ref()?.1.to_inside(gid)
    }

    /// Reads the id maps from a task in the owner user namespace, until they are written. Returns them when they have
    /// just become known.
    pub(crate) fn learn_maps(&mut self, pid: u32) -> Option<MappedIds> {
        if self.facts.maps.is_some() {
            return None;
        }
        let (users, groups) = (IdMap::read(pid, IdKind::Users).ok()?, IdMap::read(pid, IdKind::Groups).ok()?);
        if users.is_empty() {
            return None;
        }
        let mapped = MappedIds::new(users.inside_ranges().collect(), groups.inside_ranges().collect());
        self.facts.maps = Some((users, groups));
        Some(mapped)
    }
}

/// The outermost namespace on the way from `inner` up to `outer`, `outer` itself excluded; `None` if they are the same.
fn outermost_below(inner: NamespaceFile, outer: &NamespaceFile) -> io::Result<Option<NamespaceFile>> {
    let mut below = None;
    let mut level = inner;
    for _ in 0..=NESTING_MAX {
        if level.id() == outer.id() {
            return Ok(below);
        }
        let parent = level.parent()?;
        below = Some(level);
        level = parent;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Background, ORDINARY};

    fn namespace(pid: u32, kind: NamespaceKind) -> NamespaceId {
        NamespaceFile::of_pid(pid, kind).unwrap().id()
    }

    fn own(kind: NamespaceKind) -> NamespaceId {
        NamespaceFile::own(kind).unwrap().id()
    }

    /// The owner as the process settles it, once it is in a user namespace of its own.
    fn settled_by(mut process: Background) -> (Owner, NamespaceId, Background) {
        let pid = process.pid();
        process.until(|| namespace(pid, NamespaceKind::User) != own(NamespaceKind::User));
        (Owner::of_first_opener(pid, 0).unwrap(), namespace(pid, NamespaceKind::User), process)
    }

    #[test]
    fn a_member_in_our_namespaces_leaves_ours_the_owner() {
        let owner = Owner::of_first_opener(std::process::id(), 0).unwrap();
        assert!(owner.is_owner(own(NamespaceKind::User)) && owner.serves(own(NamespaceKind::User)));
        assert_eq!(owner.pid_namespace().id(), own(NamespaceKind::Pid));
        assert_eq!((owner.uid_inside(0), owner.gid_inside(ORDINARY)), (Some(0), Some(ORDINARY)));
        assert!(!owner.is_creator(own(NamespaceKind::User), 0));
    }

    #[test]
    fn a_user_namespace_that_the_launching_user_made_owns() {
        let (mut owner, inner, process) = settled_by(Background::new(&["unshare", "-Ur", "sleep", "60"]));
        assert!(owner.is_owner(inner) && owner.serves(own(NamespaceKind::User)));
        assert!(owner.is_creator(own(NamespaceKind::User), 0), "who made it has all capabilities over it");
        assert!(!owner.is_creator(own(NamespaceKind::User), ORDINARY) && !owner.is_creator(inner, 0));
        let (pid, mut process) = (process.pid(), process);
        process.until(|| owner.learn_maps(pid).is_some());
        assert!(owner.learn_maps(pid).is_none(), "told once");
        assert_eq!((owner.uid_inside(0), owner.uid_inside(ORDINARY)), (Some(0), None));
    }

    #[test]
    fn a_user_namespace_that_somebody_else_made_does_not_own() {
        let process = Background::new(&[
            "setpriv",
            "--reuid=54321",
            "--regid=54321",
            "--clear-groups",
            "--inh-caps=-all",
            "unshare",
            "-U",
            "sleep",
            "60",
        ]);
        let (owner, inner, _process) = settled_by(process);
        assert!(!owner.serves(inner));
        assert!(owner.is_owner(own(NamespaceKind::User)));
        assert_eq!(owner.pid_namespace().id(), own(NamespaceKind::Pid));
    }

    #[test]
    fn nobody_settles_nothing() {
        let gone = Background::new(&["sleep", "60"]).end();
        let error = Owner::of_first_opener(gone, 0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::SRCH.raw_os_error()));
    }
}

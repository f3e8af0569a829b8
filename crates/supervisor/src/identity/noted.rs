//! Senders that the kernel itself noted when they sent (`auditns_bpf`).

use super::known::{Facts, Remembered};
use super::owner::Owner;
use super::resolver::{Opener, Resolver, granted, intersection, sender};
use crate::time::in_ticks;
use auditns_bpf::Identity;
use auditns_core::Sender;
use auditns_sys::Credentials;
use auditns_sys::identity::Login;
use auditns_sys::identity::capabilities::{CapabilitySet, Sets};
use auditns_sys::identity::namespace::NamespaceId;
use auditns_wire::record::Ids;
use std::time::Duration;

impl Resolver {
    /// The sender of a message, from the kernel's note if there is one, else as [`Resolver::sender`].
    pub(crate) fn either_sender(
        &mut self,
        credentials: Credentials,
        noted: Option<&Identity>,
        opener: &Opener,
        owner: &Owner,
    ) -> Sender {
        let noted = noted.and_then(|noted| self.noted_sender(noted, opener, owner));
        noted.unwrap_or_else(|| self.sender(credentials, opener, owner))
    }

    /// The sender of a message that the kernel has noted, which needs no look at it: only who it is inside is looked up, once.
    /// `None` if that is not known and cannot be, because it is gone.
    ///
    /// What a process may have come to since it sent counts for nothing here, so nothing but the opener limits it.
    fn noted_sender(&mut self, noted: &Identity, opener: &Opener, owner: &Owner) -> Option<Sender> {
        let remembered = self.remembered_since(noted, owner)?;
        let facts = facts(noted, &remembered);
        self.set_last(noted.tgid, facts);
        let Remembered { process, pid_inside, own_pid, in_owner_pid_namespace, .. } = remembered;
        let host = Ids { pid: noted.tgid, uid: noted.uid, auid: noted.loginuid, ses: noted.sessionid };
        let pids = super::resolver::Pids { inside: pid_inside, own: own_pid };
        let mut sender =
            sender(process, host, noted.gid, pids, in_owner_pid_namespace, facts, opener.ceiling(), owner);
        let effective = granted(&facts, facts.sets.effective, noted.euid, owner);
        sender.capabilities = if owner.serves(facts.user_namespace) {
            intersection(effective, opener.ceiling())
        } else {
            auditns_core::Capabilities::default()
        };
        Some(sender)
    }

    fn remembered_since(&mut self, noted: &Identity, owner: &Owner) -> Option<Remembered> {
        let noted_start = in_ticks(Duration::from_nanos(noted.start));
        let same = |started: Duration| started == noted_start;
        if let Some(remembered) = self.recall(noted.tgid, same) {
            return Some(remembered);
        }
        self.learn(noted.tgid, owner).ok()?;
        self.recall(noted.tgid, same)
    }
}

fn facts(noted: &Identity, remembered: &Remembered) -> Facts {
    let before = remembered.last;
    let user_namespace =
        NamespaceId { device: before.user_namespace.device, inode: noted.user_namespace.into() };
    let effective = CapabilitySet(noted.capabilities);
    // It can make effective what it has permitted, which is not noted. In another namespace that counts for nothing.
    let permitted = if user_namespace == before.user_namespace {
        CapabilitySet(before.sets.permitted.0 | effective.0)
    } else {
        effective
    };
    let login = Login { uid: noted.loginuid, session: noted.sessionid };
    Facts { login, user_namespace, sets: Sets { effective, permitted } }
}

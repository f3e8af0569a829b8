//! Who sent a datagram.

use super::known::{Facts, Known, Remembered};
use super::owner::Owner;
use auditns_core::{Capabilities, LoginSource, MappedIds, ProcessId, Sender, Standing};
use auditns_sys::Credentials;
use auditns_sys::identity::capabilities::{self, Capability, CapabilitySet};
use auditns_sys::identity::{Brief, Login};
use auditns_wire::record::{Ids, Viewed};
use std::collections::HashMap;
use std::io;
use std::time::Duration;

/// What a process was when it opened an audit socket.
///
/// The kernel attests who sent a message, not what that process was allowed to do then; this is read when the message
/// is. In between, a process can come to more than it had: by executing a set-user-ID program, or in a user namespace of
/// its own. So a message is never granted more than its socket's opener could have been, which is also what the kernel
/// asks of netlink messages where it cannot tell who addressed them (kernel: `__netlink_ns_capable`).
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Opener {
    process: ProcessId,
    own_pid: u32,
    in_owner_pid_namespace: bool,
    uid: u32,
    facts: Facts,
    ceiling: Capabilities,
}

impl Opener {
    /// The process.
    pub(crate) fn process(&self) -> ProcessId {
        self.process
    }

    /// Thread-group id in its own pid namespace.
    pub(crate) fn own_pid(&self) -> u32 {
        self.own_pid
    }

    /// What it could do at best, and so all that send on its socket.
    pub(super) fn ceiling(&self) -> Capabilities {
        self.ceiling
    }

    /// The same opener for a namespace of another owner.
    pub(crate) fn towards(&self, owner: &Owner) -> Opener {
        // Where it is as seen from there is not known. That counts only once it is gone.
        Opener { ceiling: ceiling(&self.facts, self.uid, owner), in_owner_pid_namespace: false, ..*self }
    }

    /// Whether audit could ever do anything for it.
    pub(crate) fn is_privileged(&self) -> bool {
        let Capabilities { control, write, read } = self.ceiling;
        control || write || read
    }
}

/// A thread that waits in a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    /// Who it is.
    pub(crate) sender: Sender,
    /// What it may do now, in the owner user namespace or one around it.
    pub(crate) effective: CapabilitySet,
}

/// Resolves senders of one namespace.
#[derive(Debug)]
pub(crate) struct Resolver {
    known: HashMap<u32, Known>,
    capacity: usize,
    /// Of processes whose files are not kept open any more, what does not change.
    remembered: HashMap<u32, Remembered>,
    clock: u64,
}

impl Resolver {
    /// Keeps the files of at most `capacity` processes open; beyond, the one that was silent longest is forgotten.
    pub(crate) fn new(capacity: usize) -> Resolver {
        Resolver { known: HashMap::new(), capacity: capacity.max(1), remembered: HashMap::new(), clock: 0 }
    }

    /// Learns a process while it certainly lives, because it waits in a system call that we hold.
    /// Its messages can then be attributed even if it ends right after sending.
    pub(crate) fn learn(&mut self, pid: u32, owner: &Owner) -> io::Result<Opener> {
        let (known, _) = self.known_process(pid, owner)?;
        Ok(Opener {
            process: known.process,
            own_pid: known.own_pid,
            in_owner_pid_namespace: known.in_owner_pid_namespace,
            uid: known.uid,
            facts: known.last,
            ceiling: ceiling(&known.last, known.uid, owner),
        })
    }

    /// The sender of a message on an endpoint.
    ///
    /// The kernel attests thread-group id and user id with the message. Login user id, session, user namespace and
    /// capabilities are read now; of a process that has ended since, those of its last message count, and of one that
    /// nothing is known of, those of the opener if it had the same user id: it is then a child that sent and ended.
    pub(crate) fn sender(&mut self, credentials: Credentials, opener: &Opener, owner: &Owner) -> Sender {
        let Credentials { pid, uid, gid } = credentials;
        let host = |login: Login| Ids { pid, uid, auid: login.uid, ses: login.session };
        if let Ok((known, before)) = self.known_process(pid, owner)
            // A process seen for the first time may be a successor of the sender with the same number.
            && (before.is_some() || known.uid == uid)
        {
            let Known { last, process, pid_inside, own_pid, in_owner_pid_namespace, .. } = *known;
            // What it could not have had when it was last looked at, it may have got after it sent this.
            let before = before.map_or(ALL, |before| ceiling(&before, uid, owner));
            let limit = intersection(opener.ceiling, before);
            return sender(
                process,
                host(last.login),
                gid,
                Pids { inside: pid_inside, own: own_pid },
                in_owner_pid_namespace,
                last,
                limit,
                owner,
            );
        }
        let process = ProcessId { pid, started: Duration::ZERO };
        if opener.uid == uid {
            let Opener { in_owner_pid_namespace, facts, ceiling, .. } = *opener;
            let pids = Pids::default();
            return sender(
                process,
                host(facts.login),
                gid,
                pids,
                in_owner_pid_namespace,
                facts,
                ceiling,
                owner,
            );
        }
        stranger(process, host(Login { uid: Ids::UNSET, session: Ids::UNSET }), gid, owner)
    }

    /// Who waits in a call. It can change nothing while it waits, so that what it is now is what counts; unlike of a
    /// sender of messages it is known which thread it is, and threads have capabilities of their own.
    pub(crate) fn waiter(&mut self, tid: u32, owner: &Owner) -> io::Result<Waiter> {
        let Brief { pid, uid, euid, gid, .. } = Brief::of(tid)?;
        let effective = capabilities::of(tid)?.effective;
        let process = self.learn(pid, owner)?;
        let mut sender = self.sender(Credentials { pid, uid, gid }, &process, owner);
        let served = owner.serves(process.facts.user_namespace);
        let effective = if served { effective } else { CapabilitySet::default() };
        sender.capabilities =
            if served { granted(&process.facts, effective, euid, owner) } else { Capabilities::default() };
        Ok(Waiter { sender, effective })
    }

    /// Whether a process that has just sent something has `CAP_AUDIT_CONTROL` in its own user namespace, whichever that is, and
    /// could have been granted as much when it opened its socket.
    pub(crate) fn controls_own_user_namespace(&self, pid: u32, opener: &Opener) -> bool {
        let known = self.known.get(&pid).map(|known| known.last);
        let Some(facts) = known.or_else(|| self.remembered.get(&pid).map(|found| found.last)) else {
            return false;
        };
        let opened_there = opener.facts.user_namespace == facts.user_namespace
            && opener.facts.sets.permitted.has(Capability::AuditControl);
        facts.sets.effective.has(Capability::AuditControl) && (opened_there || opener.ceiling.control)
    }

    /// Takes the id maps of the owner user namespace from this process if it is in it and they are not known yet.
    pub(crate) fn learn_maps(&self, pid: u32, owner: &mut Owner) -> Option<MappedIds> {
        let known = self.known.get(&pid)?;
        if owner.is_owner(known.last.user_namespace) { owner.learn_maps(pid) } else { None }
    }

    /// What is known of a process, brought up to date if it lives, and what was known before.
    fn known_process(&mut self, pid: u32, owner: &Owner) -> io::Result<(&mut Known, Option<Facts>)> {
        self.clock += 1;
        let now = self.clock;
        let mut before = None;
        let refreshed = match self.known.get_mut(&pid) {
            Some(known) => match known.facts() {
                Ok(facts) => {
                    before = Some(std::mem::replace(&mut known.last, facts));
                    true
                }
                // The process is gone. Its number may belong to another one by now.
                Err(_) => false,
            },
            None => false,
        };
        if !refreshed {
            match Known::open(pid, owner) {
                Ok(known) => {
                    self.forget_oldest();
                    self.known.insert(pid, known);
                }
                Err(error) => {
                    let dead = self.known.get(&pid).ok_or(error)?;
                    before = Some(dead.last);
                }
            }
        }
        let known = self.known.get_mut(&pid).ok_or(io::ErrorKind::NotFound)?;
        known.last_used = now;
        Ok((known, before))
    }

    /// What is remembered of a process that started then, and has just sent something.
    pub(super) fn recall(&mut self, pid: u32, started: impl Fn(Duration) -> bool) -> Option<Remembered> {
        self.clock += 1;
        match self.known.get_mut(&pid) {
            Some(known) if started(known.process.started) => {
                known.last_used = self.clock;
                Some(known.remembered())
            }
            _ => self.remembered.get(&pid).copied().filter(|found| started(found.process.started)),
        }
    }

    /// What a process was when it sent its last message.
    pub(super) fn set_last(&mut self, pid: u32, facts: Facts) {
        if let Some(known) = self.known.get_mut(&pid) {
            known.last = facts;
        } else if let Some(remembered) = self.remembered.get_mut(&pid) {
            remembered.last = facts;
        }
    }

    fn forget_oldest(&mut self) {
        if self.known.len() >= self.capacity
            && let Some(oldest) =
                self.known.iter().min_by_key(|(_, known)| known.last_used).map(|(pid, _)| *pid)
        {
            if self.remembered.len() >= REMEMBERED {
                self.remembered.clear();
            }
            if let Some(known) = self.known.remove(&oldest) {
                self.remembered.insert(oldest, known.remembered());
            }
        }
    }
}

/// Most processes that are remembered without their files: some hundred bytes each.
const REMEMBERED: usize = 4096;

const ALL: Capabilities = Capabilities { control: true, write: true, read: true };

pub(super) fn intersection(one: Capabilities, other: Capabilities) -> Capabilities {
    Capabilities {
        control: one.control && other.control,
        write: one.write && other.write,
        read: one.read && other.read,
    }
}

/// What a process can do towards the owner user namespace at best, as long as it executes no other program.
fn ceiling(facts: &Facts, uid: u32, owner: &Owner) -> Capabilities {
    if owner.serves(facts.user_namespace) {
        granted(facts, facts.sets.permitted, uid, owner)
    } else {
        Capabilities::default()
    }
}

pub(super) fn granted(facts: &Facts, set: CapabilitySet, uid: u32, owner: &Owner) -> Capabilities {
    let creator = owner.is_creator(facts.user_namespace, uid);
    let has = |capability| creator || set.has(capability);
    Capabilities {
        control: has(Capability::AuditControl),
        write: has(Capability::AuditWrite),
        read: has(Capability::AuditRead),
    }
}

fn inside(host: Ids, pid: u32, owner: &Owner) -> Ids {
    let map = |id: u32| if id == Ids::UNSET { id } else { owner.uid_inside(id).unwrap_or(Ids::UNSET) };
    Ids { pid, uid: map(host.uid), auid: map(host.auid), ses: host.ses }
}

/// Thread-group id of a process in the owner pid namespace and in its own; 0 where it is not known.
#[derive(Clone, Copy, Default)]
pub(super) struct Pids {
    pub(super) inside: u32,
    pub(super) own: u32,
}

#[expect(clippy::too_many_arguments, reason = "each is a fact of its own about the sender")]
pub(super) fn sender(
    process: ProcessId,
    host: Ids,
    gid: u32,
    pids: Pids,
    in_owner_pid_namespace: bool,
    facts: Facts,
    limit: Capabilities,
    owner: &Owner,
) -> Sender {
    let served = owner.serves(facts.user_namespace);
    Sender {
        process,
        ids: Viewed { namespace: inside(host, pids.inside, owner), host },
        own_pid: pids.own,
        gid: owner.gid_inside(gid).unwrap_or(Ids::UNSET),
        standing: if served { Standing::Served } else { Standing::Foreign },
        in_owner_pid_namespace,
        capabilities: intersection(granted(&facts, facts.sets.effective, host.uid, owner), limit),
        login: LoginSource::Kernel,
    }
}

/// A sender of whom nothing but the attested ids is known: no privileges.
fn stranger(process: ProcessId, host: Ids, gid: u32, owner: &Owner) -> Sender {
    Sender {
        process,
        ids: Viewed { namespace: inside(host, 0, owner), host },
        own_pid: 0,
        gid: owner.gid_inside(gid).unwrap_or(Ids::UNSET),
        standing: Standing::Served,
        in_owner_pid_namespace: false,
        capabilities: Capabilities::default(),
        login: LoginSource::Kernel,
    }
}

#[cfg(test)]
mod tests;

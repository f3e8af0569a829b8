//! Who sent a datagram.

use super::owner::Owner;
use auditns_core::{Capabilities, MappedIds, ProcessId, Sender, Standing};
use auditns_sys::Credentials;
use auditns_sys::identity::capabilities::{self, Capability, CapabilitySet};
use auditns_sys::identity::namespace::{self, NamespaceId};
use auditns_sys::identity::{Login, LoginuidFile, NamespaceFile, NamespaceKind, Process, UserNamespaceLink};
use auditns_wire::record::{Ids, Viewed};
use std::collections::HashMap;
use std::io;
use std::time::Duration;

/// Most processes whose files are kept open; beyond, the one that was silent longest is closed.
const KNOWN_MAX: usize = 128;

/// Clock ticks per second of `/proc`, fixed in the kernel's interface.
const TICKS_PER_SECOND: u32 = 100;

/// What is remembered of a process. The open files are bound to the process: they fail once it is gone, so that a
/// successor with the same id is not taken for it.
#[derive(Debug)]
struct Known {
    login: LoginuidFile,
    user_namespace: UserNamespaceLink,
    process: ProcessId,
    pid_inside: u32,
    in_owner_pid_namespace: bool,
    last_used: u64,
    /// Effective user id when the process was learned.
    uid: u32,
    /// As of the last message; what a process was when it sent its last words before dying.
    last: Facts,
}

/// What may change from message to message.
#[derive(Clone, Copy, Debug)]
struct Facts {
    login: Login,
    user_namespace: NamespaceId,
    effective: CapabilitySet,
}

/// Resolves senders of one namespace.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: HashMap<u32, Known>,
    clock: u64,
}

impl Resolver {
    /// Learns a process while it certainly lives, because it waits in the system call that opens an audit socket.
    /// Its messages can then be attributed even if it ends right after sending.
    pub(crate) fn learn(&mut self, pid: u32, owner: &Owner) -> io::Result<u32> {
        let known = self.known_process(pid, owner)?;
        Ok(known.pid_inside)
    }

    /// The sender of a message on an endpoint that the process `opener` opened.
    ///
    /// The kernel attests thread-group id and user id with the message. Login user id, session, user namespace and
    /// capabilities are read now; of a process that has ended since, those of its last message count, and of one that
    /// nothing is known of, those of the opener if it had the same user id: it is then a child that sent and ended.
    pub(crate) fn sender(&mut self, credentials: Credentials, opener: u32, owner: &Owner) -> Sender {
        let Credentials { pid, uid, gid } = credentials;
        let host = |login: Login| Ids { pid, uid, auid: login.uid, ses: login.session };
        if let Ok(known) = self.known_process(pid, owner) {
            let Known { last, process, pid_inside, in_owner_pid_namespace, .. } = *known;
            return sender(process, host(last.login), gid, pid_inside, in_owner_pid_namespace, last, owner);
        }
        let process = ProcessId { pid, started: Duration::ZERO };
        match self.known.get(&opener).filter(|known| known.uid == uid) {
            Some(known) => sender(
                process,
                host(known.last.login),
                gid,
                0,
                known.in_owner_pid_namespace,
                known.last,
                owner,
            ),
            None => stranger(process, host(Login { uid: Ids::UNSET, session: Ids::UNSET }), gid, owner),
        }
    }

    /// Takes the id maps of the owner user namespace from this process if it is in it and they are not known yet.
    pub(crate) fn learn_maps(&self, pid: u32, owner: &mut Owner) -> Option<MappedIds> {
        let known = self.known.get(&pid)?;
        if owner.is_owner(known.last.user_namespace) { owner.learn_maps(pid) } else { None }
    }

    fn known_process(&mut self, pid: u32, owner: &Owner) -> io::Result<&mut Known> {
        self.clock += 1;
        let now = self.clock;
        let refreshed = match self.known.get_mut(&pid) {
            Some(known) => match known.facts() {
                Ok(facts) => {
                    known.last = facts;
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
                Err(error) if !self.known.contains_key(&pid) => return Err(error),
                Err(_) => {}
            }
        }
        let known = self.known.get_mut(&pid).ok_or(io::ErrorKind::NotFound)?;
        known.last_used = now;
        Ok(known)
    }

    fn forget_oldest(&mut self) {
        if self.known.len() >= KNOWN_MAX
            && let Some(oldest) =
                self.known.iter().min_by_key(|(_, known)| known.last_used).map(|(pid, _)| *pid)
        {
            self.known.remove(&oldest);
        }
    }
}

impl Known {
    fn open(pid: u32, owner: &Owner) -> io::Result<Known> {
        let process = Process::open(pid)?;
        let login = LoginuidFile::open(pid)?;
        let user_namespace = UserNamespaceLink::open(pid)?;
        let own = NamespaceFile::of_process(&process, NamespaceKind::Pid)?.id();
        let pid_inside = namespace::tgid_in(owner.pid_namespace(), pid).unwrap_or(0);
        let last = Facts {
            login: login.read()?,
            user_namespace: user_namespace.read()?,
            effective: capabilities::effective(pid)?,
        };
        // What was opened by number belongs to the process only if it lived all the while.
        if !process.is_alive()? {
            return Err(rustix::io::Errno::SRCH.into());
        }
        Ok(Known {
            login,
            process: ProcessId { pid, started: started(&process) },
            pid_inside,
            in_owner_pid_namespace: own == owner.pid_namespace().id(),
            last_used: 0,
            uid: rustix::fs::fstat(&user_namespace)?.st_uid,
            user_namespace,
            last,
        })
    }

    /// Reads bound files first and last, so that capabilities read by number in between are this process's.
    fn facts(&self) -> io::Result<Facts> {
        let user_namespace = self.user_namespace.read()?;
        let effective = capabilities::effective(self.process.pid)?;
        let login = self.login.read()?;
        Ok(Facts { login, user_namespace, effective })
    }
}

fn started(process: &Process) -> Duration {
    Duration::from_secs(process.start_time()) / TICKS_PER_SECOND
}

fn inside(host: Ids, pid: u32, owner: &Owner) -> Ids {
    let map = |id: u32| if id == Ids::UNSET { id } else { owner.uid_inside(id).unwrap_or(Ids::UNSET) };
    Ids { pid, uid: map(host.uid), auid: map(host.auid), ses: host.ses }
}

fn sender(
    process: ProcessId,
    host: Ids,
    gid: u32,
    pid_inside: u32,
    in_owner_pid_namespace: bool,
    facts: Facts,
    owner: &Owner,
) -> Sender {
    let creator = owner.is_creator(facts.user_namespace, host.uid);
    let has = |capability| creator || facts.effective.has(capability);
    let served = owner.serves(facts.user_namespace);
    Sender {
        process,
        ids: Viewed { namespace: inside(host, pid_inside, owner), host },
        gid: owner.gid_inside(gid).unwrap_or(Ids::UNSET),
        standing: if served { Standing::Served } else { Standing::Foreign },
        in_owner_pid_namespace,
        capabilities: Capabilities {
            control: has(Capability::AuditControl),
            write: has(Capability::AuditWrite),
            read: has(Capability::AuditRead),
        },
    }
}

/// A sender of whom nothing but the attested ids is known: no privileges.
fn stranger(process: ProcessId, host: Ids, gid: u32, owner: &Owner) -> Sender {
    Sender {
        process,
        ids: Viewed { namespace: inside(host, 0, owner), host },
        gid: owner.gid_inside(gid).unwrap_or(Ids::UNSET),
        standing: Standing::Served,
        in_owner_pid_namespace: false,
        capabilities: Capabilities::default(),
    }
}

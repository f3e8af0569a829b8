//! What is remembered of a process.

use super::owner::Owner;
use crate::time::started;
use auditns_core::ProcessId;
use auditns_sys::identity::capabilities::{self, Sets};
use auditns_sys::identity::details;
use auditns_sys::identity::namespace::{self, NamespaceId};
use auditns_sys::identity::{
    Brief, Login, LoginuidFile, NamespaceFile, NamespaceKind, Process, UserNamespaceLink,
};
use std::io;

/// A process that opened an audit socket or sent something. The open files are bound to the process: they fail once it
/// is gone, so that a successor with the same id is not taken for it.
#[derive(Debug)]
pub(super) struct Known {
    login: LoginuidFile,
    user_namespace: UserNamespaceLink,
    pub(super) process: ProcessId,
    pub(super) pid_inside: u32,
    /// In the process's own pid namespace.
    pub(super) own_pid: u32,
    pub(super) in_owner_pid_namespace: bool,
    pub(super) last_used: u64,
    /// Real user id when the process was learned.
    pub(super) uid: u32,
    /// As of the last message; what a process was when it sent its last words before dying.
    pub(super) last: Facts,
}

/// What needs no open file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub(super) process: ProcessId,
    pub(super) pid_inside: u32,
    pub(super) own_pid: u32,
    pub(super) in_owner_pid_namespace: bool,
    /// As of the last message.
    pub(super) last: Facts,
}

/// What may change from message to message.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Facts {
    pub(super) login: Login,
    pub(super) user_namespace: NamespaceId,
    pub(super) sets: Sets,
}

impl Known {
    /// Descriptors that one of these holds.
    pub(crate) const DESCRIPTORS: usize = 3;

    /// Learns a process.
    ///
    /// # Errors
    /// `ESRCH` if it is gone.
    pub(super) fn open(pid: u32, owner: &Owner) -> io::Result<Known> {
        let process = Process::open(pid)?;
        let login = LoginuidFile::open(pid)?;
        let user_namespace = UserNamespaceLink::open(pid)?;
        let own = NamespaceFile::of_process(&process, NamespaceKind::Pid)?.id();
        let pid_inside = namespace::tgid_in(owner.pid_namespace(), pid).unwrap_or(0);
        let (Brief { uid, .. }, own_pid) = (Brief::of(pid)?, details::own_pid(pid)?);
        let last = facts(pid, &user_namespace, &login)?;
        // What was opened by number belongs to the process only if it lived all the while.
        if !process.is_alive()? {
            return Err(rustix::io::Errno::SRCH.into());
        }
        Ok(Known {
            login,
            user_namespace,
            process: ProcessId { pid, started: started(process.start_time()) },
            pid_inside,
            own_pid,
            in_owner_pid_namespace: own == owner.pid_namespace().id(),
            last_used: 0,
            uid,
            last,
        })
    }

    pub(super) fn remembered(&self) -> Remembered {
        let Known { process, pid_inside, own_pid, in_owner_pid_namespace, last, .. } = *self;
        Remembered { process, pid_inside, own_pid, in_owner_pid_namespace, last }
    }

    /// The facts as they are now.
    ///
    /// # Errors
    /// `ESRCH` once the process is gone.
    pub(super) fn facts(&self) -> io::Result<Facts> {
        facts(self.process.pid, &self.user_namespace, &self.login)
    }
}

/// Capabilities first, the user namespace after them: a process has all capabilities in a new user namespace, and cannot
/// go back. The bound files last: while they can be read, the number was this process's.
fn facts(pid: u32, user_namespace: &UserNamespaceLink, login: &LoginuidFile) -> io::Result<Facts> {
    let sets = capabilities::of(pid)?;
    let user_namespace = user_namespace.read()?;
    let login = login.read()?;
    Ok(Facts { login, user_namespace, sets })
}

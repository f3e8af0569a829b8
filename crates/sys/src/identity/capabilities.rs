//! Capabilities of a task.

use rustix::process::Pid;
use std::io;

/// The capabilities that matter here, by their number in `linux/capability.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `CAP_SETUID`
    SetUid = 7,
    /// `CAP_NET_BROADCAST`
    NetBroadcast = 11,
    /// `CAP_NET_ADMIN`
    NetAdmin = 12,
    /// `CAP_SYS_ADMIN`
    SysAdmin = 21,
    /// `CAP_AUDIT_WRITE`
    AuditWrite = 29,
    /// `CAP_AUDIT_CONTROL`
    AuditControl = 30,
    /// `CAP_AUDIT_READ`
    AuditRead = 37,
}

/// A set of capabilities: bit N is capability N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CapabilitySet(pub u64);

impl CapabilitySet {
    /// Whether the set holds the capability.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 >> capability as u32 & 1 == 1
    }
}

/// The two sets of a task that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sets {
    /// What it may do now.
    pub effective: CapabilitySet,
    /// What it can make effective without executing another program or entering another user namespace.
    pub permitted: CapabilitySet,
}

/// The sets of a task, by its thread or process id. They count in the task's own user namespace, which a task may leave
/// for a new one, where it has all capabilities, at any time: ask for the namespace *after* this, so that capabilities
/// in the new one are not taken for some in the old one.
///
/// # Errors
/// `ESRCH` if there is no such task.
pub fn of(pid: u32) -> io::Result<Sets> {
    let pid = super::process::pid(pid)?;
    sets(Some(pid))
}

/// The effective set of the calling thread.
pub fn own() -> io::Result<CapabilitySet> {
    sets(None).map(|sets| sets.effective)
}

fn sets(pid: Option<Pid>) -> io::Result<Sets> {
    let sets = rustix::thread::capabilities(pid)?;
    Ok(Sets {
        effective: CapabilitySet(sets.effective.bits()),
        permitted: CapabilitySet(sets.permitted.bits()),
    })
}

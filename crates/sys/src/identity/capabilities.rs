//! Effective capabilities of a task.

use rustix::process::Pid;
use std::io;

/// The capabilities that matter here, by their number in `linux/capability.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `CAP_SETUID`
    SetUid = 7,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(pub u64);

impl CapabilitySet {
    /// Whether the set holds the capability.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 >> capability as u32 & 1 == 1
    }
}

/// The effective set of a task, by its thread or process id. The set counts in the task's own user namespace: ask for
/// that before trusting it.
///
/// # Errors
/// `ESRCH` if there is no such task.
pub fn effective(pid: u32) -> io::Result<CapabilitySet> {
    let pid = super::process::pid(pid)?;
    sets(Some(pid))
}

/// The effective set of the calling thread.
pub fn own() -> io::Result<CapabilitySet> {
    sets(None)
}

fn sets(pid: Option<Pid>) -> io::Result<CapabilitySet> {
    Ok(CapabilitySet(rustix::thread::capabilities(pid)?.effective.bits()))
}

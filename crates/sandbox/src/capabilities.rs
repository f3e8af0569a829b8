//! Which capabilities stay, and what for.

use crate::{SandboxError, Shortcoming, Tasks};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// A capability that the supervisor keeps.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Which one.
    pub capability: CapabilitySet,
    /// Its name.
    pub name: &'static str,
    /// What fails without it.
    pub reason: &'static str,
    /// Only if records go to the audit of the host's kernel.
    pub only_to_forward: bool,
    /// Permitted, but not effective until a thread makes it so for one step.
    pub for_steps: bool,
}

const fn kept(capability: CapabilitySet, name: &'static str, reason: &'static str) -> Kept {
    Kept { capability, name, reason, only_to_forward: false, for_steps: false }
}

/// All of them.
pub const CAPABILITIES: [Kept; 6] = [
    kept(
        CapabilitySet::SYS_PTRACE,
        "CAP_SYS_PTRACE",
        "reads namespaces, executables, memory and sockets of other users' members",
    ),
    kept(
        CapabilitySet::SYS_ADMIN,
        "CAP_SYS_ADMIN",
        "makes sockets in an empty network namespace, names a dead process as sender, mounts and unmounts the tree of limits",
    ),
    kept(
        CapabilitySet::DAC_READ_SEARCH,
        "CAP_DAC_READ_SEARCH",
        "looks up paths of rules in members' private folders, and reads executables that only their owner may read",
    ),
    Kept {
        for_steps: true,
        ..kept(
            CapabilitySet::DAC_OVERRIDE,
            "CAP_DAC_OVERRIDE",
            "opens the memory of other users' members to write answers of system calls there",
        )
    },
    kept(
        CapabilitySet::NET_ADMIN,
        "CAP_NET_ADMIN",
        "gives the socket of an audit daemon a queue longer than net.core.wmem_max",
    ),
    Kept {
        only_to_forward: true,
        ..kept(
            CapabilitySet::AUDIT_WRITE,
            "CAP_AUDIT_WRITE",
            "sends copies of records to the kernel (forward = \"kernel\")",
        )
    },
];

fn needed(tasks: Tasks) -> impl Iterator<Item = &'static Kept> {
    CAPABILITIES.iter().filter(move |kept| tasks.forwards || !kept.only_to_forward)
}

/// Leaves this thread no others. Returns what could not be done.
pub(crate) fn reduce(tasks: Tasks) -> Result<Vec<Shortcoming>, SandboxError> {
    let before = own()?;
    let mut shortcomings = Vec::new();
    if !clear_bounding_set(CapabilitySet::empty())? {
        shortcomings.push(Shortcoming::BoundingSet);
    }
    clear_ambient_capability_set().map_err(|errno| SandboxError::Ambient(errno.into()))?;
    let missing: Vec<_> = needed(tasks)
        .filter(|kept| !before.permitted.contains(kept.capability))
        .map(|kept| kept.name)
        .collect();
    if !missing.is_empty() {
        shortcomings.push(Shortcoming::Missing(missing));
    }
    let wanted = needed(tasks).fold(CapabilitySet::empty(), |sum, kept| sum | kept.capability);
    let left = wanted & before.permitted;
    let for_steps = CAPABILITIES.iter().filter(|kept| kept.for_steps);
    let effective = for_steps.fold(left, |sum, kept| sum - kept.capability);
    let sets = CapabilitySets { effective, permitted: left, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(|errno| SandboxError::Reduce(errno.into()))?;
    Ok(shortcomings)
}

/// Those of this thread.
pub(crate) fn own() -> Result<CapabilitySets, SandboxError> {
    capabilities(None).map_err(|errno| SandboxError::Read(errno.into()))
}

/// Leaves those in it that are in the other one. Returns whether the kernel allowed it.
pub(crate) fn clear_bounding_set(but: CapabilitySet) -> Result<bool, SandboxError> {
    for number in (0..u64::BITS).filter(|number| but.bits() & 1 << number == 0) {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // This kernel has no more.
            Err(Errno::INVAL) => break,
            Err(Errno::PERM) => return Ok(false),
            Err(errno) => return Err(SandboxError::Bounding { number, error: errno.into() }),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_is_named_once_and_has_a_reason() {
        let all = CAPABILITIES.iter().fold(CapabilitySet::empty(), |sum, kept| sum | kept.capability);
        assert_eq!(all.bits().count_ones() as usize, CAPABILITIES.len());
        assert!(CAPABILITIES.iter().all(|kept| kept.name.starts_with("CAP_") && kept.reason.len() > 20));
    }

    #[test]
    fn only_who_forwards_may_write_audit_records() {
        let names = |forwards| needed(Tasks { forwards }).map(|kept| kept.name).collect::<Vec<_>>();
        assert!(!names(false).contains(&"CAP_AUDIT_WRITE"));
        assert!(names(true).contains(&"CAP_AUDIT_WRITE"));
    }

    #[test]
    fn the_document_names_every_capability() {
        let document = include_str!("../../../docs/security.md");
        for kept in CAPABILITIES {
            assert!(document.contains(kept.name), "{}", kept.name);
        }
    }
}

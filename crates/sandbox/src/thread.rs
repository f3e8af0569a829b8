//! Threads that need neither files nor other processes.

use crate::SandboxError;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
    RulesetStatus, Scope,
};

/// The newest kernel interface that this was written against; older ones enforce what they have.
const NEWEST: ABI = ABI::V7;

/// Takes from the calling thread, and those that it will start, by Landlock: every file, every TCP port, abstract sockets and
/// signals to others, and all access to other processes' insides. Descriptors that are open work on. Returns whether the
/// kernel has Landlock.
///
/// # Errors
/// [`SandboxError::Landlock`].
pub fn confine_thread() -> Result<bool, SandboxError> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(RulesetCreated::restrict_self)
        .map_err(SandboxError::Landlock)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Whether the kernel has it, found out in a thread that ends.
pub(crate) fn is_landlock_available() -> bool {
    std::thread::spawn(confine_thread).join().is_ok_and(|result| result.is_ok_and(|enforced| enforced))
}

//! Which system calls stay.
//!
//! There are three filters, because a filter has two outcomes. What is on the list is allowed. What no honest supervisor ever
//! calls (a program executed, a process traced, code loaded into the kernel) ends the process: whoever calls it is somebody
//! else, and the keeper starts an honest one. Everything else gets `EPERM`: a call that a new C library makes in passing must
//! not end every supervisor that starts. `clone3` gets `ENOSYS`, because its flags lie in memory where no filter sees them;
//! C libraries go back to `clone`.

mod allowed;
mod argument;
mod hostile;

use crate::{SandboxError, Tasks};
use argument::Rules;
pub(crate) use argument::{Alternative, is, one_of, without};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

const NOT_PERMITTED: u32 = libc::EPERM.cast_unsigned();
const UNKNOWN: u32 = libc::ENOSYS.cast_unsigned();

/// To be called by the only thread.
pub(crate) fn enter(tasks: Tasks) -> Result<(), SandboxError> {
    let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(NOT_PERMITTED));
    let ends = SeccompAction::KillProcess;
    // The first one has to allow the others to be added.
    let list = assemble("allowed calls", allowed::rules(tasks), refuse, allow.clone())?;
    let unseen = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let unseen = assemble("clone3", unseen, allow.clone(), SeccompAction::Errno(UNKNOWN))?;
    let hostile = assemble("hostile calls", hostile::rules(), allow, ends)?;
    for (what, program) in [("allowed calls", list), ("clone3", unseen), ("hostile calls", hostile)] {
        install(what, &program)?;
    }
    Ok(())
}

/// For all threads there are.
pub(crate) fn seal() -> Result<(), SandboxError> {
    let what = "calls of the start";
    let program =
        assemble(what, hostile::rules_when_sealed(), SeccompAction::Allow, SeccompAction::KillProcess)?;
    install(what, &program)
}

/// Only these calls; any other one ends the process.
pub(crate) fn allow_only(what: &'static str, rules: Rules) -> Result<(), SandboxError> {
    install(what, &assemble(what, rules, SeccompAction::KillProcess, SeccompAction::Allow)?)
}

fn assemble(
    what: &'static str,
    rules: Rules,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, SandboxError> {
    let architecture = std::env::consts::ARCH;
    let target = TargetArch::try_from(architecture).map_err(|_| SandboxError::Architecture(architecture))?;
    let filter =
        argument::compile(rules).and_then(|rules| SeccompFilter::new(rules, otherwise, on_match, target));
    filter.and_then(TryInto::try_into).map_err(|error| SandboxError::Assemble { what, error })
}

fn install(what: &'static str, program: &BpfProgram) -> Result<(), SandboxError> {
    seccompiler::apply_filter_all_threads(program).map_err(|error| SandboxError::Filter { what, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_allowed_and_hostile() {
        for forwards in [false, true] {
            let allowed = allowed::rules(Tasks { forwards });
            let both: Vec<_> =
                hostile::rules().into_keys().filter(|call| allowed.contains_key(call)).collect();
            assert_eq!(both, [0_i64; 0]);
            for sealed in hostile::rules_when_sealed().keys() {
                assert!(allowed.contains_key(sealed), "call {sealed} is refused before");
            }
        }
    }

    #[test]
    fn filters_are_assembled_and_short_enough_for_the_kernel() {
        // BPF_MAXINSNS.
        let most = 4096;
        let rules = allowed::rules(Tasks { forwards: true });
        let program = assemble("test", rules, SeccompAction::Trap, SeccompAction::Allow).unwrap();
        assert!(program.len() < most, "{}", program.len());
    }
}

//! A filter that allows the calls of a list, as data and as a program.

use super::program::{
    Action, AssembleError, Instruction, LOAD, NUMBER_OFFSET, Program, assemble_blocks, either, plain,
};
use crate::arch::{Architecture, X32_BIT};
use std::collections::BTreeSet;

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// The calls of one architecture: those in `allowed` are, others fail with `EPERM` where they are in `known`, else with
/// `ENOSYS`, so that a program falls back to what it knows of older kernels. Calls of x32 fail with `ENOSYS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    /// Whose numbers these are.
    pub architecture: Architecture,
    /// Numbers of calls that are allowed.
    pub allowed: BTreeSet<u32>,
    /// Numbers of calls that are known.
    pub known: BTreeSet<u32>,
}

impl AllowList {
    fn action(&self, number: u32) -> Action {
        match (self.allowed.contains(&number), self.known.contains(&number)) {
            (true, _) => Action::Allow,
            (false, true) => Action::Errno(EPERM),
            (false, false) => Action::Errno(ENOSYS),
        }
    }

    /// Where another action begins, from number 0 on, and which.
    fn ranges(&self) -> Vec<(u32, Action)> {
        let ends =
            |set: &BTreeSet<u32>| set.iter().flat_map(|number| [*number, number + 1]).collect::<Vec<_>>();
        let mut starts: BTreeSet<u32> = [0, X32_BIT].into();
        starts.extend(ends(&self.allowed));
        starts.extend(ends(&self.known));
        let mut ranges = Vec::<(u32, Action)>::new();
        for start in starts {
            let action = if start >= X32_BIT { Action::Errno(ENOSYS) } else { self.action(start) };
            if ranges.last().is_none_or(|(_, last)| *last != action) {
                ranges.push((start, action));
            }
        }
        ranges
    }
}

/// Translates lists into a program with the same meaning. Calls of architectures without a list are allowed.
///
/// # Errors
/// [`AssembleError::ProgramTooLong`] with lists that alternate more than any kernel has calls.
pub fn assemble_allow_lists(lists: &[AllowList]) -> Result<Program, AssembleError> {
    assemble_blocks(lists.iter().map(|list| {
        let mut code = vec![plain(LOAD, NUMBER_OFFSET)];
        code.extend(search(&list.ranges()));
        (list.architecture, code)
    }))
}

/// Code that finds the range of the number in the accumulator, by halving.
fn search(ranges: &[(u32, Action)]) -> Vec<Instruction> {
    let (below, above) = ranges.split_at(ranges.len() / 2);
    match above.first() {
        None => Vec::new(),
        Some((_, action)) if below.is_empty() => vec![Instruction::answer(*action)],
        Some((start, _)) => either(*start, search(below), search(above)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::SeccompData;

    fn list(architecture: Architecture, allowed: &[u32], known: &[u32]) -> AllowList {
        let set = |numbers: &[u32]| numbers.iter().copied().collect();
        AllowList { architecture, allowed: set(allowed), known: set(known) }
    }

    #[test]
    fn every_number_is_answered_as_the_list_says() {
        for (allowed, known) in [
            (&[][..], &[][..]),
            (&[0], &[]),
            (&[], &[0, 1]),
            (&[1, 2, 3, 7, 400], &[0, 1, 2, 3, 5, 7, 400, 401]),
            (&[0, 2, 4, 6, 8, 10, 12, 14], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]),
        ] {
            let lists = [list(Architecture::X86_64, allowed, known), list(Architecture::I386, &[9], &[9])];
            let program = assemble_allow_lists(&lists).unwrap();
            for number in (0..450).chain([u32::MAX, X32_BIT, X32_BIT + 1]) {
                let architecture = Architecture::X86_64.audit_value();
                let data = SeccompData { number, architecture, ..SeccompData::default() };
                let wanted = match number {
                    X32_BIT.. => Action::Errno(ENOSYS),
                    _ => lists[0].action(number),
                };
                assert_eq!(program.evaluate(&data), wanted, "{number} of {allowed:?} {known:?}");
                let data = SeccompData { architecture: Architecture::I386.audit_value(), ..data };
                let wanted = if number == 9 { Action::Allow } else { Action::Errno(ENOSYS) };
                assert_eq!(program.evaluate(&data), wanted, "{number}");
                let data = SeccompData { architecture: Architecture::Arm.audit_value(), ..data };
                assert_eq!(program.evaluate(&data), Action::Allow, "no list");
            }
        }
    }

    #[test]
    fn lists_that_alternate_without_end_do_not_become_a_program() {
        let numbers: Vec<u32> = (0..2000).map(|number| 2 * number).collect();
        let program = assemble_allow_lists(&[list(Architecture::X86_64, &numbers, &[])]);
        assert!(matches!(program, Err(AssembleError::ProgramTooLong(_))), "{program:?}");
    }
}

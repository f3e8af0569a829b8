//! From rules to classic BPF, and an interpreter for it.
//!
//! The kernel answers a call from a bitmap, without running the filter, if it can show that the verdict depends on
//! number and architecture alone (kernel: `seccomp_is_const_allow`). Its proof understands loads of the two, `AND`,
//! comparisons and returns only, so the program is built from just these.

use super::{Rule, SeccompData, Test, Verdict};
use crate::arch::{Architecture, X32_BIT};
use std::collections::BTreeMap;

/// Offset of `nr` in `struct seccomp_data`.
pub(super) const NUMBER_OFFSET: u32 = 0;
/// Offset of `arch`.
const ARCHITECTURE_OFFSET: u32 = 4;
/// Offset of the low half of the first argument; eight bytes an argument.
const ARGUMENTS_OFFSET: u32 = if cfg!(target_endian = "big") { 20 } else { 16 };
/// The kernel takes no program longer than this (`BPF_MAXINSNS`).
const LONGEST_PROGRAM: usize = 4096;

pub(super) const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const JUMP_IF_NOT_LESS: u16 = 0x35;
pub(super) const RETURN: u16 = 0x06;

const RET_ERRNO: u32 = 0x0005_0000;
const RET_NOTIFY: u32 = 0x7fc0_0000;
const RET_ALLOW: u32 = 0x7fff_0000;
const RET_ACTION_MASK: u32 = 0xffff_0000;

/// What a program answers to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The kernel runs the call.
    Allow,
    /// The supervisor is asked.
    Notify,
    /// The call fails with this error number.
    Errno(u16),
}

impl From<Verdict> for Action {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Notify => Self::Notify,
            Verdict::Errno(number) => Self::Errno(number),
        }
    }
}

/// Why a list of rules cannot become a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// The program would be longer than the kernel accepts.
    #[error("the filter would have {0} instructions and the kernel takes 4096; use fewer rules")]
    ProgramTooLong(usize),
    /// One rule compares with so many values that a conditional jump (8 bits) cannot leap over it.
    #[error("the filter rule for system call {syscall} tests too many values; split it")]
    RuleTooLong {
        /// The number of the call.
        syscall: u32,
    },
    /// A condition names an argument that no system call has.
    #[error("the filter rule for system call {syscall} tests argument {argument}; arguments are 0 to 5")]
    NoSuchArgument {
        /// The number of the call.
        syscall: u32,
        /// The argument that it names.
        argument: u8,
    },
}

/// An assembled filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

/// One instruction, laid out as the kernel reads it (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

/// Translates rules into a program with the same meaning: first match decides, an unknown architecture and a call
/// without a match are allowed, the x32 bit is ignored.
///
/// # Errors
/// See [`AssembleError`]; the lists of [`super::rules`] always assemble.
pub fn assemble(rules: &[Rule]) -> Result<Program, AssembleError> {
    let mut blocks = Vec::new();
    for architecture in [Architecture::X86_64, Architecture::I386, Architecture::Aarch64, Architecture::Arm] {
        let own: Vec<&Rule> = rules.iter().filter(|rule| rule.architecture == architecture).collect();
        if !own.is_empty() {
            blocks.push((architecture, architecture_block(architecture, &own)?));
        }
    }
    assemble_blocks(blocks)
}

/// A program of a block for each architecture, every way through which ends in a return. Others are allowed.
pub(super) fn assemble_blocks(
    blocks: impl IntoIterator<Item = (Architecture, Vec<Instruction>)>,
) -> Result<Program, AssembleError> {
    let mut code = Vec::new();
    for (architecture, block) in blocks {
        code.push(plain(LOAD, ARCHITECTURE_OFFSET));
        skip_unless_equal(&mut code, architecture.audit_value(), block);
    }
    code.push(plain(RETURN, RET_ALLOW));
    if code.len() > LONGEST_PROGRAM {
        return Err(AssembleError::ProgramTooLong(code.len()));
    }
    Ok(Program(code))
}

/// Code for the calls of one architecture; every way through it ends in a return.
fn architecture_block(
    architecture: Architecture,
    rules: &[&Rule],
) -> Result<Vec<Instruction>, AssembleError> {
    let mut code = vec![plain(LOAD, NUMBER_OFFSET)];
    if architecture == Architecture::X86_64 {
        code.push(plain(AND, !X32_BIT));
    }
    let mut bodies = BTreeMap::<u32, Vec<Instruction>>::new();
    for rule in rules {
        bodies.entry(rule.syscall).or_default().extend(rule_body(rule)?);
    }
    let bodies: Vec<(u32, Vec<Instruction>)> = bodies.into_iter().collect();
    code.extend(choice(&bodies));
    Ok(code)
}

/// Code that runs the body of the number in the accumulator, or allows a call that has none. It halves, because the kernel goes
/// the way of every number that there is when the filter is installed (`seccomp_cache_prepare`).
fn choice(bodies: &[(u32, Vec<Instruction>)]) -> Vec<Instruction> {
    let allow = plain(RETURN, RET_ALLOW);
    if let [] | [_] = bodies {
        let mut code = Vec::new();
        for (number, body) in bodies {
            skip_unless_equal(&mut code, *number, [&body[..], &[allow]].concat());
        }
        code.push(allow);
        return code;
    }
    let (below, above) = bodies.split_at(bodies.len() / 2);
    match above.first() {
        None => choice(below),
        Some((first, _)) => either(*first, choice(below), choice(above)),
    }
}

/// Code that runs `above` if the number in the accumulator is at least `first`, else `below`, every way through which ends in a
/// return.
pub(super) fn either(first: u32, below: Vec<Instruction>, above: Vec<Instruction>) -> Vec<Instruction> {
    let mut code = match u8::try_from(below.len()) {
        Ok(leap) => vec![Instruction::conditional(JUMP_IF_NOT_LESS, first, leap, 0)],
        // A body of more than 2^32 instructions does not fit into memory; the length check refuses it anyway.
        Err(_) => vec![
            Instruction::conditional(JUMP_IF_NOT_LESS, first, 0, 1),
            plain(JUMP, u32::try_from(below.len()).unwrap_or(u32::MAX)),
        ],
    };
    code.extend(below);
    code.extend(above);
    code
}

/// Code for one rule: returns its verdict, or falls through to whatever follows it.
fn rule_body(rule: &Rule) -> Result<Vec<Instruction>, AssembleError> {
    let too_long = || AssembleError::RuleTooLong { syscall: rule.syscall };
    let verdict = match rule.verdict {
        Verdict::Notify => RET_NOTIFY,
        Verdict::Errno(number) => RET_ERRNO | u32::from(number),
    };
    // Built from the end, so that each jump knows the length of what it leaps over.
    let mut reversed = vec![plain(RETURN, verdict)];
    for condition in rule.conditions.iter().rev() {
        if condition.argument > 5 {
            let argument = condition.argument;
            return Err(AssembleError::NoSuchArgument { syscall: rule.syscall, argument });
        }
        let past_rule = u8::try_from(reversed.len()).map_err(|_| too_long())?;
        match &condition.test {
            Test::AnyOf(values) => {
                if values.is_empty() {
                    reversed.push(plain(JUMP, u32::from(past_rule)));
                }
                for (position, value) in values.iter().rev().enumerate() {
                    let if_true = u8::try_from(position).map_err(|_| too_long())?;
                    let if_false = if position == 0 { past_rule } else { 0 };
                    reversed.push(Instruction { code: JUMP_IF_EQUAL, if_true, if_false, value: *value });
                }
            }
            Test::Bits { mask, value } => {
                reversed.push(Instruction {
                    code: JUMP_IF_EQUAL,
                    if_true: 0,
                    if_false: past_rule,
                    value: *value,
                });
                reversed.push(plain(AND, *mask));
            }
            Test::Within(range) => {
                let (first, last) = (*range.start(), *range.end());
                reversed.push(Instruction {
                    code: JUMP_IF_GREATER,
                    if_true: past_rule,
                    if_false: 0,
                    value: last,
                });
                let past_both = past_rule.checked_add(1).ok_or_else(too_long)?;
                reversed.push(Instruction {
                    code: JUMP_IF_NOT_LESS,
                    if_true: 0,
                    if_false: past_both,
                    value: first,
                });
            }
        }
        reversed.push(plain(LOAD, ARGUMENTS_OFFSET + 8 * u32::from(condition.argument)));
    }
    reversed.reverse();
    Ok(reversed)
}

/// Appends `body` so that it runs only if the accumulator equals `value`.
fn skip_unless_equal(code: &mut Vec<Instruction>, value: u32, body: Vec<Instruction>) {
    if let Ok(length) = u8::try_from(body.len()) {
        code.push(Instruction { code: JUMP_IF_EQUAL, if_true: 0, if_false: length, value });
    } else {
        code.push(Instruction { code: JUMP_IF_EQUAL, if_true: 1, if_false: 0, value });
        // A body of more than 2^32 instructions does not fit into memory; the length check refuses it anyway.
        code.push(plain(JUMP, u32::try_from(body.len()).unwrap_or(u32::MAX)));
    }
    code.extend(body);
}

pub(super) const fn plain(code: u16, value: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, value }
}

impl Instruction {
    /// A jump over so many instructions.
    const fn conditional(code: u16, value: u32, if_true: u8, if_false: u8) -> Instruction {
        Instruction { code, if_true, if_false, value }
    }

    /// Ends the program.
    pub(super) fn answer(action: Action) -> Instruction {
        plain(
            RETURN,
            match action {
                Action::Allow => RET_ALLOW,
                Action::Notify => RET_NOTIFY,
                Action::Errno(number) => RET_ERRNO | u32::from(number),
            },
        )
    }
}

impl Program {
    /// Number of instructions, 1 to 4096.
    #[expect(clippy::len_without_is_empty, reason = "a program always has at least one instruction")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.0
    }

    /// Runs the program over a call, as the kernel would. Jumps go forward only, so it always ends.
    pub fn evaluate(&self, data: &SeccompData) -> Action {
        self.run(data).0
    }

    /// As [`Program::evaluate`], and how many instructions that took.
    pub(super) fn run(&self, data: &SeccompData) -> (Action, usize) {
        let mut accumulator = 0;
        let mut position = 0;
        let mut steps = 0;
        while let Some(instruction) = self.0.get(position) {
            position += 1;
            steps += 1;
            match instruction.code {
                LOAD => accumulator = load(data, instruction.value),
                AND => accumulator &= instruction.value,
                JUMP => position += instruction.value as usize,
                JUMP_IF_EQUAL | JUMP_IF_GREATER | JUMP_IF_NOT_LESS => {
                    let holds = match instruction.code {
                        JUMP_IF_EQUAL => accumulator == instruction.value,
                        JUMP_IF_GREATER => accumulator > instruction.value,
                        _ => accumulator >= instruction.value,
                    };
                    position += usize::from(if holds { instruction.if_true } else { instruction.if_false });
                }
                _ => return (action_of(instruction.value), steps),
            }
        }
        (Action::Allow, steps)
    }
}

/// The 32-bit word at `offset` of `struct seccomp_data`.
fn load(data: &SeccompData, offset: u32) -> u32 {
    match offset {
        NUMBER_OFFSET => data.number,
        ARCHITECTURE_OFFSET => data.architecture,
        _ => data.low((offset.saturating_sub(16) / 8) as usize),
    }
}

fn action_of(value: u32) -> Action {
    match value & RET_ACTION_MASK {
        RET_NOTIFY => Action::Notify,
        #[expect(clippy::cast_possible_truncation, reason = "the error number is the low half of the word")]
        RET_ERRNO => Action::Errno(value as u16),
        _ => Action::Allow,
    }
}

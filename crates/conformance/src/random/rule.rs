//! Rules, most of which a kernel takes.

use super::rng::Rng;
use crate::rules::{self, Rule};

/// Every list, the common ones more often, and what is none.
const LISTS: [u32; 15] = [
    rules::USER,
    rules::USER,
    rules::USER,
    rules::TASK,
    2,
    3,
    rules::EXIT,
    rules::EXIT,
    rules::EXCLUDE,
    rules::EXCLUDE,
    rules::FS,
    rules::IO_URING,
    8,
    rules::EXIT | rules::PREPEND,
    rules::USER | rules::PREPEND,
];
const OPERATORS: [u32; 12] = [
    rules::EQUAL,
    rules::EQUAL,
    rules::EQUAL,
    0x3000_0000,
    rules::GREATER,
    0x1000_0000,
    0x5000_0000,
    0x6000_0000,
    0x0800_0000,
    0x4800_0000,
    0,
    0x7800_0000,
];
const PATHS: [&[u8]; 8] =
    [b"/tmp/nx_random", b"rel", b"/nx/x", b"/tmp/", b"/opt", b"/bin/true", b"", b"/tmp/nx\0random"];
/// A user id that nobody here has.
const NOBODY: u32 = 54321;

/// The payload of a request to add or delete a rule.
///
/// No rule makes the kernel record system calls of this machine: where one could, its mask is empty or its user is nobody.
pub(super) fn rule(rng: &mut Rng, pids: &[u32]) -> Vec<u8> {
    let list = rng.pick(&LISTS);
    let action = rng.pick(&[rules::NEVER, rules::ALWAYS, rules::ALWAYS, rules::ALWAYS, 1, 3]);
    let mut rule = Rule::new(list, action);
    if list == rules::TASK && action == rules::ALWAYS {
        rule = rule.field(rules::UID, NOBODY);
    }
    for _ in 0..rng.below(4) {
        rule = field(rng, rule, pids);
    }
    let is_silent = action == rules::NEVER || list == rules::USER || list == rules::EXCLUDE;
    if is_silent && rng.chance(20) {
        // Single calls, and the classes at the end of the mask.
        for _ in 0..rng.below(4) {
            let call = rng.below(450);
            let class = 2047 - rng.below(20);
            rule = rule.syscall(u32::try_from(rng.pick(&[call, class])).unwrap_or(0));
        }
    }
    if is_silent && rng.chance(5) {
        rule = rule.all_syscalls();
    }
    if rng.chance(5) {
        // The first field is always among them: it may be what makes the rule harmless.
        rule = rule.claim_fields(rng.pick(&[1, 2, 63, 64, 65, 0x8000_0000]));
    }
    if rng.chance(5) {
        rule = rule.buffer(b"rest");
    }
    let mut out = rule.bytes();
    if rng.chance(5) {
        out.truncate(rng.pick(&[0, 4, 1035, 1036, 1039, 1040]));
    }
    out
}

fn field(rng: &mut Rng, rule: Rule, pids: &[u32]) -> Rule {
    let op = rng.pick(&OPERATORS);
    match rng.below(14) {
        0 => rule.field(rules::PID, rng.pick(pids)),
        1 => rule.compare(rules::UID, op, rng.pick(&[NOBODY, 54322, u32::MAX, 0])),
        2 => rule.compare(rules::MSGTYPE, op, rng.pick(&[1105, 1112, 2998, 60000, 1305])),
        3 => rule.compare(rules::LOGINUID, op, rng.pick(&[NOBODY, u32::MAX])),
        4 => rule.string(rules::KEY, rng.pick(&[b"k1".as_slice(), b"k 2", b"", &[b'k'; 256], &[b'k'; 257]])),
        5 => rule.string(rules::WATCH, rng.pick(&PATHS)),
        6 => rule.string(rules::DIR, rng.pick(&PATHS)),
        7 => rule.string(rules::EXE, rng.pick(&PATHS)),
        8 => rule.field(rules::PERM, rng.pick(&[0, 1, 2, 15, 16])),
        9 => rule.compare(rng.pick(&[99, 26, 11, 103, 24]), op, rng.pick(&[0, 1, 2])),
        10 => rule.compare(rules::LOGINUID_SET, op, rng.pick(&[0, 1, 2])),
        // A field by its number alone, comparisons of two fields among them.
        11 => rule.compare(
            rng.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 25, 27, 100, 101, 102, 104, 108, 109, 110, 113]),
            op,
            rng.pick(&[0, 1, 2, 10, u32::MAX]),
        ),
        12 => rule.compare(111, op, u32::try_from(rng.below(30)).unwrap_or(0)),
        _ => rule.compare(u32::try_from(rng.below(256)).unwrap_or(0), op, u32::from(rng.byte())),
    }
}

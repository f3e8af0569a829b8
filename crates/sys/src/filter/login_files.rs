//! Stopping those who open the files of login user id and session.
//!
//! What sets or asks for a login user id opens `/proc/self/loginuid` with `O_NOFOLLOW` (libaudit, `pam_loginuid`), which few
//! others do. Paths stand in memory, so nothing but the flags is looked at here.

use super::{Condition, Rule, Test, Verdict};
use crate::arch::{Calls, OpenCalls, TABLE};

/// `O_ACCMODE`, `O_TRUNC` and `O_CLOEXEC`, which are the same on every architecture of [`crate::arch`].
const ALSO_ALLOWED: u32 = 0o3 | 0o1000 | 0o2_000_000;

/// The rules by which calls are stopped that open a file with `O_NOFOLLOW` and no other flags than the access mode,
/// `O_TRUNC`, `O_CLOEXEC` and `O_LARGEFILE`. They come after those of [`super::rules`], in filters of those whose login user
/// id may be the namespace's own.
pub fn login_file_rules() -> Vec<Rule> {
    TABLE.iter().flat_map(rules_of).collect()
}

fn rules_of(calls: &Calls) -> Vec<Rule> {
    let OpenCalls { open, openat, no_follow, large_file } = calls.open;
    let rule = |syscall, argument| Rule {
        architecture: calls.architecture,
        syscall,
        conditions: vec![Condition {
            argument,
            test: Test::Bits { mask: !(ALSO_ALLOWED | large_file), value: no_follow },
        }],
        verdict: Verdict::Notify,
        comment: "the path may be that of the login user id, which is the namespace's own",
    };
    open.map(|open| rule(open, 1)).into_iter().chain([rule(openat, 2)]).collect()
}

//! An event of the kernel's own with several records.

use super::{Case, case, listeners};
use crate::actor::Order;
use crate::messages::{ADD_RULE, DEL_RULE};
use crate::rules::{ALWAYS, ARCH, EXIT, KEY, PID, Rule};
use crate::stage::{Receive, Stage, Who};

#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(not(target_arch = "x86_64"))]
const AUDIT_ARCH: u32 = 0xc000_00b7;

fn event(s: &mut Stage) {
    let (d, m) = listeners(s);
    let a = s.sender("a");
    let acct = u32::try_from(libc::SYS_acct).unwrap_or(0);
    let rule = Rule::new(EXIT, ALWAYS)
        .syscall(acct)
        .field(ARCH, AUDIT_ARCH)
        .field(PID, s.pid(a))
        .string(KEY, b"k ey")
        .bytes();
    s.ask(a, ADD_RULE, &rule, "watch one call");
    s.perform(a, "acct", "the call", &Order::Acct);
    all(s, d, m);
    s.ask(a, DEL_RULE, &rule, "");
    all(s, d, m);
    s.unregister(d);
}

/// Several records of one event come close together.
fn all(s: &mut Stage, d: Who, m: Who) {
    for who in [d, m] {
        s.recv_with(who, "s", &Receive { settle: Some(60), ..Receive::default() });
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![case("eoe", "the records of a system call that a rule watches", true, event)]
}

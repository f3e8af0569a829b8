//! The rate limit.

use super::{Case, case, register};
use crate::messages::{ACK, REQUEST, Status, mask};
use crate::stage::{Receive, Stage};

/// Longer than the second after which the kernel starts counting again.
const WINDOW: u64 = 1100;

fn rate(s: &mut Stage) {
    let of = |rate| Status { rate, ..Status::of(mask::RATE) };
    let failure = |failure| Status { failure, ..Status::of(mask::FAILURE) };
    let d = s.sender("auditd");
    register(s, d);
    let a = s.sender("a");
    s.ask_set(a, &of(10), "10 a second");
    s.recv(d, "s", "");
    s.pause(WINDOW);
    s.flood(a, "s", "r1 #", 40, REQUEST | ACK);
    s.recv_with(a, "s", &Receive { settle: Some(100), ..Receive::default() });
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    s.pause(WINDOW);
    s.flood(a, "s", "r2 #", 40, REQUEST);
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    s.ask_set(a, &failure(0), "failure 0");
    s.pause(WINDOW);
    s.flood(a, "s", "r3 #", 20, REQUEST);
    s.rough_status(a, "");
    s.ask_set(a, &of(1), "1 a second");
    s.pause(WINDOW);
    s.rough_recv(d, "s", "");
    s.flood(a, "s", "r4 #", 5, REQUEST);
    s.rough_recv(d, "s", "");
    s.ask_set(a, &of(0), "no limit");
    s.ask_set(a, &failure(1), "failure 1");
    s.unregister(d);
}

pub(super) fn cases() -> Vec<Case> {
    vec![case("rate", "how many records a second pass, and what is counted lost", true, rate)]
}

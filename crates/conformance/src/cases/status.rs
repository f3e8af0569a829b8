//! GET and SET of the status.

use super::{Case, both, case, register};
use crate::messages::{ACK, DUMP, GET, Message, REQUEST, SET, Status, mask, request};
use crate::stage::{Stage, message};

fn layout(s: &mut Stage) {
    let a = s.sender("a");
    for (flags, seq, note) in [
        (REQUEST | ACK, 0x1122_3344, "with an ack"),
        (REQUEST, 7, "without an ack"),
        (0, 8, "without any flag"),
        (ACK, 9, "an ack but no request flag"),
        (REQUEST | DUMP, 10, "as a dump"),
        (0xffff, 11, "every flag"),
    ] {
        s.ask_bytes(a, message(GET, b"", flags, seq), note);
    }
    s.ask_bytes(a, Message { seq: 12, pid: 4242, ..Message::default() }.bytes(), "a foreign nlmsg_pid");
    let b = s.actor("b");
    s.socket(b, "s", libc::SOCK_DGRAM);
    s.ask_bytes(b, request(GET, b"", 13), "over a datagram socket");
}

fn masks(s: &mut Stage) {
    let a = s.sender("a");
    let unchanged = |mask| Status { mask, failure: 1, limit: 64, wait: 15000, ..Status::default() };
    s.ask_bytes(a, request(SET, &Status::of(0).bytes(), 1), "mask 0");
    for bit in (0..32).filter(|b| 1_u32 << b != mask::PID) {
        let status = unchanged(1 << bit);
        s.ask_bytes(a, request(SET, &status.bytes(), 100 + bit), &format!("mask bit {bit}"));
    }
    s.ask_bytes(a, request(SET, &Status::of(0x8000_0001).bytes(), 200), "ENABLED and bit 31");
    s.ask_bytes(a, request(SET, &unchanged(!mask::PID).bytes(), 201), "every bit but PID");
    s.status(a, 202, "");
}

fn changes() -> Vec<(&'static str, Status)> {
    let of = Status::of;
    let enabled = |enabled| Status { enabled, ..of(mask::ENABLED) };
    let failure = |failure| Status { failure, ..of(mask::FAILURE) };
    let rate = |rate| Status { rate, ..of(mask::RATE) };
    let limit = |limit| Status { limit, ..of(mask::LIMIT) };
    let wait = |wait| Status { wait, ..of(mask::WAIT) };
    vec![
        ("enabled stays 1", enabled(1)),
        ("failure 1 to 0", failure(0)),
        ("failure 0 to 1", failure(1)),
        ("rate 0 to 500", rate(500)),
        ("rate 500 to 0", rate(0)),
        ("limit 64 to 128", limit(128)),
        ("limit to the largest", limit(u32::MAX)),
        ("limit to 64", limit(64)),
        ("wait to 100", wait(100)),
        ("wait to 15000", wait(15000)),
        ("lost reset", of(mask::LOST)),
        ("waited reset", of(mask::WAITED)),
        ("nothing", of(0)),
        ("an unknown bit", of(0x100)),
        ("both resets at once", of(mask::LOST | mask::WAITED)),
        ("a reset beside a setting", Status { enabled: 1, ..of(mask::LOST | mask::ENABLED) }),
        ("two settings", Status { limit: 64, ..of(mask::RATE | mask::LIMIT) }),
        ("enabled 3", enabled(3)),
        ("enabled -1", enabled(u32::MAX)),
        ("failure 3", failure(3)),
        ("failure -1", failure(u32::MAX)),
        ("the longest wait", wait(150_000)),
        ("too long a wait", wait(150_001)),
        ("wait -1", wait(u32::MAX)),
        ("wait back to 15000", wait(15000)),
        ("a good setting before a bad one", Status { enabled: 1, failure: 9, ..of(3) }),
        ("a bad setting before a good one", Status { failure: 9, rate: 77, ..of(0xa) }),
        ("enabled to 0", enabled(0)),
        ("rate 9 while off", rate(9)),
        ("rate 0 while off", rate(0)),
        ("enabled to 1", enabled(1)),
    ]
}

fn recorded(s: &mut Stage) {
    let d = s.sender("auditd");
    let m = s.listener("mcast");
    register(s, d);
    s.recv(m, "s", "");
    let a = s.sender("a");
    for (note, status) in changes() {
        s.ask_set(a, &status, note);
        s.status(a, 2, "");
        both(s, d, m);
    }
    s.set(d, "s", &Status::register(0), 9, "unregister");
    both(s, d, m);
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("get.layout", "the answer to GET, whatever the flags", false, layout),
        case("set.masks", "SET with every mask bit alone", false, masks),
        case("set.masks.enabled", "every setting and the record it leaves", true, recorded),
    ]
}

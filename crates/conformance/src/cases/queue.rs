//! Records on their way: no auditd, a dead one, one that does not read.

use super::{Case, case, register};
use crate::messages::{REQUEST, SET, Status, mask, quiet};
use crate::stage::{Receive, Stage, Who};
use crate::transcript::Noise;

/// An auditd whose buffer takes two or three records.
pub(super) fn slow_auditd(s: &mut Stage) -> Who {
    let d = s.sender("auditd");
    s.set_option(d, "s", libc::SOL_SOCKET, libc::SO_RCVBUF, 2304, "a small buffer");
    d
}

pub(super) fn limits(s: &mut Stage, a: Who, limit: u32, wait: u32) {
    let status = Status { limit, wait, ..Status::of(mask::LIMIT | mask::WAIT) };
    s.ask_set(a, &status, &format!("limit {limit}, wait {wait}"));
}

/// Leaves an auditd whose buffer may still be full.
pub(super) fn leave(s: &mut Stage, d: Who) {
    s.set(d, "s", &Status::register(0), 9999, "unregister");
    s.rough_recv(d, "s", "");
}

fn no_auditd(s: &mut Stage) {
    let a = s.sender("a");
    s.flood(a, "s", "orphan #", 5, REQUEST);
    s.pause(50);
    s.status(a, 1, "");
    let d = s.sender("auditd");
    register(s, d);
    s.unregister(d);
}

fn dies(s: &mut Stage) {
    let a = s.sender("a");
    let d = s.sender("auditd");
    register(s, d);
    s.flood(a, "s", "before #", 3, REQUEST);
    s.pause(50);
    s.die(d);
    s.flood(a, "s", "after #", 3, REQUEST);
    s.pause(50);
    s.status(a, 1, "");
    let e = s.sender("auditd2");
    register(s, e);
    s.unregister(e);
}

fn backlog(s: &mut Stage) {
    let d = slow_auditd(s);
    register(s, d);
    let a = s.sender("a");
    limits(s, a, 4, 50);
    s.flood(a, "s", "bl #", 24, REQUEST);
    s.rough_status(a, "");
    s.pause(1000);
    s.rough_status(a, "a second later");
    s.rough_recv(d, "s", "now it reads");
    s.rough_status(a, "");
    s.flood(a, "s", "again #", 3, REQUEST);
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    s.send(a, "s", quiet(SET, &Status::of(mask::LOST).bytes(), 1), "lost reset without an ack");
    s.recv_with(a, "s", &Receive { noise: Noise::Counts, ..Receive::default() });
    s.send(a, "s", quiet(SET, &Status::of(mask::LOST).bytes(), 1), "lost reset again");
    s.recv(a, "s", "");
    s.rough_recv(d, "s", "");
    leave(s, d);
}

fn no_wait(s: &mut Stage) {
    let d = slow_auditd(s);
    register(s, d);
    let a = s.sender("a");
    limits(s, a, 4, 0);
    s.flood(a, "s", "bl #", 24, REQUEST);
    // Without waits the senders are done before the worker gives up on the first record.
    s.pause(1200);
    s.rough_status(a, "");
    s.pause(100);
    s.rough_status(a, "a moment later");
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    leave(s, d);
}

fn unlimited(s: &mut Stage) {
    let d = slow_auditd(s);
    register(s, d);
    let a = s.sender("a");
    limits(s, a, 0, 50);
    s.flood(a, "s", "ul #", 40, REQUEST);
    s.rough_status(a, "");
    s.pause(500);
    s.rough_recv(d, "s", "");
    s.flood(a, "s", "kick #", 1, REQUEST);
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    leave(s, d);
}

fn own_messages(s: &mut Stage) {
    let d = slow_auditd(s);
    s.socket(d, "s2", libc::SOCK_RAW);
    register(s, d);
    let a = s.sender("a");
    limits(s, a, 2, 100);
    s.flood(a, "s", "bl #", 12, REQUEST);
    s.flood(d, "s2", "self #", 4, REQUEST);
    s.rough_status(a, "");
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    leave(s, d);
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("queue.noauditd", "records while nobody is registered", true, no_auditd),
        case("queue.auditd_dies", "an auditd dies between records", true, dies),
        case("queue.backlog", "an auditd that does not read: backlog, waits, losses", true, backlog),
        case("queue.backlog.nowait", "the same without a wait", true, no_wait),
        case("queue.backlog.unlimited", "the same without a limit", true, unlimited),
        case("queue.sendfromauditd", "the auditd itself sends while the backlog is full", true, own_messages),
    ]
}

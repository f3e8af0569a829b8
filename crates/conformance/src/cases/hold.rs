//! What a kernel booted with audit=1, and every audit namespace, does besides: records are held for the next auditd.

use super::queue::{leave, limits, slow_auditd};
use super::{Boot, Case, register};
use crate::actor::Order;
use crate::messages::{GET, GET_FEATURE, LIST_RULES, REQUEST, SIGNAL_INFO, Status, TTY_GET, mask, request};
use crate::stage::Stage;

fn clean(s: &mut Stage) {
    let a = s.sender("a");
    for kind in [GET, GET_FEATURE, SIGNAL_INFO, TTY_GET, LIST_RULES] {
        s.ask_bytes(a, request(kind, b"", u32::from(kind)), "");
    }
}

fn basic(s: &mut Stage) {
    let a = s.sender("a");
    s.flood(a, "s", "orphan #", 5, REQUEST);
    s.pause(50);
    s.status(a, 1, "");
    let d = s.sender("auditd");
    register(s, d);
    s.flood(a, "s", "live #", 2, REQUEST);
    s.recv(d, "s", "");
    s.die(d);
    s.flood(a, "s", "held #", 3, REQUEST);
    s.pause(50);
    s.status(a, 1, "");
    let e = s.sender("auditd2");
    register(s, e);
    s.unregister(e);
}

fn overflow(s: &mut Stage) {
    let a = s.sender("a");
    s.ask_set(a, &Status { limit: 5, ..Status::of(mask::LIMIT) }, "limit 5");
    s.flood(a, "s", "h #", 20, REQUEST);
    s.pause(300);
    s.status(a, 1, "");
    let d = s.sender("auditd");
    register(s, d);
    s.unregister(d);
}

fn unregistered(s: &mut Stage) {
    let a = s.sender("a");
    let d = s.sender("auditd");
    register(s, d);
    s.unregister(d);
    s.flood(a, "s", "between #", 3, REQUEST);
    s.pause(50);
    register(s, d);
    s.unregister(d);
}

fn stuck(s: &mut Stage) {
    let d = slow_auditd(s);
    register(s, d);
    let a = s.sender("a");
    limits(s, a, 8, 20);
    s.flood(a, "s", "st #", 30, REQUEST);
    s.rough_status(a, "");
    s.pause(1000);
    s.rough_status(a, "a second later");
    s.rough_recv(d, "s", "");
    s.flood(a, "s", "kick #", 1, REQUEST);
    s.rough_recv(d, "s", "");
    s.flood(a, "s", "kick2 #", 1, REQUEST);
    s.rough_recv(d, "s", "");
    s.rough_status(a, "");
    leave(s, d);
}

/// A kernel booted with audit=0: no socket, but login ids.
fn off(s: &mut Stage) {
    let a = s.actor("a");
    for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
        s.socket(a, "s", kind);
    }
    let read = |path: &str| Order::ReadFile { path: path.into() };
    s.perform(a, "read loginuid", "", &read("/proc/self/loginuid"));
    s.perform(a, "read sessionid", "", &read("/proc/self/sessionid"));
    super::loginuid::write(s, a, "1000", "");
    s.perform(a, "read loginuid", "", &read("/proc/self/loginuid"));
}

/// The case that must come before anything changes the state.
pub(super) fn fresh() -> Vec<Case> {
    vec![Case {
        id: "kernel.clean.status",
        about: "what a fresh audit subsystem answers",
        enabled: true,
        boot: Boot::Fresh,
        play: clean,
    }]
}

pub(super) fn cases() -> Vec<Case> {
    let holding = |id, about, play| Case { id, about, enabled: true, boot: Boot::Holding, play };
    vec![
        holding("hold.basic", "records before the first and between two auditds", basic),
        holding("hold.overflow", "more than the hold queue takes", overflow),
        holding("hold.unregister", "records after a proper farewell", unregistered),
        holding("hold.stuck", "an auditd that does not read", stuck),
        Case {
            id: "disabled.boot",
            about: "a kernel booted with audit=0",
            enabled: false,
            boot: Boot::Off,
            play: off,
        },
    ]
}

//! Payloads that are too short, too long or inconsistent.

use super::{Case, case};
use crate::messages::{
    ADD_RULE, DEL_RULE, GET, MAKE_EQUIV, SET, SET_FEATURE, Status, TTY_SET, USER_LOGIN, mask, request, words,
};
use crate::rules::{EXCLUDE, NEVER, Rule};
use crate::stage::Stage;

fn get(s: &mut Stage) {
    let a = s.sender("a");
    for n in [0, 1, 2, 3, 4, 8, 40, 44, 48, 100_u32] {
        s.ask_bytes(a, request(GET, &vec![0xff; n as usize], n + 1), &format!("{n} bytes"));
    }
}

fn set(s: &mut Stage) {
    let a = s.sender("a");
    let cut = |status: Status, n: u32| {
        let mut bytes = status.bytes();
        bytes.resize(n as usize, 0);
        bytes
    };
    for n in [0, 1, 2, 3, 4, 8, 12, 16, 24, 27, 28, 32, 36, 40, 43, 44, 45, 48, 100] {
        let bytes = cut(Status::of(mask::ENABLED), n);
        s.ask_bytes(a, request(SET, &bytes, n + 1), &format!("enabled 0 in {n} bytes"));
    }
    let mut with_state = |status: Status, sizes: &[u32], seq: u32, what: &str| {
        for n in sizes {
            s.ask_bytes(a, request(SET, &cut(status, *n), seq + n), &format!("{what} in {n} bytes"));
            s.status(a, seq + 1000 + n, "the state after it");
        }
    };
    let wait = Status { wait: 1000, ..Status::of(mask::WAIT) };
    with_state(wait, &[4, 8, 24, 26, 27, 28, 32, 36, 39, 40, 44], 1000, "wait 1000");
    let limit = Status { limit: 100, ..Status::of(mask::LIMIT) };
    with_state(limit, &[4, 12, 23, 24, 28], 3000, "limit 100");
}

fn sized(s: &mut Stage, kind: u16, whole: &[u8], sizes: &[usize]) {
    let a = s.sender("a");
    for n in sizes {
        let seq = u32::try_from(*n).unwrap_or(0) + 1;
        s.ask_bytes(a, request(kind, &whole[..*n], seq), &format!("{n} bytes"));
    }
}

fn features(s: &mut Stage) {
    let mut whole = words(&[1, 0, 0, 0]);
    whole.resize(80, 0);
    sized(s, SET_FEATURE, &whole, &[0, 1, 4, 8, 12, 15, 16, 20, 64]);
}

fn rules(s: &mut Stage) {
    let a = s.sender("a");
    let whole = Rule::new(EXCLUDE, NEVER).bytes();
    for kind in [ADD_RULE, DEL_RULE] {
        for n in [0, 4, 12, 1036, 1039_u32] {
            let note = format!("type {kind} in {n} bytes");
            s.ask_bytes(a, request(kind, &whole[..n as usize], n + 1), &note);
        }
    }
}

fn equiv(s: &mut Stage) {
    let a = s.sender("a");
    let paths = |old: u32, new: u32, text: &[u8]| {
        let mut out = words(&[old, new]);
        out.extend(text);
        out
    };
    for (note, payload) in [
        ("nothing", vec![]),
        ("4 bytes", vec![0; 4]),
        ("two empty names", paths(0, 0, b"")),
        ("lengths without names", paths(5, 5, b"")),
        ("names that do not exist", paths(4, 4, b"/nx1/nx2")),
        ("a name of 5000 bytes", paths(5000, 4, &[b'a'; 5004])),
        ("NUL in a name", paths(4, 4, b"/a\0b/tmp")),
    ] {
        s.ask(a, MAKE_EQUIV, &payload, note);
    }
}

fn user(s: &mut Stage) {
    let a = s.sender("a");
    for n in 0..10_u32 {
        s.ask_bytes(a, request(USER_LOGIN, &b"abcdefghij"[..n as usize], n + 1), &format!("{n} bytes"));
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("short.GET", "GET pays no attention to a payload", false, get),
        case("short.SET", "SET with a part of its structure", false, set),
        case("short.FEATURE", "SET_FEATURE in many sizes", false, features),
        case("short.RULE", "rules shorter than their fixed part", false, rules),
        case("short.TTY_SET", "TTY_SET in many sizes", false, |s| {
            sized(s, TTY_SET, &[0; 16], &[0, 1, 4, 7, 8, 12]);
        }),
        case("short.EQUIV", "MAKE_EQUIV whose lengths lie", false, equiv),
        case("short.USER", "user messages of 0 to 9 bytes", true, user),
    ]
}

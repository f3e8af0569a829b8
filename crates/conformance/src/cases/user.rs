//! User messages: texts, types, identities.

use super::{Case, both, case, listeners};
use crate::actor::Order;
use crate::messages::{GET, REQUEST, USER_AVC, USER_START, request};
use crate::stage::{Stage, Who, message};

/// Texts with everything that could be treated specially.
pub(super) fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let mut control: Vec<u8> = (1..32).collect();
    control.extend([0x7f, 0x80, 0xff, 0]);
    let mut accents = "h\u{e9}llo \u{4e16}".as_bytes().to_vec();
    accents.push(0);
    let of = |t: &[u8]| t.to_vec();
    vec![
        ("with a NUL at the end", of(b"op=test res=success\0")),
        ("without a NUL", of(b"op=test res=success")),
        ("two NULs at the end", of(b"op=test\0\0")),
        ("a NUL inside", of(b"op=te\0st res=1\0")),
        ("a NUL in front", of(b"\0abc\0")),
        ("one character", of(b"x\0")),
        ("two characters without a NUL", of(b"xy")),
        ("newlines", of(b"line1\nline2\n\0")),
        ("control and high bytes", control),
        ("quotes", of(b"a='b' \"c\" '\0")),
        ("UTF-8", accents),
        ("percent signs", of(b"100%s %n %p %%\0")),
        ("only NULs", of(b"\0\0\0\0")),
        ("a blank at the end", of(b"abc \0")),
        ("only blanks", of(b"   \0")),
    ]
}

fn show(s: &mut Stage, all: (Who, Who, Who), kind: u16, text: &[u8], note: &str) {
    s.ask(all.2, kind, text, note);
    both(s, all.0, all.1);
}

fn stage(s: &mut Stage) -> (Who, Who, Who) {
    let (d, m) = listeners(s);
    (d, m, s.sender("a"))
}

fn text(s: &mut Stage) {
    let all = stage(s);
    for (note, text) in texts() {
        show(s, all, USER_START, &text, note);
    }
    s.unregister(all.0);
}

fn types(s: &mut Stage) {
    let all = stage(s);
    for kind in [1005, 1100, 1105, 1107, 1124, 1199, 2100, 2404, 2999] {
        show(s, all, kind, b"op=x\0", &format!("type {kind}"));
    }
    s.unregister(all.0);
}

fn avc(s: &mut Stage) {
    let all = stage(s);
    for kind in [USER_START, USER_AVC] {
        show(s, all, kind, b"op=x\0", &format!("type {kind}"));
    }
    s.unregister(all.0);
}

fn identities(s: &mut Stage) {
    let (d, m, a) = stage(s);
    super::loginuid::write(s, a, "1000", "");
    s.recv(d, "s", "the login record");
    s.recv(m, "s", "");
    s.ask(a, USER_START, b"op=x\0", "with a login id");
    s.recv(d, "s", "");
    s.thread_send(a, "s", request(USER_START, b"from thread\0", 1), None, "from a second thread");
    s.recv(a, "s", "");
    s.recv(d, "s", "");
    s.perform(a, "setresuid", "three different ids", &Order::SetUids { real: 12, effective: 13, saved: 14 });
    s.ask(a, USER_START, b"op=y\0", "without capabilities");
    s.recv(d, "s", "");
    s.unregister(d);
}

fn several(s: &mut Stage) {
    let (d, _, a) = stage(s);
    let datagram = [
        request(USER_START, b"one\0", 1),
        message(USER_START, b"two\0", REQUEST, 2),
        request(GET, b"", 3),
        request(USER_START, b"x", 4),
        request(USER_START, b"four\0", 5),
    ]
    .concat();
    s.send(a, "s", datagram, "five messages");
    s.recv(a, "s", "");
    s.recv(d, "s", "");
    s.unregister(d);
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("user.text", "texts as auditd and listeners see them", true, text),
        case("user.types", "user types of every range", true, types),
        case("user.avc.disabled", "USER_AVC is recorded while audit is off", false, avc),
        case("user.loginuid", "whose ids a record shows", true, identities),
        case("user.multi", "several user messages in a datagram", true, several),
    ]
}

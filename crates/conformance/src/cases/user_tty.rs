//! `USER_TTY`, whose text is an untrusted string.

use super::{Case, both, case, listeners, user::texts};
use crate::messages::{TTY_GET, TTY_SET, USER_TTY, request, words};
use crate::stage::Stage;

fn more() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("no blank, with a NUL", b"abc\0".to_vec()),
        ("no blank, without a NUL", b"abcd".to_vec()),
        ("a quote", b"a\"b\0".to_vec()),
        ("an apostrophe", b"a'b\0".to_vec()),
        ("three NULs", b"ab\0\0\0".to_vec()),
    ]
}

fn refused(s: &mut Stage) {
    let (d, m) = listeners(s);
    let a = s.sender("a");
    for (note, text) in texts() {
        s.ask(a, USER_TTY, &text, note);
        both(s, d, m);
    }
    for (note, text) in more() {
        s.ask(a, USER_TTY, &text, note);
        s.recv(d, "s", "");
    }
    s.unregister(d);
}

fn recorded(s: &mut Stage) {
    let (d, m) = listeners(s);
    let a = s.sender("a");
    s.ask(a, TTY_SET, &words(&[1, 0]), "TTY auditing of the sender on");
    both(s, d, m);
    let mut all = texts();
    all.extend(more());
    all.extend([("1 byte", b"x".to_vec()), ("nothing", Vec::new())]);
    for n in [8560, 8970, 9000, 20000] {
        let mut text = vec![b'B'; n - 1];
        text.push(0);
        all.push(("long", text));
    }
    let mut blanks = b"B C".repeat(3000);
    blanks.push(0);
    all.push(("long, with blanks", blanks));
    for (note, text) in all {
        s.ask(a, USER_TTY, &text, note);
        s.recv(d, "s", "");
    }
    let k = s.child(a, "child");
    s.send(k, "s", request(TTY_GET, b"", 5), "a child inherits it");
    s.recv(k, "s", "");
    s.recv(m, "s", "");
    s.unregister(d);
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("user.tty", "USER_TTY of a task without TTY auditing", true, refused),
        case("user.tty.enabled", "USER_TTY of a task with TTY auditing", true, recorded),
    ]
}

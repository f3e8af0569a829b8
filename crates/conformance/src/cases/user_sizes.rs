//! Long user messages.

use super::{Case, both, case, listeners};
use crate::messages::{USER_START, USER_TTY, request};
use crate::stage::Stage;

const SIZES: [usize; 21] = [
    1000, 1023, 1024, 1025, 8191, 8192, 8558, 8559, 8560, 8561, 8562, 8600, 8950, 8969, 8970, 8971, 9000,
    12000, 16000, 32000, 65000,
];

fn sizes(s: &mut Stage) {
    let (d, m) = listeners(s);
    let a = s.sender("a");
    for kind in [USER_START, USER_TTY] {
        for n in SIZES {
            let mut text = vec![b'A'; n - 1];
            text.push(0);
            s.ask(a, kind, &text, &format!("type {kind}, {n} bytes"));
            both(s, d, m);
        }
    }
    // The default send buffer has 212992 bytes, 32 of which a datagram needs for itself.
    for n in [212_000, 212_960] {
        s.send(a, "s", request(USER_START, &vec![b'A'; n], 1), &format!("{n} bytes"));
        s.recv(a, "s", "");
        both(s, d, m);
    }
    s.unregister(d);
}

pub(super) fn cases() -> Vec<Case> {
    vec![case("user.sizes", "messages around the limits of text and datagram", true, sizes)]
}

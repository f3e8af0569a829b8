//! Every message type, with payloads that fit none of them.

use super::{Case, case};
use crate::messages::{ACK, REQUEST};
use crate::stage::{Stage, message};

fn kinds() -> impl Iterator<Item = u16> {
    const REST: [u16; 54] = [
        1099, 1100, 1101, 1105, 1106, 1107, 1108, 1112, 1123, 1124, 1125, 1130, 1148, 1198, 1199, 1200, 1201,
        1299, 1300, 1305, 1319, 1320, 1327, 1328, 1329, 1335, 1399, 1400, 1499, 1500, 1600, 1700, 1799, 1800,
        1899, 1999, 2000, 2001, 2099, 2100, 2101, 2199, 2200, 2299, 2300, 2400, 2404, 2500, 2999, 3000, 3001,
        4096, 32768, 65535,
    ];
    (0..18).chain(998..1032).chain(REST)
}

fn sweep(s: &mut Stage, payload: &[u8], flags: u16) {
    let a = s.sender("a");
    for (seq, kind) in (1000..).zip(kinds()) {
        s.ask_bytes(a, message(kind, payload, flags, seq), &format!("type {kind}"));
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("types.empty.disabled", "every type without a payload while audit is off", false, |s| {
            sweep(s, b"", REQUEST | ACK);
        }),
        case("types.text.disabled", "every type with a text of 8 bytes while audit is off", false, |s| {
            sweep(s, b"op=test\0", REQUEST | ACK);
        }),
        case("types.text.enabled", "every type with a text of 8 bytes while audit is on", true, |s| {
            sweep(s, b"op=test\0", REQUEST | ACK);
        }),
        case("types.zero64.disabled.noack", "every type with 64 zero bytes and no ack wanted", false, |s| {
            sweep(s, &[0; 64], REQUEST);
        }),
    ]
}

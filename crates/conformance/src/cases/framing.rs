//! Messages in datagrams: lengths, several in one, options of the socket.

use super::{Case, case};
use crate::datagram::{DONE, ERROR};
use crate::messages::{
    ADD_OLD, GET, GET_FEATURE, LIST_RULES, Message, REQUEST, SET, SIGNAL_INFO, Status, TTY_GET, request,
};
use crate::stage::{Receive, Stage, Who, message};

/// `SOL_NETLINK`.
pub(super) const SOL_NETLINK: i32 = 270;

fn get(seq: u32) -> Vec<u8> {
    request(GET, b"", seq)
}

fn claimed(len: u32, seq: u32) -> Vec<u8> {
    Message { seq, claimed_len: Some(len), ..Message::default() }.bytes()
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn odd(seq: u32, pad: bool) -> Vec<u8> {
    Message { payload: b"xyz", seq, pad, ..Message::default() }.bytes()
}

fn framing(s: &mut Stage) {
    let a = s.sender("a");
    let mut plays: Vec<(&str, Vec<u8>)> = vec![("an empty datagram", vec![])];
    for (n, note) in [(1, "1 byte"), (4, "4 bytes"), (8, "8 bytes"), (15, "15 bytes")] {
        plays.push((note, get(1)[..n].to_vec()));
    }
    plays.extend([
        ("three requests", joined(&[&get(2), &get(3), &get(4)])),
        ("a refused one in the middle", joined(&[&get(5), &request(ADD_OLD, b"", 6), &get(7)])),
        ("the second claims more than there is", joined(&[&get(8), &claimed(200, 9)])),
        ("length 0", claimed(0, 10)),
        ("length 15", claimed(15, 11)),
        ("length 17 of 16", claimed(17, 12)),
        ("4 bytes more", joined(&[&get(13), b"\0\0\0\0"])),
        ("7 bytes more", joined(&[&get(14), b"abcdefg"])),
        ("length 19 without padding", odd(15, false)),
        ("a second one behind padding", joined(&[&odd(16, true), &get(17)])),
        ("a second one without padding", joined(&[&odd(18, false), &get(19)])),
        ("a second header cut short", joined(&[&get(20), &get(21)[..12]])),
        ("NLMSG_DONE", request(DONE, b"", 22)),
        ("NLMSG_ERROR", request(ERROR, &[0; 20], 23)),
        ("NLMSG_NOOP", request(1, b"", 24)),
        ("NLMSG_NOOP without an ack", message(1, b"", REQUEST, 25)),
        ("an error echoes an odd payload", request(ADD_OLD, &[b'q'; 37], 26)),
        ("an error needs no flags", message(ADD_OLD, &[b'q'; 37], 0, 27)),
    ]);
    for (note, bytes) in plays {
        s.ask_bytes(a, bytes, note);
    }
}

fn error_and_get(s: &mut Stage, a: Who, note: &str) {
    s.ask(a, ADD_OLD, &[b'q'; 8], note);
    s.ask_bytes(a, get(2), note);
}

fn options(s: &mut Stage) {
    const CAP_ACK: i32 = 10;
    const EXT_ACK: i32 = 11;
    const PKTINFO: i32 = 3;
    let a = s.sender("a");
    error_and_get(s, a, "as opened");
    for (level, option, note) in [
        (SOL_NETLINK, CAP_ACK, "NETLINK_CAP_ACK"),
        (SOL_NETLINK, EXT_ACK, "NETLINK_EXT_ACK"),
        (SOL_NETLINK, PKTINFO, "NETLINK_PKTINFO"),
        (libc::SOL_SOCKET, libc::SO_PASSCRED, "SO_PASSCRED"),
    ] {
        s.set_option(a, "s", level, option, 1, note);
        error_and_get(s, a, note);
        s.set_option(a, "s", level, option, 0, note);
    }
    let short = |flags, note: &str| Receive {
        note: note.into(),
        space: 8,
        flags,
        settle: Some(50),
        ..Receive::default()
    };
    s.send(a, "s", get(3), "");
    s.recv_with(a, "s", &short(0, "8 bytes of room"));
    s.send(a, "s", get(4), "");
    s.recv_with(a, "s", &short(libc::MSG_TRUNC, "8 bytes of room, MSG_TRUNC"));
    s.send(a, "s", get(5), "");
    let peek = Receive { note: "MSG_PEEK".into(), flags: libc::MSG_PEEK, most: 1, ..Receive::default() };
    s.recv_with(a, "s", &peek);
    s.recv(a, "s", "after the peek");
}

/// Where the kernel takes a number from the first message of a datagram, and what an error's padding holds.
fn first_message(s: &mut Stage) {
    let a = s.sender("a");
    let own = Status::register(s.pid(a)).bytes();
    let other = Status::register(0).bytes();
    s.ask_bytes(a, joined(&[&get(1), &request(GET_FEATURE, b"", 2)]), "GET_FEATURE behind GET");
    s.ask_bytes(
        a,
        joined(&[&request(TTY_GET, b"", 3), &request(SIGNAL_INFO, b"", 4)]),
        "SIGNAL_INFO behind TTY_GET",
    );
    s.ask_bytes(a, joined(&[&get(5), &request(LIST_RULES, b"", 6)]), "LIST_RULES behind GET");
    s.ask_bytes(a, joined(&[&get(7), &request(SET, &own, 8)]), "a registration behind GET");
    let b = s.sender("b");
    s.ask_bytes(
        b,
        joined(&[&request(SET, &other, 9), &request(SET, &other, 10)]),
        "two unregistrations by another",
    );
    s.recv(a, "s", "both are probed for");
    s.ask_bytes(a, request(SET, &other, 11), "unregister");
    let unpadded =
        Message { kind: ADD_OLD, payload: b"xyz", seq: 12, pad: false, ..Message::default() }.bytes();
    s.ask_bytes(a, joined(&[&unpadded, b"more"]), "an odd length and other bytes behind it");
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("framing", "lengths that fit and lengths that do not", false, framing),
        case(
            "framing.first",
            "several messages in a datagram: whose number a reply bears",
            false,
            first_message,
        ),
        case("framing.options", "socket options that change replies, small buffers", false, options),
    ]
}

//! Who may ask what: capabilities and namespaces.

use super::{Case, case, framing::SOL_NETLINK, register, sockets};
use crate::actor::Order;
use crate::messages::{GET, USER_START, request};
use crate::stage::{Stage, Who};

pub(super) const AUDIT_WRITE: u32 = 29;
pub(super) const AUDIT_CONTROL: u32 = 30;
pub(super) const AUDIT_READ: u32 = 37;

const TYPES: [u16; 26] = [
    1000, 1001, 1002, 1003, 1005, 1010, 1011, 1013, 1014, 1015, 1016, 1017, 1018, 1019, 1006, 1020, 1099,
    1100, 1105, 1107, 1124, 1200, 1305, 1320, 2100, 3000,
];

/// Removes capabilities from every set, or from the effective set alone.
pub(super) fn drop_caps(s: &mut Stage, who: Who, caps: &[u32], all: bool) {
    s.perform(who, "drop capabilities", "", &Order::DropCaps { caps: caps.to_vec(), all });
}

fn try_types(s: &mut Stage, a: Who, kinds: &[u16]) {
    for kind in kinds {
        s.ask(a, *kind, b"op=t\0", &format!("type {kind}"));
    }
}

fn without(s: &mut Stage, caps: &[u32]) {
    let a = s.actor("a");
    drop_caps(s, a, caps, true);
    s.socket(a, "s", libc::SOCK_RAW);
    try_types(s, a, &TYPES);
}

fn unprivileged(s: &mut Stage) {
    let a = s.actor("a");
    let nobody = Order::SetUids { real: 65534, effective: 65534, saved: 65534 };
    s.perform(a, "setresuid", "", &nobody);
    s.socket(a, "s", libc::SOCK_RAW);
    s.bind(a, "s", 0, 0, "");
    try_types(s, a, &TYPES);
}

fn opener(s: &mut Stage) {
    let a = s.sender("a");
    drop_caps(s, a, &[AUDIT_WRITE, AUDIT_CONTROL], false);
    s.ask(a, GET, b"", "opened with, sent without");
    s.socket(a, "t", libc::SOCK_RAW);
    s.perform(a, "raise capabilities", "", &Order::RaiseCaps);
    s.ask(a, GET, b"", "opened with, sent with");
    let get = |seq| request(GET, b"", seq);
    s.send(a, "t", get(1), "opened without, sent with, to an address");
    s.recv(a, "t", "");
    s.write(a, "t", get(2), "opened without, written with");
    s.recv(a, "t", "");
    s.send_to(a, "t", get(3), None, "opened without, sent with, to no address");
    s.recv(a, "t", "");
}

fn unshare(s: &mut Stage, who: Who, flags: i32) {
    s.perform(who, "unshare", "", &Order::Unshare { flags });
}

fn user_namespace(s: &mut Stage) {
    let p = s.actor("p");
    s.socket(p, "init", libc::SOCK_RAW);
    let a = s.child(p, "a");
    unshare(s, a, libc::CLONE_NEWUSER);
    s.perform(a, "map ids", "", &Order::MapIds);
    s.socket(a, "s", libc::SOCK_RAW);
    try_types(s, a, &TYPES);
    s.send(a, "init", request(GET, b"", 1), "over a socket from outside");
    s.recv(a, "init", "");
    s.socket(a, "m", libc::SOCK_DGRAM);
    s.bind(a, "m", 0, 1, "join READLOG");
    s.set_option(a, "m", SOL_NETLINK, 1, 1, "join READLOG by option");
    s.set_option(a, "s", libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 1 << 20, "SO_RCVBUFFORCE");
}

fn user_and_net_namespace(s: &mut Stage) {
    let a = s.actor("a");
    unshare(s, a, libc::CLONE_NEWUSER | libc::CLONE_NEWNET);
    s.perform(a, "map ids", "", &Order::MapIds);
    s.socket(a, "s", libc::SOCK_RAW);
    try_types(s, a, &[1000, 1001, 1105, 1002, 3000]);
    s.bind(a, "s", 0, 1, "join READLOG");
    sockets::name(s, a, "s", false, 64, "");
}

fn net_namespace(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.actor("a");
    unshare(s, a, libc::CLONE_NEWNET);
    s.socket(a, "s", libc::SOCK_RAW);
    sockets::name(s, a, "s", false, 64, "");
    s.ask(a, GET, b"", "");
    s.ask(a, USER_START, b"from netns\0", "");
    s.recv(m, "s", "");
    s.socket(a, "m", libc::SOCK_DGRAM);
    s.bind(a, "m", 0, 1, "READLOG in the other namespace");
    register(s, a);
    let b = s.sender("b");
    s.ask(b, USER_START, b"from init netns\0", "");
    s.recv(a, "s", "");
    s.recv(a, "m", "");
    s.recv(m, "s", "");
    s.unregister(a);
}

fn pid_namespace(s: &mut Stage) {
    let m = s.listener("mcast");
    let p = s.actor("p");
    unshare(s, p, libc::CLONE_NEWPID);
    let a = s.child(p, "a");
    s.perform(a, "ids", "", &Order::Ids);
    s.socket(a, "s", libc::SOCK_RAW);
    s.bind(a, "s", 0, 0, "");
    sockets::name(s, a, "s", false, 64, "");
    try_types(s, a, &TYPES);
    s.socket(a, "m", libc::SOCK_DGRAM);
    s.bind(a, "m", 0, 1, "join READLOG");
    s.rough_recv(m, "s", "with the pid of the outer namespace");
}

fn pid_namespace_without(s: &mut Stage) {
    let p = s.actor("p");
    unshare(s, p, libc::CLONE_NEWPID);
    let a = s.child(p, "a");
    drop_caps(s, a, &[AUDIT_WRITE, AUDIT_CONTROL], true);
    s.socket(a, "s", libc::SOCK_RAW);
    try_types(s, a, &[1000, 1002, 1105, 3000]);
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("perm.nocaps", "uid 0 without the audit capabilities", true, |s| {
            without(s, &[AUDIT_WRITE, AUDIT_CONTROL, AUDIT_READ]);
        }),
        case("perm.uid", "an ordinary user", true, unprivileged),
        case("perm.write_only", "CAP_AUDIT_WRITE alone", true, |s| without(s, &[AUDIT_CONTROL, AUDIT_READ])),
        case("perm.control_only", "CAP_AUDIT_CONTROL alone", true, |s| {
            without(s, &[AUDIT_WRITE, AUDIT_READ]);
        }),
        case("perm.opener", "whose capabilities count, the opener's or the sender's", false, opener),
        case("perm.userns", "a child user namespace", true, user_namespace),
        case("perm.userns_net", "a child user and network namespace", false, user_and_net_namespace),
        case("perm.netns", "another network namespace", true, net_namespace),
        case("perm.pidns", "a child pid namespace", true, pid_namespace),
        case("perm.pidns_nocaps", "a child pid namespace without capabilities", false, pid_namespace_without),
    ]
}

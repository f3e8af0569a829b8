//! The READLOG group.

use super::permission::{AUDIT_READ, drop_caps};
use super::{Case, case, framing::SOL_NETLINK, register, sockets};
use crate::actor::Order;
use crate::messages::REQUEST;
use crate::stage::{Stage, Who};

fn join(s: &mut Stage) {
    let d = s.sender("auditd");
    register(s, d);
    s.recv(d, "s", "");
    let m = s.actor("m");
    s.perform(m, "comm", "", &Order::Comm { name: "my listener".into() });
    s.socket(m, "s", libc::SOCK_DGRAM);
    s.bind(m, "s", 0, 1, "join by bind");
    s.recv(d, "s", "");
    s.close(m, "s");
    s.recv(d, "s", "");
    s.socket(m, "s", libc::SOCK_DGRAM);
    s.set_option(m, "s", SOL_NETLINK, 1, 1, "join by option");
    s.recv(d, "s", "");
    s.set_option(m, "s", SOL_NETLINK, 2, 1, "leave by option");
    s.recv(d, "s", "");
    s.rough_recv(m, "s", "");
    s.set_option(m, "s", SOL_NETLINK, 2, 1, "leave without membership");
    s.recv(d, "s", "");
    s.recv(m, "s", "");
    drop_caps(s, m, &[AUDIT_READ], true);
    s.socket(m, "t", libc::SOCK_DGRAM);
    s.bind(m, "t", 0, 1, "without the capability");
    s.recv(d, "s", "");
    sockets::name(s, m, "t", false, 64, "");
    s.bind(m, "t", 0, 0, "without a group");
    s.set_option(m, "t", SOL_NETLINK, 1, 1, "by option without the capability");
    s.recv(d, "s", "");
    s.close(m, "t");
    s.recv(d, "s", "");
    s.unregister(d);
}

fn small_listener(s: &mut Stage, name: &str) -> Who {
    let m = s.actor(name);
    s.socket(m, "s", libc::SOCK_DGRAM);
    m
}

fn overrun(s: &mut Stage) {
    let m = small_listener(s, "m");
    s.set_option(m, "s", libc::SOL_SOCKET, libc::SO_RCVBUF, 2304, "a small buffer");
    s.bind(m, "s", 0, 1, "");
    let a = s.sender("a");
    s.flood(a, "s", "ovr #", 20, REQUEST);
    s.pause(150);
    s.perform(m, "poll s", "", &Order::Poll { name: "s".into() });
    s.rough_recv(m, "s", "");
    s.flood(a, "s", "more #", 2, REQUEST);
    s.rough_recv(m, "s", "");
    sockets::option(s, m, "s", libc::SOL_SOCKET, libc::SO_ERROR, 16, "");
    let n = small_listener(s, "n");
    s.set_option(n, "s", SOL_NETLINK, 5, 1, "NETLINK_NO_ENOBUFS");
    s.set_option(n, "s", libc::SOL_SOCKET, libc::SO_RCVBUF, 2304, "a small buffer");
    s.bind(n, "s", 0, 1, "");
    s.flood(a, "s", "ovr2 #", 20, REQUEST);
    s.pause(150);
    s.rough_recv(n, "s", "");
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("mcast.bind", "joining and leaving, with and without the capability", true, join),
        case("mcast.overrun", "a listener that does not read", true, overrun),
    ]
}

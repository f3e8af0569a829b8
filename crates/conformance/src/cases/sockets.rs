//! The socket calls themselves.

use super::{Case, case, framing::SOL_NETLINK};
use crate::actor::Order;
use crate::hex::Hex;
use crate::messages::{GET, address, request};
use crate::stage::{Stage, Who};

pub(super) fn name(s: &mut Stage, who: Who, socket: &str, peer: bool, cap: usize, note: &str) {
    let op = if peer { "getpeername" } else { "getsockname" };
    s.perform(who, &format!("{op} {socket}"), note, &Order::Name { name: socket.into(), peer, cap });
}

fn sockname(s: &mut Stage, who: Who, socket: &str, note: &str) {
    name(s, who, socket, false, 64, note);
}

fn connect(s: &mut Stage, who: Who, socket: &str, to: Vec<u8>, note: &str) {
    let order = Order::Connect { name: socket.into(), address: Hex(to) };
    s.perform(who, &format!("connect {socket}"), note, &order);
}

pub(super) fn option(s: &mut Stage, who: Who, socket: &str, level: i32, option: i32, cap: usize, note: &str) {
    let order = Order::GetOption { name: socket.into(), level, option, cap };
    s.perform(who, &format!("getsockopt {socket}"), note, &order);
}

fn unix_address() -> Vec<u8> {
    let mut out = vec![1, 0];
    out.resize(12, 0);
    out
}

fn binding(s: &mut Stage, a: Who) {
    let own = s.pid(a);
    sockname(s, a, "s", "before bind");
    name(s, a, "s", true, 64, "");
    s.bind(a, "s", 0, 0, "");
    sockname(s, a, "s", "bound to the process id");
    name(s, a, "s", false, 4, "room for 4");
    name(s, a, "s", false, 0, "room for nothing");
    s.bind(a, "s", 0, 0, "again with pid 0");
    s.bind(a, "s", own, 0, "again with the own pid");
    s.bind(a, "s", own, 1, "again with group 1");
    sockname(s, a, "s", "");
    s.bind(a, "s", own, 0, "again without the group");
    sockname(s, a, "s", "");
    s.socket(a, "s3", libc::SOCK_RAW);
    s.bind(a, "s3", own, 0, "a pid in use");
    s.bind(a, "s3", 77777, 0, "any other pid");
    sockname(s, a, "s3", "");
    s.socket(a, "s4", libc::SOCK_RAW);
    s.bind_raw(a, "s4", vec![16, 0], "2 bytes");
    s.bind_raw(a, "s4", unix_address(), "another family");
    s.bind_raw(a, "s4", [vec![16, 0], vec![0; 14]].concat(), "16 bytes");
    s.socket(a, "s5", libc::SOCK_RAW);
    s.bind(a, "s5", 0, 0xffff_fffe, "31 groups");
    s.bind(a, "s5", 0, 0, "again with pid 0");
}

fn membership(s: &mut Stage, a: Who) {
    s.socket(a, "s6", libc::SOCK_RAW);
    for (option, value, note) in [(1, 1, "join 1"), (1, 2, "join 2"), (1, 0, "join 0")] {
        s.set_option(a, "s6", SOL_NETLINK, option, value, note);
    }
    option(s, a, "s6", SOL_NETLINK, 9, 8, "memberships");
    s.set_option(a, "s6", SOL_NETLINK, 2, 1, "leave 1");
    s.set_option(a, "s6", SOL_NETLINK, 2, 1, "leave 1 again");
}

fn connecting(s: &mut Stage, a: Who) {
    let get = || request(GET, b"", 1);
    s.socket(a, "s7", libc::SOCK_RAW);
    connect(s, a, "s7", address(0, 0), "to the kernel");
    name(s, a, "s7", true, 64, "");
    s.write(a, "s7", get(), "write when connected");
    s.recv(a, "s7", "");
    connect(s, a, "s7", address(12, 0), "to portid 12");
    name(s, a, "s7", true, 64, "");
    connect(s, a, "s7", vec![0; 12], "to nowhere");
    connect(s, a, "s7", vec![16], "1 byte");
    s.socket(a, "s8", libc::SOCK_RAW);
    s.write(a, "s8", get(), "write when not connected");
    s.recv(a, "s8", "");
}

fn addressing(s: &mut Stage, a: Who) {
    let get = |seq| request(GET, b"", seq);
    s.send_to(a, "s8", get(2), Some(address(12_345_678, 0)), "to a portid that nobody has");
    s.recv(a, "s8", "");
    s.send_to(a, "s8", get(2), Some(address(0, 1)), "to group 1");
    s.recv(a, "s8", "");
    s.send_to(a, "s8", get(3), Some(vec![16, 0]), "a short address");
    s.send_to(a, "s8", get(4), Some(unix_address()), "an address of another family");
    s.send_to(a, "s8", get(5), Some([vec![16, 0], vec![0; 30]].concat()), "a long address");
    s.recv(a, "s8", "");
    s.perform(a, "listen s8", "", &Order::Listen { name: "s8".into() });
    s.perform(a, "shutdown s8", "", &Order::Shutdown { name: "s8".into() });
}

fn options(s: &mut Stage, a: Who) {
    for (number, note) in [
        (libc::SO_PROTOCOL, "SO_PROTOCOL"),
        (libc::SO_DOMAIN, "SO_DOMAIN"),
        (libc::SO_TYPE, "SO_TYPE"),
        (libc::SO_ACCEPTCONN, "SO_ACCEPTCONN"),
        (libc::SO_ERROR, "SO_ERROR"),
        (libc::SO_PASSCRED, "SO_PASSCRED"),
        (libc::SO_PEERCRED, "SO_PEERCRED"),
        (libc::SO_PEERSEC, "SO_PEERSEC"),
        (libc::SO_RCVTIMEO, "SO_RCVTIMEO"),
    ] {
        option(s, a, "s8", libc::SOL_SOCKET, number, 16, note);
    }
    for number in [3, 4, 5, 8, 9, 10, 11, 12, 1, 99] {
        option(s, a, "s8", SOL_NETLINK, number, 8, &format!("SOL_NETLINK {number}"));
    }
    for (number, value, note) in [
        (libc::SO_RCVBUF, 4096, "SO_RCVBUF"),
        (libc::SO_RCVBUFFORCE, 8 << 20, "SO_RCVBUFFORCE"),
        (libc::SO_SNDBUF, 1024, "SO_SNDBUF"),
        (libc::SO_SNDBUFFORCE, 4096, "SO_SNDBUFFORCE"),
    ] {
        s.set_option(a, "s8", libc::SOL_SOCKET, number, value, note);
    }
    for number in [3, 5, 8, 10, 11, 12, 6, 7, 99] {
        s.set_option(a, "s8", SOL_NETLINK, number, 1, &format!("SOL_NETLINK {number}"));
    }
    let one_byte =
        Order::SetOption { name: "s8".into(), level: SOL_NETLINK, option: 11, value: Hex(vec![1]) };
    s.perform(a, "setsockopt s8", "1 byte", &one_byte);
    s.set_option(a, "s8", 999, 1, 1, "level 999");
    s.perform(a, "poll s8", "", &Order::Poll { name: "s8".into() });
}

fn sockets(s: &mut Stage) {
    let a = s.actor("a");
    for kind in 1..=5 {
        s.socket_noted(a, "x", kind, &format!("type {kind}"));
    }
    s.socket(a, "s", libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    binding(s, a);
    membership(s, a);
    connecting(s, a);
    addressing(s, a);
    options(s, a);
}

pub(super) fn cases() -> Vec<Case> {
    vec![case("sockets", "every call on an audit socket, with good and bad arguments", false, sockets)]
}

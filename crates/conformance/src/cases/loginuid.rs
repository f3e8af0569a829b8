//! `/proc/PID/loginuid` and `sessionid`.

use super::permission::{AUDIT_CONTROL, drop_caps};
use super::{Case, case};
use crate::actor::Order;
use crate::messages::{SET_FEATURE, words};
use crate::stage::{Stage, Who};

const OWN: &str = "/proc/self/loginuid";
const SESSION: &str = "/proc/self/sessionid";

/// Writes the actor's own login id.
pub(super) fn write(s: &mut Stage, who: Who, text: &str, note: &str) {
    write_as(s, who, OWN, text, libc::O_WRONLY, None, note);
}

fn write_as(s: &mut Stage, who: Who, path: &str, text: &str, flags: i32, offset: Option<u64>, note: &str) {
    let order = Order::WriteFile { path: path.into(), text: text.into(), offset, flags };
    s.perform(who, "write loginuid", if note.is_empty() { text } else { note }, &order);
}

fn read(s: &mut Stage, who: Who, path: &str) {
    let file = path.rsplit('/').next().unwrap_or(path);
    s.perform(who, &format!("read {file}"), "", &Order::ReadFile { path: path.into() });
}

fn look(s: &mut Stage, a: Who, m: Who) {
    read(s, a, OWN);
    read(s, a, SESSION);
    s.recv(m, "s", "");
}

fn values(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.actor("a");
    look(s, a, m);
    let ones = "1".repeat(30);
    for value in [
        "1000",
        "1000",
        "1001\n",
        "",
        "\n",
        " 5",
        "5 ",
        "+5",
        "-1",
        "0x10",
        "010",
        "4294967295",
        "4294967296",
        "4294967294",
        "abc",
        "12abc",
        "1\0",
        &ones,
        "0",
        "4294967295",
        "2000",
    ] {
        write(s, a, value, "");
        look(s, a, m);
    }
    write_as(s, a, OWN, "7", libc::O_WRONLY, Some(1), "at offset 1");
    write_as(s, a, "/proc/1/loginuid", "7", libc::O_WRONLY, None, "another task's");
    let by_pid = format!("/proc/{}/loginuid", s.pid(a));
    write_as(s, a, &by_pid, "7", libc::O_WRONLY, None, "by process id");
    look(s, a, m);
    write_as(s, a, "/proc/thread-self/loginuid", "8", libc::O_WRONLY, None, "by thread-self");
    look(s, a, m);
    write_as(s, a, SESSION, "8", libc::O_WRONLY, None, "the session id");
    write_as(s, a, OWN, "9", libc::O_RDWR, None, "opened for both");
    look(s, a, m);
    for (flags, note) in [
        (libc::O_TRUNC, "truncating"),
        (libc::O_CREAT | libc::O_TRUNC, "creating and truncating"),
        (libc::O_APPEND, "appending"),
    ] {
        write_as(s, a, OWN, "9", libc::O_WRONLY | flags, None, note);
    }
    look(s, a, m);
    let k = s.child(a, "k");
    read(s, k, OWN);
    read(s, k, SESSION);
    drop_caps(s, a, &[AUDIT_CONTROL], true);
    write(s, a, "10", "set, without the capability");
    write(s, a, "4294967295", "unset, without the capability");
    look(s, a, m);
    let b = s.actor("b");
    let nobody = Order::SetUids { real: 65534, effective: 65534, saved: 65534 };
    s.perform(b, "setresuid", "", &nobody);
    write(s, b, "11", "by an ordinary user");
    read(s, b, OWN);
    let e = s.actor("e");
    drop_caps(s, e, &[AUDIT_CONTROL], true);
    write(s, e, "12", "first value, without the capability");
    read(s, e, OWN);
}

fn features(s: &mut Stage) {
    let m = s.listener("mcast");
    let ctl = s.sender("ctl");
    let a = s.actor("a");
    write(s, a, "1000", "");
    s.ask(ctl, SET_FEATURE, &words(&[1, 1, 1, 0]), "only_unset_loginuid");
    write(s, a, "1001", "to another value");
    write(s, a, "4294967295", "to unset");
    write(s, a, "1002", "from unset");
    s.ask(ctl, SET_FEATURE, &words(&[1, 3, 2, 0]), "loginuid_immutable instead");
    write(s, a, "1003", "");
    write(s, a, "4294967295", "");
    let b = s.actor("b");
    write(s, b, "55", "the first time");
    s.ask(ctl, SET_FEATURE, &words(&[1, 3, 0, 0]), "neither");
    s.recv(m, "s", "");
}

fn user_namespace(s: &mut Stage) {
    let enter = |s: &mut Stage, who: Who| {
        s.perform(who, "unshare", "", &Order::Unshare { flags: libc::CLONE_NEWUSER });
        s.perform(who, "map ids", "", &Order::MapIds);
    };
    let a = s.actor("a");
    enter(s, a);
    read(s, a, OWN);
    write(s, a, "0", "a mapped id");
    read(s, a, OWN);
    write(s, a, "5", "an id that is not mapped");
    read(s, a, OWN);
    let b = s.actor("b");
    write(s, b, "4242", "before the namespace");
    enter(s, b);
    read(s, b, OWN);
    write(s, b, "0", "");
    let d = s.actor("d");
    enter(s, d);
    write(s, d, "4242", "an id that is not mapped, the first time");
    write(s, d, "4294967295", "unset when unset");
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("loginuid", "what can be written, by whom, and the record of it", true, values),
        case("loginuid.features", "the two login id features", true, features),
        case("loginuid.userns", "login ids in a user namespace", true, user_namespace),
    ]
}

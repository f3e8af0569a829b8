//! `SIGNAL_INFO`, `TTY_GET` and `TTY_SET`, TRIM and `MAKE_EQUIV`.

use super::{Case, case, register};
use crate::actor::Order;
use crate::messages::{MAKE_EQUIV, SIGNAL_INFO, Status, TRIM, TTY_GET, TTY_SET, words};
use crate::stage::{Stage, Who};

fn kill(s: &mut Stage, who: Who, target: Who, signal: i32) {
    let pid = s.pid(target).cast_signed();
    s.perform(who, "kill", "", &Order::Kill { pid, signal });
}

fn signals(s: &mut Stage) {
    let d = s.sender("auditd");
    s.perform(d, "ignore signals", "", &Order::IgnoreSignals);
    register(s, d);
    let k = s.actor("killer");
    for signal in [libc::SIGUSR2, libc::SIGHUP, libc::SIGTERM, libc::SIGUSR1, libc::SIGCONT, 0] {
        kill(s, k, d, signal);
        s.ask(d, SIGNAL_INFO, b"", &format!("after signal {signal}"));
    }
    let a = s.sender("a");
    s.ask(a, SIGNAL_INFO, b"", "asked by another process");
    let u = s.actor("userk");
    super::loginuid::write(s, u, "777", "");
    kill(s, u, d, libc::SIGHUP);
    s.ask(d, SIGNAL_INFO, b"", "from a process with a login id");
    s.ask_set(d, &Status::register(0), "unregister");
    s.ask(d, SIGNAL_INFO, b"", "after that");
}

fn tty(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.sender("a");
    s.ask(a, TTY_GET, b"", "");
    for (note, value) in [
        ("on", Some([1, 0])),
        ("", None),
        ("with passwords", Some([1, 1])),
        ("", None),
        ("only passwords", Some([0, 1])),
        ("", None),
        ("2", Some([2, 0])),
        ("passwords 2", Some([1, 2])),
        ("-1", Some([u32::MAX, 0])),
        ("off", Some([0, 0])),
        ("", None),
    ] {
        if let Some(value) = value {
            s.ask(a, TTY_SET, &words(&value), note);
            s.recv(m, "s", "");
        } else {
            s.ask(a, TTY_GET, b"", "read back");
        }
    }
}

fn trim_equiv(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.sender("a");
    s.ask(a, TRIM, b"", "trim");
    s.ask(a, TRIM, b"junk", "trim with a payload");
    s.recv(m, "s", "");
    for (old, new) in [("/tmp", "/var/tmp"), ("/nx", "/tmp"), ("/t mp", "/nx2")] {
        let len = |t: &str| u32::try_from(t.len()).unwrap_or(0);
        let mut payload = words(&[len(old), len(new)]);
        payload.extend(old.bytes().chain(new.bytes()));
        s.ask(a, MAKE_EQUIV, &payload, &format!("{old:?} as {new:?}"));
        s.recv(m, "s", "");
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("signal_info", "who signalled the auditd", false, signals),
        case("tty", "TTY auditing of the sender", true, tty),
        case("trim_equiv", "TRIM and MAKE_EQUIV and their records", true, trim_equiv),
    ]
}

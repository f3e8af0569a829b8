//! The registration of an auditd.

use super::{Case, case, register};
use crate::messages::{REQUEST, SET, Status, USER_LOGIN, mask, quiet, request};
use crate::stage::{Stage, Who};

/// Offset of the status' pid in a SET request.
const PID_AT: usize = 16 + 12;

struct Watch {
    auditd: Who,
    other: Who,
    multicast: Option<Who>,
}

impl Watch {
    /// Sends over a socket and looks at everybody.
    fn send(&self, s: &mut Stage, who: Who, socket: &str, pid: u32, seq: u32, note: &str) {
        s.set(who, socket, &Status::register(pid), seq, note);
        if socket != "s" {
            s.fence(who, socket);
        }
        self.all(s);
    }

    fn all(&self, s: &mut Stage) {
        s.recv(self.auditd, "s", "");
        s.recv(self.other, "s", "");
        if let Some(m) = self.multicast {
            s.recv(m, "s", "");
        }
    }

    fn status(&self, s: &mut Stage) {
        s.status(self.other, 99, "status");
    }
}

fn lifecycle(s: &mut Stage) {
    let m = s.listener("mcast");
    let d = s.sender("auditd");
    s.socket(d, "s2", libc::SOCK_RAW);
    let o = s.sender("other");
    let (dp, op) = (s.pid(d), s.pid(o));
    let w = Watch { auditd: d, other: o, multicast: Some(m) };
    w.send(s, d, "s", op, 1, "another process' pid");
    w.send(s, d, "s", 1, 2, "pid 1");
    w.send(s, d, "s", u32::MAX, 3, "pid -1");
    w.send(s, d, "s", 0, 4, "unregister while nobody is registered");
    w.send(s, d, "s", dp, 5, "register");
    w.status(s);
    w.send(s, d, "s", dp, 6, "register again over the same socket");
    w.send(s, d, "s2", dp, 7, "register again over another socket");
    s.recv(d, "s2", "");
    w.send(s, o, "s", op, 8, "a second auditd");
    w.send(s, o, "s", 0, 9, "unregistered by another process");
    w.status(s);
    w.send(s, o, "s", dp, 10, "another process names the registered pid");
    w.send(s, d, "s2", 0, 11, "unregister over the other socket");
    s.recv(d, "s2", "");
    w.status(s);
    for (pid, seq, note) in [(dp, 12, "register without an ack"), (0, 13, "unregister without an ack")] {
        s.send(d, "s", quiet(SET, &Status::register(pid).bytes(), seq), note);
        w.all(s);
        w.status(s);
    }
}

fn disabled(s: &mut Stage) {
    let d = s.sender("auditd");
    let o = s.sender("other");
    let (dp, op) = (s.pid(d), s.pid(o));
    let w = Watch { auditd: d, other: o, multicast: None };
    w.send(s, d, "s", dp, 5, "register");
    w.send(s, o, "s", op, 8, "a second auditd");
    w.send(s, o, "s", 0, 9, "unregistered by another process");
    s.set(o, "s", &Status::of(mask::LOST), 10, "lost reset");
    w.all(s);
    w.send(s, d, "s", 0, 9, "unregister");
}

fn combined(s: &mut Stage) {
    let d = s.sender("auditd");
    let o = s.sender("other");
    let all = |pid, rate, limit| Status { mask: 0x3f, enabled: 1, failure: 1, pid, rate, limit, wait: 15000 };
    let (dp, op) = (s.pid(d), s.pid(o));
    s.set(d, "s", &all(dp, 0, 64), 5, "six settings and a registration");
    s.recv(d, "s", "");
    s.set(o, "s", &all(op, 5, 65), 6, "the registration fails in the middle");
    s.recv(o, "s", "");
    s.recv(d, "s", "");
    s.status(o, 99, "status");
    s.set(d, "s", &Status::of(mask::ENABLED | mask::PID), 7, "off and unregistered at once");
    s.recv(d, "s", "");
}

fn dead(s: &mut Stage) {
    let a = s.sender("a");
    let d = s.sender("auditd");
    let dp = s.pid(d);
    s.set(d, "s", &Status::register(dp), 5, "register");
    s.recv(d, "s", "");
    s.status(a, 99, "registered");
    s.close(d, "s");
    s.status(a, 99, "its socket is closed");
    s.ask(a, USER_LOGIN, b"first after close\0", "");
    // The kernel notices on the worker's next attempt to deliver.
    s.pause(50);
    s.status(a, 99, "after a record");
    s.socket(d, "s", libc::SOCK_RAW);
    s.set(d, "s", &Status::register(dp), 6, "register again");
    s.recv(d, "s", "");
    s.die(d);
    s.status(a, 99, "the process is dead");
    let n = s.sender("next");
    let np = s.pid(n);
    s.set(n, "s", &Status::register(np), 8, "the next auditd");
    s.recv(n, "s", "");
    s.status(a, 99, "the next one is registered");
    s.set(n, "s", &Status::register(0), 9, "unregister");
    s.recv(n, "s", "");
}

fn thread_and_fork(s: &mut Stage) {
    let d = s.sender("auditd");
    let dp = s.pid(d);
    let set = |pid, seq| request(SET, &Status::register(pid).bytes(), seq);
    s.thread_send(d, "s", set(0x5844_4954, 5), Some(PID_AT), "a thread names itself");
    s.recv(d, "s", "");
    s.thread_send(d, "s", set(dp, 6), None, "a thread names its process");
    s.recv(d, "s", "");
    s.set(d, "s", &Status::register(0), 7, "unregister");
    s.recv(d, "s", "");
    let k = s.child(d, "child");
    let kp = s.pid(k);
    s.set(k, "s", &Status::register(dp), 8, "a child names its parent");
    s.recv(k, "s", "");
    s.set(k, "s", &Status::register(kp), 9, "a child registers over the inherited socket");
    s.recv(k, "s", "");
    s.set(d, "s", &Status::register(0), 10, "the parent unregisters over the same socket");
    s.recv(d, "s", "");
    s.status(d, 11, "");
    s.set(k, "s", &Status::register(0), 12, "the child unregisters");
    s.recv(k, "s", "");
}

fn full_buffer(s: &mut Stage) {
    let d = s.sender("auditd");
    s.set_option(d, "s", libc::SOL_SOCKET, libc::SO_RCVBUF, 2304, "a small buffer");
    register(s, d);
    let a = s.sender("a");
    s.flood(a, "s", &format!("fill # {}", "x".repeat(500)), 12, REQUEST);
    let o = s.sender("other");
    let op = s.pid(o);
    s.set(o, "s", &Status::register(op), 8, "a second auditd while the first is stuck");
    s.recv(o, "s", "");
    s.rough_status(o, "");
    s.rough_recv(d, "s", "");
    s.rough_status(o, "");
    s.set(d, "s", &Status::register(0), 6, "unregister");
    s.rough_recv(d, "s", "");
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("pid.register", "register, again, by others, unregister", true, lifecycle),
        case("pid.register.disabled", "which of it is recorded while audit is off", false, disabled),
        case("pid.combined", "a registration among other settings", false, combined),
        case("pid.dead", "an auditd goes without unregistering", true, dead),
        case("pid.thread_fork", "threads, children and inherited sockets", false, thread_and_fork),
        case("pid.fullbuf", "a registered auditd that does not read", true, full_buffer),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_is_where_the_thread_case_writes_it() {
        let bytes = request(SET, &Status::register(0x5844_4954).bytes(), 5);
        assert_eq!(bytes[PID_AT..PID_AT + 4], 0x5844_4954_u32.to_ne_bytes());
    }
}

//! Whether a call that sends a signal is meant for the audit daemon.

use auditns_sys::SignalTarget;
use auditns_sys::identity::{NamespaceFile, NamespaceKind, namespace, process};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getpgid, pidfd_getfd, pidfd_open};
use std::os::fd::AsRawFd;

/// Numbers that mean the caller's own thread and process in place of a pidfd (`PIDFD_SELF_THREAD`,
/// `PIDFD_SELF_THREAD_GROUP`, Linux 6.15).
const PIDFD_SELF: [i32; 2] = [-10_000, -10_001];

/// Whether the thread `tid`, which waits in a call that sends a signal to `target`, sends it to the process `daemon`
/// (both as we see them).
pub(crate) fn signals_process(tid: u32, target: SignalTarget, daemon: u32) -> bool {
    match target {
        SignalTarget::Process(pid) | SignalTarget::Thread { process: Some(pid), .. } => {
            by_callers_number(tid, pid) == Some(daemon)
        }
        SignalTarget::Thread { process: None, thread } => by_callers_number(tid, thread) == Some(daemon),
        SignalTarget::CallersGroup => group(tid).is_some() && group(tid) == group(daemon),
        SignalTarget::Group(leader) => {
            by_callers_number(tid, leader).is_some_and(|leader| group(daemon) == number(leader))
        }
        SignalTarget::All => is_visible_to(tid, daemon),
        SignalTarget::Pidfd(fd) => process_of_pidfd(tid, fd) == Some(daemon),
    }
}

/// The process that the caller calls `pid`, by our number.
fn by_callers_number(tid: u32, pid: u32) -> Option<u32> {
    let pid_namespace = NamespaceFile::of_pid(tid, NamespaceKind::Pid).ok()?;
    if pid_namespace.id() == NamespaceFile::own(NamespaceKind::Pid).ok()?.id() {
        return process::thread_group_of(pid).ok();
    }
    namespace::tgid_from(&pid_namespace, pid).ok()
}

fn is_visible_to(tid: u32, pid: u32) -> bool {
    NamespaceFile::of_pid(tid, NamespaceKind::Pid)
        .is_ok_and(|pid_namespace| namespace::tgid_in(&pid_namespace, pid).is_ok())
        && process::thread_group_of(tid).is_ok_and(|sender| sender != pid)
}

fn number(pid: u32) -> Option<Pid> {
    Pid::from_raw(pid.cast_signed())
}

fn group(pid: u32) -> Option<Pid> {
    getpgid(number(pid)).ok()
}

/// What `/proc` shows of a pidfd; the second since Linux 6.9.
const PIDFDS: [&str; 2] = ["anon_inode:[pidfd]", "pidfd:["];

/// The process of a pidfd in the caller's table, as we see it: a copy of the descriptor names it in our `/proc`. If it is
/// another file, looking at it and closing it may take as long as a member likes: not for a thread that others wait for.
pub(crate) fn process_of_pidfd(tid: u32, fd: i32) -> Option<u32> {
    let caller = process::thread_group_of(tid).ok()?;
    if PIDFD_SELF.contains(&fd) {
        return Some(caller);
    }
    if fd < 0 {
        return None;
    }
    let target = std::fs::read_link(format!("/proc/{tid}/fd/{fd}")).ok()?;
    if !PIDFDS.iter().any(|pidfd| target.to_string_lossy().starts_with(pidfd)) {
        return None;
    }
    let caller = pidfd_open(number(caller)?, PidfdFlags::empty()).ok()?;
    let copy = pidfd_getfd(&caller, fd, PidfdGetfdFlags::empty()).ok()?;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", copy.as_raw_fd())).ok()?;
    info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Background;
    use auditns_sys::SignalTarget as To;
    use std::os::fd::OwnedFd;

    fn own() -> u32 {
        std::process::id()
    }

    #[test]
    fn a_target_is_recognized_in_whatever_way_it_is_named() {
        let daemon = Background::new(&["setsid", "sleep", "60"]);
        let mut daemon = daemon;
        let pid = daemon.pid();
        daemon.until(|| group(pid) == number(pid));
        let thread = |process| To::Thread { process, thread: pid };
        for target in [To::Process(pid), thread(Some(pid)), thread(None), To::Group(pid), To::All] {
            assert!(signals_process(own(), target, pid), "{target:?}");
        }
        for target in [To::Process(own()), To::Thread { process: None, thread: own() }, To::CallersGroup] {
            assert!(!signals_process(own(), target, pid), "{target:?}");
        }
        assert!(signals_process(pid, To::CallersGroup, pid));
        assert!(!signals_process(pid, To::All, pid), "kill(-1) spares the caller");
    }

    #[test]
    fn a_pidfd_names_its_process() {
        let daemon = Background::new(&["sleep", "60"]);
        let fd: OwnedFd = pidfd_open(number(daemon.pid()).unwrap(), PidfdFlags::empty()).unwrap();
        assert!(signals_process(own(), To::Pidfd(fd.as_raw_fd()), daemon.pid()));
        assert!(!signals_process(own(), To::Pidfd(fd.as_raw_fd()), own()));
        for own in PIDFD_SELF {
            assert!(signals_process(daemon.pid(), To::Pidfd(own), daemon.pid()));
        }
        for nothing in [-1, -100, i32::MIN, 0, 1 << 20] {
            assert!(!signals_process(own(), To::Pidfd(nothing), daemon.pid()), "{nothing}");
        }
        let gone = daemon.end();
        assert!(!signals_process(own(), To::Pidfd(fd.as_raw_fd()), gone));
    }

    #[test]
    fn ids_are_those_of_the_callers_pid_namespace() {
        let mut caller = Background::new(&["unshare", "-pf", "--kill-child", "sleep", "60"]);
        let mut inner = None;
        let parent = caller.pid();
        caller.until(|| {
            let children = format!("/proc/{parent}/task/{parent}/children");
            let children = std::fs::read_to_string(children).unwrap_or_default();
            inner = children.split_whitespace().next().and_then(|child| child.parse().ok());
            inner.is_some()
        });
        let inner: u32 = inner.unwrap();
        assert!(signals_process(inner, To::Process(1), inner), "it calls itself 1");
        assert!(!signals_process(inner, To::Process(inner), inner));
        assert!(!signals_process(inner, To::Process(1), 1), "which is not our 1");
        assert!(!signals_process(inner, To::All, own()), "we are not visible there");
    }

    #[test]
    fn nobody_signals_nobody() {
        let gone = Background::new(&["sleep", "60"]).end();
        for target in [To::Process(gone), To::Group(gone), To::All, To::CallersGroup, To::Pidfd(0)] {
            assert!(!signals_process(gone, target, own()), "{target:?}");
        }
        assert!(!signals_process(own(), To::Process(gone), own()));
    }
}

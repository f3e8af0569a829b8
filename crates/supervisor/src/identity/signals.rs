//! Whether a call that sends a signal is meant for the audit daemon.

use auditns_sys::SignalTarget;
use auditns_sys::identity::{NamespaceFile, NamespaceKind, namespace, process};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getpgid, pidfd_getfd, pidfd_open};
use std::os::fd::AsRawFd;

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
        SignalTarget::Pidfd(fd) => of_pidfd(tid, fd) == Some(daemon),
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

/// The process of a pidfd in the caller's table: a copy of the descriptor names it in our `/proc`.
fn of_pidfd(tid: u32, fd: i32) -> Option<u32> {
    let caller = process::thread_group_of(tid).ok()?;
    let caller = pidfd_open(number(caller)?, PidfdFlags::empty()).ok()?;
    let copy = pidfd_getfd(&caller, fd, PidfdGetfdFlags::empty()).ok()?;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", copy.as_raw_fd())).ok()?;
    info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
}

//! What the kernel's seccomp can do.
//!
//! A filter, like no-new-privileges, belongs to a thread and ends with it. So the trial installs one that allows
//! everything in a thread of its own.

use super::Support;
use crate::filter;
use crate::launch::install;
use crate::listener::Listener;
use rustix::io::Errno;
use std::io;

/// What the trial thread found out.
pub(super) struct Trial {
    pub(super) listener: Support,
    pub(super) inject_and_answer: Support,
    pub(super) wait_killable: Support,
    pub(super) sync_wake_up: Support,
}

/// Installs a filter with a listener in a short-lived thread and asks the listener what it knows.
pub(super) fn trial() -> io::Result<Trial> {
    let thread = std::thread::Builder::new().name("probe".to_owned()).spawn(in_own_thread)?;
    thread.join().map_err(|_| io::Error::other("the thread that tries out seccomp did not come back"))
}

fn in_own_thread() -> Trial {
    // Not every caller has CAP_SYS_ADMIN; and if this fails, the installation says so.
    let _ = rustix::thread::set_no_new_privs(true);
    let installed = filter::assemble(&[]).map_err(|_| Errno::INVAL).and_then(|program| install(&program));
    match installed {
        Ok((fd, wait_killable)) => known_to(&Listener::from(fd), wait_killable),
        Err(errno) => {
            let untried =
                || Support::missing("This could not be tried, because no listener could be installed.");
            Trial {
                listener: Support::missing(refusal(errno)),
                inject_and_answer: untried(),
                wait_killable: untried(),
                sync_wake_up: untried(),
            }
        }
    }
}

fn known_to(listener: &Listener, wait_killable: bool) -> Trial {
    Trial {
        listener: Support::Supported,
        inject_and_answer: Support::when(
            listener.knows_inject_and_answer(),
            "This kernel cannot inject a socket and answer in one step; auditns needs Linux 5.14 or later.",
        ),
        wait_killable: Support::when(
            wait_killable,
            "Signals restart calls that wait for the supervisor before Linux 5.19; they are then served again.",
        ),
        sync_wake_up: Support::when(
            listener.enable_sync_wake_up(),
            "This kernel cannot wake the supervisor on the caller's CPU (Linux 6.6), which costs time only.",
        ),
    }
}

fn refusal(errno: Errno) -> String {
    match errno {
        Errno::BUSY => {
            "This process already runs below a seccomp listener (a container manager's, or another \
                        auditns), and the kernel allows one; start auditns outside of it."
                .to_owned()
        }
        Errno::INVAL | Errno::NOSYS => {
            "This kernel has no seccomp listeners; Linux 5.14 or later with CONFIG_SECCOMP_FILTER is needed."
                .to_owned()
        }
        other => format!("The kernel or a surrounding sandbox refused a seccomp filter ({other})."),
    }
}

/// Asks whether filters may return "notify".
pub(super) fn user_notification() -> Support {
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: SECCOMP_GET_ACTION_AVAIL reads one u32, which outlives the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    Support::when(
        answer == 0,
        format!(
            "Seccomp here does not know user notification ({}); auditns cannot work without.",
            io::Error::last_os_error()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        assert!(refusal(Errno::BUSY).contains("already runs below a seccomp listener"));
        assert!(refusal(Errno::INVAL).contains("5.14"));
        assert!(refusal(Errno::ACCESS).contains("sandbox"));
    }
}

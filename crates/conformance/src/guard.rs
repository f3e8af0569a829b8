//! Plays in a child and restores the audit state afterwards, whatever becomes of the child.

use crate::control::{Control, State};
use crate::raw;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Everyone who changes the kernel's audit state on a machine takes this lock.
const LOCK: &str = "/run/lock/auditns-kernel-audit.lock";
/// How long to wait for another auditd to go.
const OTHER_AUDITD: Duration = Duration::from_secs(60);
/// Signals after which the state is still restored.
const SIGNALS: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// The surroundings a play runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// Whether the audit socket is the kernel's.
    pub(crate) native: bool,
}

/// Runs `play` in a child process and restores the audit state after it.
///
/// # Errors
/// Says why it could not start, that the child failed, or that the state could not be restored.
pub(crate) fn guarded(
    restore: bool,
    play: impl FnOnce(Surroundings) -> Result<(), String>,
) -> Result<(), String> {
    // A login id of the starter's would show in every record.
    let _ = std::fs::write("/proc/self/loginuid", "4294967295");
    let native = Control::open()?.is_kernels();
    let lock = if native { Some(lock()?) } else { None };
    let before = {
        let mut control = Control::open()?;
        wait_for_other_auditd(&mut control)?;
        let state = control.state()?;
        if state.enabled > 1 {
            return Err("the audit configuration is locked (enabled 2); only a reboot changes that".into());
        }
        let rules = control.rules()?.len();
        if rules > 0 {
            return Err(format!("{rules} audit rules are loaded; delete them first (auditctl -D)"));
        }
        state
    };
    let ended = run_child(|| play(Surroundings { native }))?;
    let restored = if restore { restore_state(&before, native) } else { Ok(()) };
    drop(lock);
    restored?;
    match ended {
        Ended::Well => Ok(()),
        Ended::Badly(status) => Err(format!("the play failed (wait status {status:#x})")),
        Ended::Signal(signal) => Err(format!("interrupted by signal {signal}; the audit state is restored")),
    }
}

fn lock() -> Result<std::fs::File, String> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(LOCK)
        .map_err(|e| format!("cannot open the lock {LOCK}: {e}"))?;
    raw::lock_exclusive(file.as_raw_fd()).map_err(|e| format!("cannot lock {LOCK}: errno {e}"))?;
    Ok(file)
}

fn wait_for_other_auditd(control: &mut Control) -> Result<(), String> {
    let deadline = Instant::now() + OTHER_AUDITD;
    loop {
        let pid = control.state()?.pid;
        let gone = pid == 0 || !std::path::Path::new(&format!("/proc/{pid}")).exists();
        if gone {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("process {pid} is registered as auditd; stop it first"));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

enum Ended {
    Well,
    Badly(i32),
    Signal(i32),
}

fn run_child(play: impl FnOnce() -> Result<(), String>) -> Result<Ended, String> {
    // Blocked from here on, so that no signal falls between fork and wait.
    let mut signal = raw::wait_signal(&SIGNALS, 0);
    match raw::fork().map_err(|e| format!("fork failed: errno {e}"))? {
        0 => {
            raw::die_with_parent();
            raw::unblock_signals(&SIGNALS);
            match play() {
                Ok(()) => raw::exit(0),
                Err(e) => {
                    eprintln!("{e}");
                    raw::exit(1)
                }
            }
        }
        pid => loop {
            if let Some(signal) = signal.take() {
                let _ = raw::kill(pid, libc::SIGKILL);
                let _ = raw::wait(pid, true);
                return Ok(Ended::Signal(signal));
            }
            match raw::wait(pid, false) {
                Ok(Some(0)) => return Ok(Ended::Well),
                Ok(Some(status)) => return Ok(Ended::Badly(status)),
                Ok(None) => signal = raw::wait_signal(&SIGNALS, 20),
                Err(e) => return Err(format!("waiting for the play failed: errno {e}")),
            }
        },
    }
}

fn restore_state(before: &State, native: bool) -> Result<(), String> {
    // The actors end when their player does; a registered one may still be on its way.
    let mut last = String::new();
    for _ in 0..20 {
        let done = Control::open().and_then(|mut control| control.reset(before, !native));
        match done {
            Ok(()) => return Ok(()),
            Err(e) => last = e,
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    Err(format!("THE AUDIT STATE IS NOT RESTORED to {before:?}: {last}"))
}

//! Signals of whoever started a command, passed on to it.

use auditns_sys::identity::Brief;
use auditns_sys::signals::{self, SignalFd};
use rustix::process::{Pid, Signal, kill_process};
use std::io;

/// Signals that are passed on to the command.
const FORWARDED: [Signal; 4] = [Signal::HUP, Signal::USR1, Signal::USR2, Signal::TERM];
/// Signals that the terminal sends to the command as well; it decides what they mean.
const FROM_TERMINAL: [Signal; 2] = [Signal::INT, Signal::QUIT];

/// Signals that would end or stop us for no good reason: one to the whole process group is meant for the command, and a
/// limit on the size of files (`SIGXFSZ`) or a terminal that stops who writes in the background (`SIGTTOU`) is an error
/// of one write.
const SURVIVED: [Signal; 9] = [
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::TTOU,
];
/// As [`SURVIVED`].
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// Most generations between the command and a member that signals us.
const ANCESTORS_MAX: usize = 64;

/// Blocks all signals that could end or stop us, and returns where they can be read.
///
/// # Errors
/// Those of `signalfd(2)`.
pub(crate) fn block() -> io::Result<SignalFd> {
    let blocked = FORWARDED.iter().chain(&FROM_TERMINAL).chain(&SURVIVED).map(|signal| signal.as_raw());
    let blocked: Vec<i32> = blocked.chain(REAL_TIME).collect();
    SignalFd::block(&blocked)
}

/// Passes on what has come. `command` is `None` once it has ended.
pub(crate) fn forward_all(signals: &SignalFd, command: Option<Pid>) {
    while let Ok(Some(signal)) = signals.read() {
        forward(signal, command);
    }
}

/// Passes a signal on, unless it comes from below the command: a member that signals our process group has signalled
/// the command in it already.
fn forward(signal: signals::Signal, command: Option<Pid>) {
    let Some(number) = FORWARDED.into_iter().find(|known| known.as_raw() == signal.number) else { return };
    let Some(command) = command else { return };
    if !descends_from(signal.sender, command) {
        let _ = kill_process(command, number);
    }
}

fn descends_from(pid: u32, ancestor: Pid) -> bool {
    let ancestor = ancestor.as_raw_nonzero().get().cast_unsigned();
    let mut pid = pid;
    for _ in 0..ANCESTORS_MAX {
        if pid == ancestor {
            return true;
        }
        match Brief::of(pid) {
            Ok(found) if found.parent > 1 => pid = found.parent,
            _ => return false,
        }
    }
    false
}

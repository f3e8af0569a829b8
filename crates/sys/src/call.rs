//! What a notified system call asks for.

mod on_socket;
mod opening;

pub use on_socket::{Bytes, Layout, OnSocket, Operation, Room};
pub use opening::{Access, Opening};

use crate::arch::Architecture;
use crate::filter::{FAMILY_NETLINK, PROTOCOL_AUDIT, SOCKETCALL_SOCKET, SeccompData};
use crate::listener::Notification;
use crate::memory;
use std::io;

const CLOSE_ON_EXEC: u32 = 0o2_000_000;
const NONBLOCK: u32 = 0o4000;

/// A notified call, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `socket(AF_NETLINK, …, NETLINK_AUDIT)`.
    AuditSocket {
        /// The type without `SOCK_CLOEXEC` and `SOCK_NONBLOCK`: 3 (`SOCK_RAW`) and 2 (`SOCK_DGRAM`) exist, the other
        /// values of 0 to 10 get `ESOCKTNOSUPPORT` (kernel: `netlink_create`), anything else `EINVAL`
        /// (kernel: `__sys_socket_create`, `__sock_create`).
        kind: i32,
        /// `SOCK_CLOEXEC` was set.
        close_on_exec: bool,
        /// `SOCK_NONBLOCK` was set.
        nonblocking: bool,
    },
    /// A call on a descriptor with a reserved number: it is up to whoever knows which of them are audit sockets.
    OnSocket(OnSocket),
    /// A call that opens a file without following a link: let it continue unless it is that of the login user id.
    Open(Opening),
    /// A call that sends a signal: let it continue.
    Signal {
        /// Who gets the signal.
        target: SignalTarget,
        /// The signal number as given, usually 1 to 64.
        signal: i32,
    },
    /// Anything else: let it continue.
    Other,
}

/// Receiver of a signal. Ids are those of the caller's pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalTarget {
    /// The process with this id.
    Process(u32),
    /// Every process of the caller's own process group.
    CallersGroup,
    /// Every process of the process group with this id.
    Group(u32),
    /// Every process that the caller may signal, except process 1 and itself.
    All,
    /// One thread. Its process is named where the call names it.
    Thread {
        /// The process that the thread must belong to; `None` for `tkill`.
        process: Option<u32>,
        /// The thread id.
        thread: u32,
    },
    /// The process of a pidfd, by its number in the caller's table of descriptors.
    Pidfd(i32),
}

/// Whether [`classify`] has to read the caller's memory. A page of it may come from a file system or a page-fault handler
/// that the member itself serves, and never arrive: decode such a call in a thread that nobody waits for.
pub fn reads_memory(notification: &Notification) -> bool {
    let data = &notification.data;
    Architecture::from_audit_value(data.architecture)
        .is_some_and(|architecture| Some(data.number) == architecture.calls().socketcall)
}

/// Decodes a notification. For `socketcall` it reads the operands from the caller's memory, by its thread id: the
/// caller of this function asks [`crate::Listener::is_valid`] afterwards, before it acts on the result.
///
/// # Errors
/// Only for `socketcall`: `EFAULT` if the operands are not readable memory, `ESRCH` if the thread is gone, `EPERM` if
/// this process may not read it. Let such a call continue: the kernel then gives its own answer.
pub fn classify(notification: &Notification) -> io::Result<Call> {
    let data = &notification.data;
    let Some(architecture) = Architecture::from_audit_value(data.architecture) else {
        return Ok(Call::Other);
    };
    let number = architecture.without_x32_bit(data.number);
    let calls = architecture.calls();
    if number == calls.socket {
        return Ok(socket(data.low(0), data.low(1), data.low(2)));
    }
    if Some(number) == calls.socketcall && data.low(0) == SOCKETCALL_SOCKET {
        let [family, kind, protocol] = operands(notification.tid, data.low(1))?;
        return Ok(socket(family, kind, protocol));
    }
    if let Some(opening) = Opening::decode(architecture, number, data) {
        return Ok(Call::Open(opening));
    }
    Ok(OnSocket::decode(architecture, number, data)
        .map_or_else(|| signal_call(architecture, number, data), Call::OnSocket))
}

fn socket(family: u32, kind: u32, protocol: u32) -> Call {
    if family != FAMILY_NETLINK || protocol != PROTOCOL_AUDIT {
        return Call::Other;
    }
    Call::AuditSocket {
        kind: (kind & !(CLOSE_ON_EXEC | NONBLOCK)).cast_signed(),
        close_on_exec: kind & CLOSE_ON_EXEC != 0,
        nonblocking: kind & NONBLOCK != 0,
    }
}

fn signal_call(architecture: Architecture, number: u32, data: &SeccompData) -> Call {
    use crate::arch::{X32_RT_SIGQUEUEINFO, X32_RT_TGSIGQUEUEINFO};
    let calls = architecture.calls();
    let x86_64 = architecture == Architecture::X86_64;
    let (target, signal) = if number == calls.kill {
        (kill_target(data.low(0).cast_signed()), data.low(1))
    } else if number == calls.tkill {
        (thread(None, data.low(0)), data.low(1))
    } else if number == calls.tgkill
        || number == calls.rt_tgsigqueueinfo
        || (x86_64 && number == X32_RT_TGSIGQUEUEINFO)
    {
        (thread(Some(data.low(0)), data.low(1)), data.low(2))
    } else if number == calls.rt_sigqueueinfo || (x86_64 && number == X32_RT_SIGQUEUEINFO) {
        (positive(data.low(0)).map(SignalTarget::Process), data.low(1))
    } else if number == calls.pidfd_send_signal {
        (Some(SignalTarget::Pidfd(data.low(0).cast_signed())), data.low(1))
    } else {
        return Call::Other;
    };
    target.map_or(Call::Other, |target| Call::Signal { target, signal: signal.cast_signed() })
}

/// Meaning of the first argument of `kill(2)`; `None` for the one value that the kernel refuses.
fn kill_target(pid: i32) -> Option<SignalTarget> {
    match pid {
        i32::MIN => None,
        -1 => Some(SignalTarget::All),
        0 => Some(SignalTarget::CallersGroup),
        _ if pid < 0 => Some(SignalTarget::Group(pid.unsigned_abs())),
        _ => Some(SignalTarget::Process(pid.unsigned_abs())),
    }
}

fn thread(process: Option<u32>, thread: u32) -> Option<SignalTarget> {
    let thread = positive(thread)?;
    let process = match process {
        Some(id) => Some(positive(id)?),
        None => None,
    };
    Some(SignalTarget::Thread { process, thread })
}

/// Ids that are not positive name nobody: the kernel refuses them with `EINVAL` or `ESRCH`.
fn positive(id: u32) -> Option<u32> {
    (id.cast_signed() > 0).then_some(id)
}

/// Reads the three 32-bit operands of `socketcall(SYS_SOCKET)` at `address` of thread `tid`.
fn operands(tid: u32, address: u32) -> io::Result<[u32; 3]> {
    let mut bytes = [0; 12];
    memory::read_of(tid, u64::from(address), &mut bytes)?;
    let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok([word(0), word(4), word(8)])
}

#[cfg(test)]
mod tests;

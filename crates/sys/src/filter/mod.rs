//! The seccomp filter as data: a list of rules, assembled into classic BPF and evaluated without a kernel.

mod allow;
mod login_files;
mod program;

pub use allow::{AllowList, assemble_allow_lists};
pub use login_files::login_file_rules;
pub use program::{Action, AssembleError, Program, assemble};

use crate::arch::{
    Architecture, Calls, TABLE, X32_GETSOCKOPT, X32_RECVFROM, X32_RECVMSG, X32_RT_SIGQUEUEINFO,
    X32_RT_TGSIGQUEUEINFO, X32_SETSOCKOPT,
};
use std::ops::RangeInclusive;

/// `AF_NETLINK`.
pub const FAMILY_NETLINK: u32 = 16;
/// `NETLINK_AUDIT`.
pub const PROTOCOL_AUDIT: u32 = 9;
/// The call number of `socket` in `socketcall(2)`.
pub const SOCKETCALL_SOCKET: u32 = 1;
/// The signals whose senders an audit daemon may ask for (`SIGHUP`, `SIGUSR1`, `SIGUSR2`, `SIGTERM`), on every
/// architecture of [`crate::arch`] (kernel: `audit_signal_info`).
pub const WATCHED_SIGNALS: [u32; 4] = [1, 10, 12, 15];

/// Descriptor numbers at which members get their audit sockets.
///
/// They lie below 1024, so that `select(2)` takes them and the usual `RLIMIT_NOFILE` of 1024 allows them, so high that a
/// process which takes the lowest free number does not come to them with less than 832 descriptors, and away from the
/// numbers that people like to choose. Programs cannot choose them: `dup2`, `dup3` and `fcntl` refuse.
pub mod reserved {
    use std::ops::RangeInclusive;

    /// For clients that look at what they receive and not at whom it is from: what they receive is not stopped.
    pub const FAST: RangeInclusive<u32> = 832..=863;
    /// For clients that want netlink's addresses and control messages with what they receive.
    pub const STRICT: RangeInclusive<u32> = 864..=895;
    /// Both.
    pub const ALL: RangeInclusive<u32> = 832..=895;
}

/// What the filter sees of a system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeccompData {
    /// System-call number as the caller gave it, including the x32 bit.
    pub number: u32,
    /// `AUDIT_ARCH_*` value of the calling convention, see [`Architecture::from_audit_value`].
    pub architecture: u32,
    /// Address of the call instruction.
    pub instruction_pointer: u64,
    /// The six arguments. The kernel truncates most of them to 32 bits, so junk may stand above.
    pub arguments: [u64; 6],
}

impl SeccompData {
    /// The low 32 bits of argument `index` (0 to 5; 0 beyond), which is what the kernel makes of an `int`.
    #[expect(clippy::cast_possible_truncation, reason = "the kernel truncates as well")]
    pub fn low(&self, index: usize) -> u32 {
        self.arguments.get(index).map_or(0, |value| *value as u32)
    }
}

/// Which calls the filter stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterOptions {
    /// Report signals that an audit daemon may ask the sender of (needed to answer `AUDIT_SIGNAL_INFO`). Each such
    /// call of every member then costs a round trip; answer it with "continue".
    pub notify_signals: bool,
    /// Refuse `io_uring_setup` with `EPERM`: a ring can open sockets that no filter sees.
    pub refuse_io_uring: bool,
    /// Refuse `SO_PASSPIDFD` on every socket with `ENOPROTOOPT`, as kernels before 6.5 do: messages would hand out a handle
    /// of the supervisor; see [`crate::SentBy`].
    pub refuse_sender_handles: bool,
}

impl Default for FilterOptions {
    /// Everything on: the complete filter.
    fn default() -> Self {
        Self { notify_signals: true, refuse_io_uring: true, refuse_sender_handles: true }
    }
}

/// A test on the low 32 bits of one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Number of the argument, 0 to 5.
    pub argument: u8,
    /// What must hold.
    pub test: Test,
}

/// What must hold for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is one of these; an empty list never holds.
    AnyOf(Vec<u32>),
    /// It lies in this range; an empty range never holds.
    Within(RangeInclusive<u32>),
    /// Of its bits, these have this value.
    Bits {
        /// The bits.
        mask: u32,
        /// Their value; one that has other bits never holds.
        value: u32,
    },
}

impl Test {
    fn holds(&self, value: u32) -> bool {
        match self {
            Test::AnyOf(values) => values.contains(&value),
            Test::Within(range) => range.contains(&value),
            Test::Bits { mask, value: wanted } => value & mask == *wanted,
        }
    }
}

/// What happens to a call that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The supervisor decides.
    Notify,
    /// The call fails with this error number, 1 to 4095.
    Errno(u16),
}

/// One rule: a call of one architecture, conditions that must all hold, a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The calling convention.
    pub architecture: Architecture,
    /// The system-call number, without the x32 bit.
    pub syscall: u32,
    /// All must hold; none means that every such call matches.
    pub conditions: Vec<Condition>,
    /// What then happens.
    pub verdict: Verdict,
    /// What the rule is there for.
    pub comment: &'static str,
}

impl Rule {
    /// Whether the rule is about this call: the definition that the assembled program must agree with.
    pub fn matches(&self, data: &SeccompData) -> bool {
        self.architecture.audit_value() == data.architecture
            && self.syscall == self.architecture.without_x32_bit(data.number)
            && self
                .conditions
                .iter()
                .all(|condition| condition.test.holds(data.low(usize::from(condition.argument))))
    }
}

/// The rules for these options, in order: the first that matches decides, and what none matches is allowed.
pub fn rules(options: &FilterOptions) -> Vec<Rule> {
    TABLE.iter().flat_map(|calls| rules_of(calls, *options)).collect()
}

fn rules_of(calls: &Calls, options: FilterOptions) -> Vec<Rule> {
    let rule = |syscall, conditions, verdict, comment| Rule {
        architecture: calls.architecture,
        syscall,
        conditions,
        verdict,
        comment,
    };
    let mut rules = vec![rule(
        calls.socket,
        vec![one_of(0, &[FAMILY_NETLINK]), one_of(2, &[PROTOCOL_AUDIT])],
        Verdict::Notify,
        "audit sockets are made by the supervisor, whatever type the caller asks for",
    )];
    if let Some(socketcall) = calls.socketcall {
        rules.push(rule(
            socketcall,
            vec![one_of(0, &[SOCKETCALL_SOCKET])],
            Verdict::Notify,
            "operands of socketcall stand behind a pointer, which only the supervisor can read",
        ));
    }
    rules.extend(calls_on_sockets(calls).into_iter().map(|(syscall, numbers)| {
        rule(
            syscall,
            vec![Condition { argument: 0, test: Test::Within(numbers) }],
            Verdict::Notify,
            "what depends on a socket's family is answered as netlink would, at the numbers of audit sockets only",
        )
    }));
    rules.extend(copies_to_reserved_numbers(calls).into_iter().map(|(syscall, conditions)| {
        rule(
            syscall,
            conditions,
            Verdict::Errno(EBUSY),
            "an audit socket is put at a free number; nothing may come there between the look and the put",
        )
    }));
    if options.refuse_sender_handles {
        rules.extend(setting_options(calls).into_iter().map(|syscall| {
            rule(
                syscall,
                vec![one_of(1, &[SOL_SOCKET]), one_of(2, &[SO_PASSPIDFD])],
                Verdict::Errno(ENOPROTOOPT),
                "a handle of a message's sender would be one of the supervisor",
            )
        }));
    }
    if options.notify_signals {
        rules.extend(signal_calls(calls).into_iter().map(|(syscall, argument)| {
            rule(
                syscall,
                vec![one_of(argument, &WATCHED_SIGNALS)],
                Verdict::Notify,
                "an audit daemon asks who sent it a signal",
            )
        }));
    }
    if options.refuse_io_uring {
        rules.push(rule(
            calls.io_uring_setup,
            Vec::new(),
            Verdict::Errno(EPERM),
            "a ring opens sockets without a system call, and so without a filter",
        ));
    }
    rules
}

const EPERM: u16 = 1;
const EBUSY: u16 = 16;
const ENOPROTOOPT: u16 = 92;
const SOL_SOCKET: u32 = 1;
const SO_PASSPIDFD: u32 = 76;
/// `F_DUPFD` and `F_DUPFD_CLOEXEC`: a copy at the lowest free number from the argument on.
const COPY_FROM: [u32; 2] = [0, 1030];

/// The calls that would copy a descriptor to a reserved number, each with its conditions.
fn copies_to_reserved_numbers(calls: &Calls) -> Vec<(u32, Vec<Condition>)> {
    let copy = calls.copy;
    let reserved = |argument| Condition { argument, test: Test::Within(reserved::ALL) };
    let mut list = vec![(copy.dup3, vec![reserved(1)])];
    list.extend(copy.dup2.map(|dup2| (dup2, vec![reserved(1)])));
    let fcntl = || vec![one_of(1, &COPY_FROM), reserved(2)];
    list.push((copy.fcntl, fcntl()));
    list.extend(copy.fcntl64.map(|fcntl64| (fcntl64, fcntl())));
    list
}

/// The calls that set a socket's option.
fn setting_options(calls: &Calls) -> Vec<u32> {
    let mut list = vec![calls.on_socket.setsockopt];
    if calls.architecture == Architecture::X86_64 {
        list.push(X32_SETSOCKOPT);
    }
    list
}

/// The calls that send a signal, each with the number of the argument that names it.
fn signal_calls(calls: &Calls) -> Vec<(u32, u8)> {
    let mut list = vec![
        (calls.kill, 1),
        (calls.tkill, 1),
        (calls.tgkill, 2),
        (calls.rt_sigqueueinfo, 1),
        (calls.rt_tgsigqueueinfo, 2),
        (calls.pidfd_send_signal, 1),
    ];
    if calls.architecture == Architecture::X86_64 {
        list.extend([(X32_RT_SIGQUEUEINFO, 1), (X32_RT_TGSIGQUEUEINFO, 2)]);
    }
    list
}

/// The calls on a socket, each with the descriptor numbers at which it is stopped.
fn calls_on_sockets(calls: &Calls) -> Vec<(u32, RangeInclusive<u32>)> {
    let on_socket = calls.on_socket;
    let always = reserved::ALL;
    let mut list = vec![
        (on_socket.bind, always.clone()),
        (on_socket.connect, always.clone()),
        (on_socket.listen, always.clone()),
        (on_socket.shutdown, always.clone()),
        (on_socket.getsockname, always.clone()),
        (on_socket.getpeername, always.clone()),
        (on_socket.setsockopt, always.clone()),
        (on_socket.getsockopt, always.clone()),
        (on_socket.recvfrom, reserved::STRICT),
        (on_socket.recvmsg, reserved::STRICT),
    ];
    if calls.architecture == Architecture::X86_64 {
        list.extend([
            (X32_SETSOCKOPT, always.clone()),
            (X32_GETSOCKOPT, always),
            (X32_RECVFROM, reserved::STRICT),
            (X32_RECVMSG, reserved::STRICT),
        ]);
    }
    list
}

fn one_of(argument: u8, values: &[u32]) -> Condition {
    Condition { argument, test: Test::AnyOf(values.to_vec()) }
}

#[cfg(test)]
mod tests;

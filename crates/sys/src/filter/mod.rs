//! The seccomp filter as data: a list of rules, assembled into classic BPF and evaluated without a kernel.

mod program;

pub use program::{Action, AssembleError, Program, assemble};

use crate::arch::{Architecture, Calls, TABLE, X32_RT_SIGQUEUEINFO, X32_RT_TGSIGQUEUEINFO};

/// `AF_NETLINK`.
pub const FAMILY_NETLINK: u32 = 16;
/// `NETLINK_AUDIT`.
pub const PROTOCOL_AUDIT: u32 = 9;
/// The call number of `socket` in `socketcall(2)`.
pub const SOCKETCALL_SOCKET: u32 = 1;
/// The signals whose senders an audit daemon may ask for (`SIGHUP`, `SIGUSR1`, `SIGUSR2`, `SIGTERM`), on every
/// architecture of [`crate::arch`] (kernel: `audit_signal_info`).
pub const WATCHED_SIGNALS: [u32; 4] = [1, 10, 12, 15];

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
}

impl Default for FilterOptions {
    /// Everything on: the complete filter.
    fn default() -> Self {
        Self { notify_signals: true, refuse_io_uring: true }
    }
}

/// A test on the low 32 bits of one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Number of the argument, 0 to 5.
    pub argument: u8,
    /// Values of which one must be there; an empty list never holds.
    pub any_of: Vec<u32>,
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
                .all(|condition| condition.any_of.contains(&data.low(usize::from(condition.argument))))
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

fn one_of(argument: u8, values: &[u32]) -> Condition {
    Condition { argument, any_of: values.to_vec() }
}

#[cfg(test)]
mod tests;

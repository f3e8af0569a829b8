//! The calls that the supervisor is to be asked about.

use super::rule::{ALLOW, Comparison, NOTIFY, Rule};
use crate::operator::Operator;

/// The bits that the kernel looks at.
pub(super) const INT: u64 = 0xffff_ffff;
/// Descriptor numbers of audit sockets: 832 to 895, and the upper half of these, where strict clients have theirs. Each is the
/// numbers that are alike but for some low bits, so that one comparison is enough.
pub(super) const SOCKETS: (u64, u64) = (832, 895);
const STRICT: (u64, u64) = (864, 895);
/// Signals whose sender an audit daemon may ask for: `SIGHUP`, `SIGUSR1`, `SIGUSR2`, `SIGTERM`.
const SIGNALS: [u64; 4] = [1, 10, 12, 15];

/// Which argument of a call decides, and how.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// Argument 0 is a descriptor in a range.
    Descriptor((u64, u64)),
    /// This argument is one of the signals.
    Signal(u64),
}

const CALLS: [(&str, Asked); 16] = [
    ("bind", Asked::Descriptor(SOCKETS)),
    ("connect", Asked::Descriptor(SOCKETS)),
    ("listen", Asked::Descriptor(SOCKETS)),
    ("shutdown", Asked::Descriptor(SOCKETS)),
    ("getsockname", Asked::Descriptor(SOCKETS)),
    ("getpeername", Asked::Descriptor(SOCKETS)),
    ("setsockopt", Asked::Descriptor(SOCKETS)),
    ("getsockopt", Asked::Descriptor(SOCKETS)),
    ("recvfrom", Asked::Descriptor(STRICT)),
    ("recvmsg", Asked::Descriptor(STRICT)),
    ("kill", Asked::Signal(1)),
    ("tkill", Asked::Signal(1)),
    ("tgkill", Asked::Signal(2)),
    ("rt_sigqueueinfo", Asked::Signal(1)),
    ("rt_tgsigqueueinfo", Asked::Signal(2)),
    ("pidfd_send_signal", Asked::Signal(1)),
];

/// Whether the rules of a call are made anew.
pub(super) fn is_asked(name: &str) -> bool {
    CALLS.iter().any(|(known, _)| *known == name)
}

/// The numbers of such a range.
pub(super) fn in_range(index: u64, (first, last): (u64, u64)) -> Comparison {
    Comparison::masked(index, INT & !(last - first), first)
}

/// All other numbers, for a rule each. Numbers of the range with odd values in the upper bits are among these, too; libseccomp
/// looks at masked comparisons first.
pub(super) fn outside_range(index: u64, (first, last): (u64, u64)) -> [Comparison; 2] {
    [Comparison::new(index, Operator::Less, first), Comparison::new(index, Operator::Greater, last)]
}

/// When the supervisor is asked about a call.
fn asked(asked: Asked) -> Vec<Comparison> {
    match asked {
        Asked::Descriptor(range) => vec![in_range(0, range)],
        Asked::Signal(index) => SIGNALS.map(|signal| Comparison::masked(index, INT, signal)).into(),
    }
}

/// When it is not. Of two comparisons of one argument in one rule any is enough for runtimes, so ranges are whole ones or
/// single values. Odd values of the upper bits are not asked about, which costs nobody but the caller something.
fn others(asked: Asked) -> Vec<Comparison> {
    match asked {
        Asked::Descriptor(range) => outside_range(0, range).into(),
        Asked::Signal(index) => {
            let last = SIGNALS.into_iter().max().unwrap_or_default();
            let between = (0..last).filter(|signal| !SIGNALS.contains(signal));
            let single = between.map(|signal| Comparison::new(index, Operator::Equal, signal));
            single.chain([Comparison::new(index, Operator::Greater, last)]).collect()
        }
    }
}

/// What becomes of a rule that allows one of these calls without a look at its arguments: the supervisor is asked about some,
/// and the others are allowed. Other rules stay.
pub(super) fn divided(rule: &Rule, name: &str) -> Vec<Rule> {
    let Some((_, how)) = CALLS.iter().find(|(known, _)| *known == name) else { return Vec::new() };
    if rule.action != ALLOW || !rule.comparisons.is_empty() {
        return vec![rule.with(name, &rule.action, rule.comparisons.clone())];
    }
    let notified = asked(*how).into_iter().map(|comparison| rule.with(name, NOTIFY, vec![comparison]));
    let allowed = others(*how).into_iter().map(|comparison| rule.with(name, ALLOW, vec![comparison]));
    notified.chain(allowed).collect()
}

/// The rules of a profile that allows whatever it does not name.
pub(super) fn added(name: &str) -> Vec<Rule> {
    divided(&Rule::allowing(), name).into_iter().filter(|rule| rule.action == NOTIFY).collect()
}

/// All of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|(name, _)| *name)
}

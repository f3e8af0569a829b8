//! The calls that the supervisor is to be asked about.

use super::rule::{ALLOW, Comparison, NOTIFY, Rule};
use crate::operator::Operator;
use crate::profile::asked::{INT, ON_SOCKETS, SIGNALLING, SIGNALS, SOCKETS, mask};

/// The upper half of the audit sockets' numbers, where strict clients have theirs.
const STRICT: (u64, u64) = (864, 895);
/// Calls that are answered there.
const RECEIVING: [&str; 2] = ["recvfrom", "recvmsg"];

/// Which argument of a call decides, and how.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// Argument 0 is a descriptor in a range.
    Descriptor((u64, u64)),
    /// This argument is one of the signals.
    Signal(u64),
}

/// `None` for calls that the supervisor is not asked about.
fn how(name: &str) -> Option<Asked> {
    if ON_SOCKETS.contains(&name) {
        Some(Asked::Descriptor(SOCKETS))
    } else if RECEIVING.contains(&name) {
        Some(Asked::Descriptor(STRICT))
    } else {
        let signalling = SIGNALLING.into_iter().find(|(known, _)| *known == name);
        signalling.map(|(_, argument)| Asked::Signal(argument))
    }
}

/// Whether the rules of a call are made anew.
pub(super) fn is_asked(name: &str) -> bool {
    how(name).is_some()
}

/// The numbers of such a range.
pub(super) fn in_range(index: u64, range: (u64, u64)) -> Comparison {
    Comparison::masked(index, mask(range), range.0)
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
    let Some(how) = how(name) else { return Vec::new() };
    if rule.action != ALLOW || !rule.comparisons.is_empty() {
        return vec![rule.with(name, &rule.action, rule.comparisons.clone())];
    }
    let notified = asked(how).into_iter().map(|comparison| rule.with(name, NOTIFY, vec![comparison]));
    let allowed = others(how).into_iter().map(|comparison| rule.with(name, ALLOW, vec![comparison]));
    notified.chain(allowed).collect()
}

/// The rules of a profile that allows whatever it does not name.
pub(super) fn added(name: &str) -> Vec<Rule> {
    divided(&Rule::allowing(), name).into_iter().filter(|rule| rule.action == NOTIFY).collect()
}

/// All of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ON_SOCKETS.into_iter().chain(RECEIVING).chain(SIGNALLING.map(|(name, _)| name))
}

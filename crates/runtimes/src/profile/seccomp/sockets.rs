//! Rules for `socket`.

use super::ProfileError;
use super::rule::{ALLOW, Comparison, NOTIFY, Rule};
use crate::profile::asked::{AF_NETLINK, INT, NETLINK_AUDIT};

/// `AF_MAX`: families from here on do not exist.
const FAMILIES: u64 = 46;
/// `MAX_LINKS`: protocols of netlink from here on do not exist.
const PROTOCOLS: u64 = 32;
/// A protocol that stands for all others of a family.
const ANY: u64 = 0;

/// The supervisor is asked about audit sockets, whatever the profile had said about them.
pub(super) fn notified() -> Rule {
    Rule {
        names: vec!["socket".to_owned()],
        action: NOTIFY.to_owned(),
        comparisons: vec![Comparison::masked(0, INT, AF_NETLINK), Comparison::masked(2, INT, NETLINK_AUDIT)],
        rest: serde_json::Map::new(),
    }
}

/// What a profile's rules say, audit sockets left out. Rules that allow become one for each family and, of netlink, for each
/// protocol, under the same conditions: a rule that only leaves audit sockets out would, with odd values in the bits that the
/// kernel does not look at, let them through.
///
/// # Errors
/// [`ProfileError::Socket`] for a rule that compares something else and may speak of audit sockets.
pub(super) fn without_audit(rules: &[Rule]) -> Result<Vec<Rule>, ProfileError> {
    let mut result = Vec::new();
    let mut groups: Vec<Vec<&Rule>> = Vec::new();
    for rule in rules {
        if rule.action != ALLOW {
            if !matches(rule, AF_NETLINK, NETLINK_AUDIT) {
                result.push(rule.with("socket", &rule.action, rule.comparisons.clone()));
            } else if matches(rule, AF_NETLINK, ANY) {
                return Err(ProfileError::Socket);
            }
            continue;
        }
        if rule.comparisons.iter().any(|comparison| comparison.index != 0 && comparison.index != 2) {
            return Err(ProfileError::Socket);
        }
        match groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| first.conditions() == rule.conditions()))
        {
            Some(group) => group.push(rule),
            None => groups.push(vec![rule]),
        }
    }
    for group in groups {
        let allows = |family, protocol| group.iter().any(|rule| matches(rule, family, protocol));
        let Some(first) = group.first() else { continue };
        let family = |family| Comparison::masked(0, INT, family);
        for other in (0..FAMILIES).filter(|family| *family != AF_NETLINK && allows(*family, ANY)) {
            result.push(first.with("socket", ALLOW, vec![family(other)]));
        }
        for protocol in (0..PROTOCOLS).filter(|protocol| *protocol != NETLINK_AUDIT) {
            if allows(AF_NETLINK, protocol) {
                let comparisons = vec![family(AF_NETLINK), Comparison::masked(2, INT, protocol)];
                result.push(first.with("socket", ALLOW, comparisons));
            }
        }
    }
    Ok(result)
}

/// Whether a rule is about a socket of that family and protocol. What compares one argument twice is enough with one of both.
fn matches(rule: &Rule, family: u64, protocol: u64) -> bool {
    let argument = |index| match index {
        0 => family,
        2 => protocol,
        _ => ANY,
    };
    let holds = |comparison: &Comparison| comparison.holds(argument(comparison.index));
    let mut indices: Vec<u64> = rule.comparisons.iter().map(|comparison| comparison.index).collect();
    indices.sort_unstable();
    let is_twice = indices.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
    if is_twice { rule.comparisons.iter().any(holds) } else { rule.comparisons.iter().all(holds) }
}

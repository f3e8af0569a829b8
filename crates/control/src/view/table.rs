//! All namespaces, a line for each.

use super::columns::{Side, align};
use super::time::age;
use crate::interface::{Membership, NamespaceInfo, Policy};
use auditns_wire::text::escape;

const HEADINGS: [&str; 13] = [
    "NAME", "CONTID", "PARENT", "PID", "MEMBERS", "USER", "POLICY", "LIMIT", "BACKLOG", "LOST", "RECORDS",
    "DAEMON", "AGE",
];

const SIDES: [Side; 13] = [
    Side::Left,
    Side::Right,
    Side::Right,
    Side::Right,
    Side::Right,
    Side::Right,
    Side::Left,
    Side::Right,
    Side::Right,
    Side::Right,
    Side::Right,
    Side::Right,
    Side::Right,
];

/// A line of headings and one for each namespace, in the order given. `now` is in seconds since 1970.
pub fn table(namespaces: &[NamespaceInfo], now: u64) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(namespaces.iter().map(|namespace| row(namespace, now)));
    align(&rows, SIDES).into_iter().map(|line| line + "\n").collect()
}

fn row(namespace: &NamespaceInfo, now: u64) -> [String; 13] {
    [
        escape(namespace.name.as_bytes()),
        namespace.contid.to_string(),
        namespace.parent.map_or_else(|| "-".to_owned(), |parent| parent.to_string()),
        pid(namespace.pid),
        members(namespace),
        namespace.uid.to_string(),
        policy(namespace.policy).to_owned(),
        namespace.backlog_limit.to_string(),
        namespace.backlog.to_string(),
        namespace.lost_total.to_string(),
        namespace.records.to_string(),
        pid(namespace.daemon_pid),
        age(now.saturating_sub(namespace.started)),
    ]
}

fn pid(pid: u32) -> String {
    if pid == 0 { "-".to_owned() } else { pid.to_string() }
}

/// How many processes are in a namespace; with a mark where they are told by descent.
pub(super) fn members(namespace: &NamespaceInfo) -> String {
    match (namespace.members, namespace.membership) {
        (None, _) => "-".to_owned(),
        (Some(members), Membership::Exact) => members.to_string(),
        (Some(members), Membership::Descent) => format!("~{members}"),
    }
}

pub(super) fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Normal => "normal",
        Policy::Strict => "strict",
    }
}

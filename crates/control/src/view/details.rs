//! Everything about one namespace.

use super::table::policy;
use super::time::date;
use crate::interface::{Membership, NamespaceInfo};
use auditns_wire::text::escape;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A line `key: value` for each field, keys as in the interface file.
pub fn details(namespace: &NamespaceInfo) -> String {
    // Taking the value apart makes the compiler find fields that have no line.
    let NamespaceInfo {
        contid,
        name,
        runtime,
        uid,
        pid,
        container,
        labels,
        started,
        policy: of_policy,
        gate_open,
        enabled,
        failure,
        rate_limit,
        backlog_limit,
        backlog_wait_time,
        lost,
        backlog,
        daemon_pid,
        queued_main,
        queued_retry,
        queued_hold,
        queue_bytes,
        rules,
        sockets,
        open_sockets,
        datagrams,
        messages,
        records,
        filtered,
        delivered,
        lost_total,
        store_failures,
        missed_by_listeners,
        blocked_ms,
        log_folder,
        log_bytes_max,
        log_files,
        members,
        membership: of_membership,
        listeners,
        restarts,
        unkept,
        parent,
        unknown_senders,
        own_logins,
    } = namespace;
    let lines = [
        ("name", escape(name.as_bytes())),
        ("contid", contid.to_string()),
        ("runtime", escape(runtime.as_bytes())),
        ("uid", uid.to_string()),
        ("pid", known(*pid, "unknown")),
        ("container", escape(container.as_bytes())),
        ("labels", escape(labels_of(labels).as_bytes())),
        ("started", date(*started)),
        ("policy", policy(*of_policy).to_owned()),
        ("gate_open", yes_or_no(*gate_open)),
        ("enabled", explained(*enabled, &["off", "on", "locked"])),
        ("failure", explained(*failure, &["silent", "printk", "panic"])),
        ("rate_limit", explained(*rate_limit, &["unlimited"])),
        ("backlog_limit", explained(*backlog_limit, &["unlimited"])),
        ("backlog_wait_time", backlog_wait_time.to_string()),
        ("lost", lost.to_string()),
        ("backlog", backlog.to_string()),
        ("daemon_pid", known(*daemon_pid, "none")),
        ("queued_main", queued_main.to_string()),
        ("queued_retry", queued_retry.to_string()),
        ("queued_hold", queued_hold.to_string()),
        ("queue_bytes", queue_bytes.to_string()),
        ("rules", rules.to_string()),
        ("sockets", sockets.to_string()),
        ("open_sockets", open_sockets.to_string()),
        ("datagrams", datagrams.to_string()),
        ("messages", messages.to_string()),
        ("records", records.to_string()),
        ("filtered", filtered.to_string()),
        ("delivered", delivered.to_string()),
        ("lost_total", lost_total.to_string()),
        ("store_failures", store_failures.to_string()),
        ("missed_by_listeners", missed_by_listeners.to_string()),
        ("blocked_ms", blocked_ms.to_string()),
        ("log_folder", escape(log_folder.as_bytes())),
        ("log_bytes_max", log_bytes_max.to_string()),
        ("log_files", log_files.to_string()),
        ("members", members.map_or_else(|| "unknown".to_owned(), |members| members.to_string())),
        ("membership", membership(*of_membership).to_owned()),
        ("listeners", listeners.to_string()),
        ("restarts", restarts.to_string()),
        ("unkept", unkept.to_string()),
        ("parent", parent.map_or_else(|| "none".to_owned(), |parent| parent.to_string())),
        ("unknown_senders", unknown_senders.to_string()),
        ("own_logins", yes_or_no(*own_logins)),
    ];
    let mut text = String::new();
    for (key, value) in lines {
        let _ = writeln!(text, "{key}: {value}");
    }
    text
}

fn membership(membership: Membership) -> &'static str {
    match membership {
        Membership::Exact => "exact",
        Membership::Descent => "descent",
    }
}

fn labels_of(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn known(pid: u32, otherwise: &str) -> String {
    if pid == 0 { otherwise.to_owned() } else { pid.to_string() }
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// A number, and what it means if it is one of the first.
fn explained(value: u32, meanings: &[&str]) -> String {
    let meaning = usize::try_from(value).ok().and_then(|value| meanings.get(value));
    meaning.map_or_else(|| value.to_string(), |meaning| format!("{value} ({meaning})"))
}

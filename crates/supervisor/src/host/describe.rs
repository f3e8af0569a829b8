//! How a namespace is, for whoever asks.

use super::orders::Description;
use crate::server::Server;
use auditns_control::interface::{self, NamespaceInfo};
use auditns_core::Policy;

/// Milliseconds of a tick of the kernel's status.
const TICK_MS: u64 = 1000 / auditns_core::time::JIFFIES_PER_SECOND as u64;

/// Everything that is known of a namespace that a server serves. `None` if it has ended.
pub(crate) fn description(server: &Server<'_>, contid: u64) -> Option<Description> {
    let family = server.family();
    let namespace = family.get(contid)?;
    let nested = server.nested(contid);
    let (origin, settings) = nested.unwrap_or((server.origin(), server.settings()));
    let (status, counters, queued) = (namespace.status(), namespace.counters(), namespace.queued());
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let info = NamespaceInfo {
        contid: namespace.contid(),
        name: origin.name.clone(),
        runtime: origin.runtime.clone(),
        uid: origin.uid,
        pid: origin.pid,
        container: origin.container.as_ref().map(|container| container.id.clone()).unwrap_or_default(),
        labels: origin.labels.iter().cloned().collect(),
        started: origin.began,
        policy: match namespace.policy() {
            Policy::Normal => interface::Policy::Normal,
            Policy::Strict => interface::Policy::Strict,
        },
        gate_open: namespace.gate_open(),
        enabled: status.enabled,
        failure: status.failure,
        rate_limit: status.rate_limit,
        backlog_limit: status.backlog_limit,
        backlog_wait_time: status.backlog_wait_time,
        lost: status.lost,
        backlog: status.backlog,
        daemon_pid: status.pid,
        queued_main: count(queued.main),
        queued_retry: count(queued.retry),
        queued_hold: count(queued.hold),
        queue_bytes: queued.bytes as u64,
        rules: count(namespace.rules_count()),
        sockets: counters.sockets,
        // Sockets are of all: they act for the namespace of whoever uses them.
        open_sockets: if nested.is_some() { 0 } else { server.open_sockets() as u64 },
        datagrams: counters.datagrams,
        messages: counters.messages,
        records: counters.records,
        filtered: counters.filtered,
        delivered: counters.delivered,
        lost_total: counters.lost,
        store_failures: counters.store_failures,
        missed_by_listeners: counters.missed_by_listeners,
        blocked_ms: u64::from(status.backlog_wait_time_actual) * TICK_MS,
        log_folder: origin.log_folder.to_string_lossy().into_owned(),
        log_bytes_max: settings.rotation.size,
        log_files: settings.rotation.files,
        members: None,
        membership: interface::Membership::Descent,
        listeners: count(family.listeners_count(contid)),
        parent: namespace.parent(),
        unknown_senders: counters.unknown_senders,
        own_logins: namespace.has_own_logins(),
        restarts: origin.served_before,
        unkept: if nested.is_some() { 0 } else { server.unkept() },
    };
    let root_alone = nested.is_none();
    Some(Description {
        info,
        settings: settings.clone(),
        pid_namespace: if root_alone { server.own_pid_namespace() } else { None },
        place: if root_alone { server.settled_place() } else { None },
        first_started: origin.pid_started,
        noted: server.all_noted(),
    })
}

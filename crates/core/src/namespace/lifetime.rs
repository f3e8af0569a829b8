//! START and END records, and the counters that END shows.

use super::Namespace;
use crate::action::Action;
use crate::time::Now;
use auditns_wire::message_type::VIRT_CONTROL;
use auditns_wire::record::{self, Body, Ids, Lifetime};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a namespace has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Audit sockets opened.
    pub sockets: u64,
    /// Audit sockets of which only messages reach the supervisor, because the member's table of descriptors had no room
    /// at the reserved numbers.
    pub plain_sockets: u64,
    /// Calls on other files that were stopped because they have the number of an audit socket.
    pub stray_calls: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Messages in them.
    pub messages: u64,
    /// Records made, those filtered out or over the rate limit not counted.
    pub records: u64,
    /// Messages dropped by rules of the lists `user` and `exclude`.
    pub filtered: u64,
    /// Records handed to an audit daemon.
    pub delivered: u64,
    /// Records lost; unlike the status field never reset from inside.
    pub lost: u64,
    /// Copies of records for which READLOG listeners had no room.
    pub missed_by_listeners: u64,
    /// Records that could not be written to the host's log.
    pub store_failures: u64,
    /// Datagrams of senders of whom it could not be told in which namespace of the family they are.
    pub unknown_senders: u64,
    /// Most rules at one time that were stored but not enforced.
    pub unenforced_rules: usize,
}

impl Namespace {
    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    pub(super) fn store_start(&mut self, now: Now) {
        let mut fields = vec![
            ("policy".into(), self.config.policy.name().to_owned()),
            ("backlog_limit".into(), self.config.backlog_limit.to_string()),
        ];
        fields.extend(self.config.start_fields.iter().cloned());
        let operation = if self.config.parents.is_empty() { "start" } else { "create" };
        self.store_lifetime(operation, self.config.starter, fields, now);
    }

    pub(super) fn store_end(&mut self, now: Now) {
        let counters = self.counters;
        let fields = [
            ("sockets", counters.sockets.to_string()),
            ("plain_sockets", counters.plain_sockets.to_string()),
            ("stray_calls", counters.stray_calls.to_string()),
            ("records", counters.records.to_string()),
            ("delivered", counters.delivered.to_string()),
            ("lost", counters.lost.to_string()),
            ("missed_by_listeners", counters.missed_by_listeners.to_string()),
            ("log_failures", counters.store_failures.to_string()),
            ("rules_not_enforced", counters.unenforced_rules.to_string()),
        ];
        let mut fields: Vec<_> = fields.map(|(name, value)| (name.into(), value)).into();
        // There are none without nested namespaces.
        if counters.unknown_senders > 0 {
            fields.push(("unknown_senders".into(), counters.unknown_senders.to_string()));
        }
        self.store_lifetime("stop", self.config.starter, fields, now);
    }

    /// For the host's log alone: inside, a namespace does not see its own frame.
    pub(super) fn store_lifetime(
        &mut self,
        operation: &'static str,
        ids: Ids,
        fields: Vec<(Cow<'static, str>, String)>,
        now: Now,
    ) {
        let stamp = self.next_stamp(now);
        let body = Body::Lifetime(Lifetime { ids, operation, name: self.config.name.clone(), fields });
        let line = record::host_line(VIRT_CONTROL, stamp, &self.provenance, &body);
        self.output.push_back(Action::Store { serial: stamp.serial, line, lifetime: true });
    }
}

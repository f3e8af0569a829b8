//! What the host decides about a namespace when it is created.

use crate::rules::RuleSet;
use auditns_wire::record::Ids;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// How much of its configuration is a namespace's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// Everything: status, features, rules.
    Normal,
    /// Only the registration of an audit daemon; whatever else would change the configuration, and everything
    /// about rules, is refused with `EPERM`.
    Strict,
}

impl Policy {
    /// The policy's name in commands, configuration and records.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Normal => "normal",
            Policy::Strict => "strict",
        }
    }
}

/// What members may make inside a namespace with `AUDIT_CREATE_NS`, all of them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nesting {
    /// How deep: 1 allows namespaces inside the one that the host has made, and none inside those. 0 allows none.
    pub depth: u32,
    /// How many at a time.
    pub number: u32,
    /// What a new one gets of the backlog limit of the one that it is made in, in percent. With 0 its gate is closed until the
    /// host raises its limit.
    pub share: u32,
}

/// A namespace's configuration at creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Number of the namespace, unique on this host and never reused.
    pub contid: u64,
    /// Name for people.
    pub name: Vec<u8>,
    /// See [`Policy`].
    pub policy: Policy,
    /// `backlog_limit` at the start, in records. 0 closes the namespace's gate: user messages are refused with
    /// `ECONNREFUSED`, which lets logins proceed unrecorded, until the host raises the limit.
    pub backlog_limit: u32,
    /// Most memory that queued records may take, in bytes of text, whatever the limits set inside say.
    pub queue_bytes: usize,
    /// Who created the namespace, as the host sees them: the ids of the START and END records.
    pub starter: Ids,
    /// What the host knows the container by: fields of every line in its log, after the namespace's number.
    pub labels: Vec<(Cow<'static, str>, String)>,
    /// The namespaces in which it was made, the innermost first; none for one that the host has made.
    pub parents: Vec<u64>,
    /// More fields of the START record, in order.
    pub start_fields: Vec<(Cow<'static, str>, String)>,
    /// Most rules that members may store; one more is refused with `ENOMEM`. Beyond some 8000 the memory for rules
    /// ([`RuleSet::BYTES_LIMIT`]) is what refuses first.
    pub rules_max: usize,
    /// Whether every record that the namespace sees comes a second time, as [`crate::Action::StoreInside`].
    pub inside_log: bool,
    /// How long records wait for others before they are sent to the audit daemon together, so that it is woken once for all.
    /// Zero: each at once.
    pub delivery_delay: Duration,
    /// Whether members have login user ids and sessions of the namespace's own. Otherwise those of the kernel count.
    pub own_logins: bool,
}

impl Config {
    /// Usual `delivery_delay`: 300 µs. The kernel's thread needs some tens to wake up.
    pub const DELIVERY_DELAY: Duration = Duration::from_micros(300);
    /// Default of `queue_bytes`: 16 MiB.
    pub const QUEUE_BYTES: usize = 16 << 20;
    /// Default of `backlog_limit`, the kernel's: 64 records.
    pub const BACKLOG_LIMIT: u32 = 64;
    /// Default of `rules_max`: 4096 rules.
    pub const RULES_MAX: usize = RuleSet::LIMIT;
}

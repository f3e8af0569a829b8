//! What a play of a case leaves behind: every step with its exact result.

use crate::actor::{Answer, Datagram};
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a step's result depends on scheduling, where the kernel defines no exact one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Noise {
    /// The result is defined.
    #[default]
    None,
    /// Of a status, `lost` counts only as zero or not, and `backlog` not at all.
    Counts,
    /// Of received records, only which kinds came counts, not how many or which numbers.
    Records,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawStep {
    /// The actor, or empty for a step of the player.
    pub(crate) who: String,
    /// The primitive and its socket.
    pub(crate) op: String,
    /// What the step is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
    /// See [`Noise`].
    #[serde(default)]
    pub(crate) noise: Noise,
    /// Bytes that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<Hex>,
    /// When a registration was sent, on the clock that records are stamped with, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<u64>,
    /// The result.
    pub(crate) answer: Answer,
}

/// A played case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawCase {
    /// The case.
    pub(crate) case: String,
    /// `uname -r`.
    pub(crate) kernel: String,
    /// Whether records without an auditd are held for the next one (a kernel booted with audit=1).
    pub(crate) holds: bool,
    /// Process ids by actor.
    pub(crate) pids: BTreeMap<String, i32>,
    /// The steps in order.
    pub(crate) steps: Vec<RawStep>,
    /// Datagrams that no step fetched, by actor and socket.
    #[serde(default)]
    pub(crate) leftover: BTreeMap<String, Vec<Datagram>>,
}

/// A step in comparable form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Actor, primitive and socket.
    pub(crate) s: String,
    /// What the step is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) n: String,
    /// A scalar result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r: Option<String>,
    /// Datagrams received.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) d: Vec<String>,
    /// Whether scheduling decides how many of the records come by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) noisy: bool,
    /// Records received that are older than the registration of the socket: they were held for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) held: Vec<String>,
}

/// A case in comparable form.
#[expect(clippy::struct_field_names, reason = "the names are the keys of the files")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The case.
    pub(crate) case: String,
    /// As in [`RawCase`].
    #[serde(default)]
    pub(crate) kernel: String,
    /// As in [`RawCase`].
    #[serde(default)]
    pub(crate) holds: bool,
    /// The steps in order.
    pub(crate) steps: Vec<Step>,
    /// Datagrams that no step fetched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) leftover: BTreeMap<String, Vec<String>>,
}

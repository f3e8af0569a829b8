//! `AUDIT_GET_FEATURE` and `AUDIT_SET_FEATURE`.

use super::Namespace;
use super::datagram::{Handled, Outcome, Request};
use super::settings::DISABLED;
use auditns_wire::Errno;
use auditns_wire::message_type::{FEATURE_CHANGE, GET_FEATURE};
use auditns_wire::payload::Features;
use auditns_wire::record::{Body, FeatureChange};
use auditns_wire::reply;
use serde::{Deserialize, Serialize};

/// Names by bit number (`audit_feature_names`).
const NAMES: [&str; 2] = ["only_unset_loginuid", "loginuid_immutable"];

/// Values and locks by bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FeatureState {
    features: u32,
    lock: u32,
}

/// One feature of a request: before and after.
struct Change {
    name: &'static str,
    bit: u32,
    value: (bool, bool),
    lock: (bool, bool),
}

impl FeatureState {
    /// Whether a login user id can only be set where none is.
    pub(super) fn only_unset_loginuid(self) -> bool {
        self.features & 1 != 0
    }

    /// Whether a login user id can never be changed.
    pub(super) fn loginuid_immutable(self) -> bool {
        self.features & 1 << 1 != 0
    }
}

impl Namespace {
    pub(super) fn get_features(&self, request: &Request<'_>) -> Vec<u8> {
        let FeatureState { features, lock } = self.features;
        // The kernel takes the sequence number from the head of the datagram (`audit_get_feature`).
        let sequence = request.first.header.sequence;
        let features = Features { version: 1, mask: u32::MAX, features, lock };
        reply::data(GET_FEATURE, sequence, false, &features.encode())
    }

    /// Kernel: `audit_set_feature`. Nothing is applied when one locked feature would change.
    pub(super) fn set_features(&mut self, request: &Request<'_>) -> Handled {
        let wanted = Features::decode(request.message.payload).ok_or(Errno::EINVAL)?;
        let state = self.features;
        let changes = || {
            let asked = NAMES.into_iter().enumerate().map(|(number, name)| (name, 1 << number));
            asked.filter(|(_, bit)| wanted.mask & bit != 0).map(|(name, bit)| Change {
                name,
                bit,
                value: (state.features & bit != 0, wanted.features & bit != 0),
                lock: (state.lock & bit != 0, (wanted.lock | state.lock) & bit != 0),
            })
        };
        if let Some(locked) = changes().find(|change| change.lock.0 && change.value.0 != change.value.1) {
            self.log_feature(request, &locked, false);
            return Err(Errno::EPERM);
        }
        for change in changes() {
            if change.value.0 != change.value.1 {
                self.log_feature(request, &change, true);
            }
            let set =
                |word: &mut u32, on: bool| *word = if on { *word | change.bit } else { *word & !change.bit };
            set(&mut self.features.features, change.value.1);
            set(&mut self.features.lock, change.lock.1);
        }
        Ok(Outcome::Done)
    }

    fn log_feature(&mut self, request: &Request<'_>, change: &Change, success: bool) {
        if self.settings.enabled == DISABLED {
            return;
        }
        let details = request.answers.details.clone().unwrap_or_default();
        let body = Body::Feature(Box::new(FeatureChange {
            ids: request.sender.ids,
            task: details.task,
            tty: details.tty,
            comm: details.comm,
            exe: details.exe,
            feature: change.name,
            value: change.value,
            lock: change.lock,
            success,
        }));
        self.log(FEATURE_CHANGE, request.sender, request.answers.exe, &body, request.now);
    }
}

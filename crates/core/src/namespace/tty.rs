//! `AUDIT_TTY_GET` and `AUDIT_TTY_SET`: terminal auditing, a state of each process that its children inherit.

use super::Namespace;
use super::datagram::{Handled, Outcome, Request};
use super::settings::DISABLED;
use crate::sender::ProcessId;
use auditns_wire::Errno;
use auditns_wire::message_type::CONFIG_CHANGE;
use auditns_wire::payload::TtyStatus;
use auditns_wire::record::{Body, TtyChange};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a process set itself to, and when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Setting {
    at: Duration,
    status: TtyStatus,
}

/// The settings of processes that ever changed theirs. A process that did not has what its nearest such ancestor
/// had when the line to it was forked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TtyStates {
    by_process: BTreeMap<ProcessId, Vec<Setting>>,
}

/// `/proc` tells a process's start in hundredths of a second; settings are compared at the same grain.
const GRAIN: Duration = Duration::from_millis(10);

impl TtyStates {
    /// Most processes remembered. The one that started first is forgotten, and counts as never having set anything.
    pub(super) const PROCESSES: usize = 4096;
    /// Most settings remembered of one process; later ones replace the last.
    const SETTINGS: usize = 8;

    fn of(&self, process: ProcessId, ancestors: &[ProcessId]) -> TtyStatus {
        let mut until = Duration::MAX;
        for member in std::iter::once(&process).chain(ancestors) {
            let settings = self.by_process.get(member).map_or(&[][..], Vec::as_slice);
            if let Some(setting) = settings.iter().rev().find(|setting| floor(setting.at) <= until) {
                return setting.status;
            }
            until = until.min(member.started);
        }
        TtyStatus::default()
    }

    fn set(&mut self, process: ProcessId, status: TtyStatus, at: Duration) {
        let settings = self.by_process.entry(process).or_default();
        settings.truncate(TtyStates::SETTINGS - 1);
        settings.push(Setting { at, status });
        while self.by_process.len() > TtyStates::PROCESSES {
            let oldest = self.by_process.keys().min_by_key(|known| known.started).copied();
            if let Some(oldest) = oldest {
                self.by_process.remove(&oldest);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_process.len()
    }
}

fn floor(at: Duration) -> Duration {
    let grains = at.as_nanos() / GRAIN.as_nanos();
    GRAIN * u32::try_from(grains).unwrap_or(u32::MAX)
}

impl Namespace {
    pub(super) fn get_tty(&self, request: &Request<'_>) -> Vec<u8> {
        request.data(&self.tty_status(request).encode())
    }

    pub(super) fn tty_status(&self, request: &Request<'_>) -> TtyStatus {
        self.tty.of(request.sender.process, &request.answers.ancestors)
    }

    /// A bad value changes nothing and is recorded all the same.
    pub(super) fn set_tty(&mut self, request: &Request<'_>) -> Handled {
        let wanted = TtyStatus::decode(request.message.payload);
        let old = self.tty_status(request);
        let valid = wanted.enabled <= 1 && wanted.log_passwd <= 1;
        if valid {
            self.tty.set(request.sender.process, wanted, request.now.since_boot);
        }
        if self.settings.enabled != DISABLED {
            let body = Body::Tty(TtyChange {
                ids: request.sender.ids,
                enabled: (old.enabled, wanted.enabled),
                log_passwd: (old.log_passwd, wanted.log_passwd),
                success: valid,
            });
            self.log(CONFIG_CHANGE, request.sender, request.answers.exe, &body, request.now);
        }
        if valid { Ok(Outcome::Done) } else { Err(Errno::EINVAL) }
    }
}

//! The backlog limits behind `RUN-DIR/proc/PID/audit_backlog_limit`.

use super::Shared;
use super::directory::Entry;
use super::membership::Members;
use super::orders::Order;
use auditns_limitfs::{Limits, Refusal};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The limits of the namespaces of a host, by the processes in them.
#[derive(Debug)]
pub(super) struct LimitTree(pub(super) Arc<Shared>);

impl LimitTree {
    fn namespace_of(&self, pid: u32) -> Result<Entry, Refusal> {
        let found = Members::now(&self.0).namespace_of(pid, &self.0.directory.everything());
        if let Some((entry, _)) = found {
            return Ok(entry);
        }
        let lives = Path::new("/proc").join(pid.to_string()).exists();
        Err(if lives { Refusal::NoNamespace } else { Refusal::NoSuchProcess })
    }
}

impl Limits for LimitTree {
    fn get(&self, pid: u32) -> Result<u32, Refusal> {
        let entry = self.namespace_of(pid)?;
        let description = entry.orders.give(Order::Describe).map_err(|error| refusal(&error))?;
        Ok(description.info.backlog_limit)
    }

    fn set(&self, pid: u32, limit: u32) -> Result<(), Refusal> {
        let entry = self.namespace_of(pid)?;
        entry.orders.give(Order::SetBacklogLimit(limit)).map(|_| ()).map_err(|error| refusal(&error))
    }

    fn pids(&self) -> Vec<u32> {
        Members::now(&self.0).pids(self.0.directory.everything())
    }
}

fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::NoSuchProcess,
        _ => Refusal::Busy,
    }
}

//! The backlog limits behind `RUN-DIR/proc/PID/audit_backlog_limit`.

use super::Shared;
use super::asking::{described, marks};
use super::directory::Entry;
use super::members::Processes;
use super::resident::Order;
use auditns_limitfs::{Limits, Refusal};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The limits of the namespaces of a host, by the processes in them.
#[derive(Debug)]
pub(super) struct LimitTree(pub(super) Arc<Shared>);

impl LimitTree {
    fn namespace_of(&self, pid: u32) -> Result<Entry, Refusal> {
        let processes = Processes::now();
        let entries = self.0.directory.all();
        let mut members = entries.into_iter().filter(|entry| {
            described(entry).is_ok_and(|description| processes.is_member(pid, marks(&description)))
        });
        if let Some(entry) = members.next() {
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
        let processes = Processes::now();
        let descriptions = self.0.directory.all().into_iter().filter_map(|entry| described(&entry).ok());
        let all_marks: Vec<_> = descriptions.map(|description| marks(&description)).collect();
        processes
            .pids()
            .filter(|pid| all_marks.iter().any(|marks| processes.is_member(*pid, *marks)))
            .collect()
    }
}

fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::NoSuchProcess,
        _ => Refusal::Busy,
    }
}

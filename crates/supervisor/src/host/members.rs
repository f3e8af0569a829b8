//! Which processes are in which namespace.
//!
//! The kernel tells nobody which filters a task has. A process counts as a member if it descends from the first member, or
//! runs below a filter in the pid namespace that the container has for itself.

use auditns_sys::identity::Brief;
use auditns_sys::identity::{NamespaceFile, NamespaceKind};
use std::collections::HashMap;
use std::fs;

/// Most processes that are looked at.
const PROCESSES_MAX: usize = 1 << 16;
/// Longest line of ancestors.
const ANCESTORS_MAX: usize = 256;

/// How the members of a namespace are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The first member.
    pub(crate) first: u32,
    /// Inode number of the pid namespace of its own.
    pub(crate) pid_namespace: Option<u64>,
}

/// The processes of the host.
#[derive(Debug)]
pub(crate) struct Processes(HashMap<u32, u32>);

impl Processes {
    /// All processes as they are now, with their parents.
    pub(crate) fn now() -> Processes {
        let Ok(entries) = fs::read_dir("/proc") else { return Processes(HashMap::new()) };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let parents = pids.take(PROCESSES_MAX).filter_map(|pid| Some((pid, Brief::of(pid).ok()?.parent)));
        Processes(parents.collect())
    }

    /// All of them.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// How many are in a namespace.
    pub(crate) fn count(&self, marks: Marks) -> usize {
        self.0.keys().filter(|pid| self.is_member(**pid, marks)).count()
    }

    /// Whether a process is in a namespace.
    pub(crate) fn is_member(&self, pid: u32, marks: Marks) -> bool {
        let mut at = pid;
        for _ in 0..ANCESTORS_MAX {
            if at == marks.first {
                return true;
            }
            match self.0.get(&at) {
                Some(parent) if *parent > 1 => at = *parent,
                _ => break,
            }
        }
        marks.pid_namespace.is_some_and(|inode| {
            NamespaceFile::of_pid(pid, NamespaceKind::Pid).is_ok_and(|own| own.id().inode == inode)
                && is_filtered(pid)
        })
    }
}

fn is_filtered(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Background;

    #[test]
    fn descendants_are_members_and_others_are_not() {
        let process = Background::new(&["sh", "-c", "sleep 60 & echo; wait"]);
        let other = Background::new(&["sleep", "60"]);
        let marks = Marks { first: process.pid(), pid_namespace: None };
        crate::testing::eventually("two members", || Processes::now().count(marks) == 2);
        let processes = Processes::now();
        assert!(!processes.is_member(other.pid(), marks) && !processes.is_member(1, marks));
        let own = NamespaceFile::own(NamespaceKind::Pid).unwrap().id().inode;
        let marks = Marks { first: u32::MAX, pid_namespace: Some(own) };
        assert!(!processes.is_member(other.pid(), marks), "it runs below no filter");
    }
}

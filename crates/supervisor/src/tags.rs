//! What nested namespaces need to have known and done of tasks.

use crate::time::ticks;
use auditns_bpf::{Membership, MembershipError, Start};
use auditns_core::ProcessId;
use rustix::io::Errno;
use std::fmt::Debug;
use std::io;

/// Whoever knows in which namespace tasks are, and moves them.
pub(crate) trait TaskTags: Debug + Send + Sync {
    /// Whether tasks can be moved now.
    fn moves_tasks(&self) -> bool;

    /// Waits where it has just been started.
    fn wait_if_awaited(&self) {}

    /// The namespace that a task is in: the one that it was moved to, or whose filter it is below. `None` if it is in none.
    ///
    /// # Errors
    /// Where that cannot be told now.
    fn namespace_of(&self, task: u32) -> io::Result<Option<u64>>;

    /// Whether no task is in a namespace that tasks were moved to.
    ///
    /// # Errors
    /// Where that cannot be told now.
    fn is_empty(&self, namespace: u64) -> io::Result<bool>;

    /// Moves all threads of a process, so that what they make later is in that namespace too. Again is no error.
    ///
    /// # Errors
    /// `ESRCH` if the process is gone; `EOPNOTSUPP` where nothing moves tasks; `ETIMEDOUT` where it is not known how far it
    /// came.
    fn move_thread_group(&self, process: ProcessId, namespace: u64) -> io::Result<()>;

    /// Nobody asks for that namespace any more.
    fn forget(&self, namespace: u64);
}

impl TaskTags for Membership {
    fn moves_tasks(&self) -> bool {
        self.is_exact()
    }

    fn wait_if_awaited(&self) {
        Membership::wait_if_awaited(self);
    }

    fn namespace_of(&self, task: u32) -> io::Result<Option<u64>> {
        Ok(self.of_task(task).map_err(errno)?.and_then(|member| member.namespace()))
    }

    fn is_empty(&self, namespace: u64) -> io::Result<bool> {
        let tagged = self.tagged().map_err(errno)?;
        Ok(!tagged.iter().any(|(number, tasks)| *number == namespace && *tasks > 0))
    }

    fn move_thread_group(&self, process: ProcessId, namespace: u64) -> io::Result<()> {
        let start = Start::Ticks(ticks(process.started));
        Membership::move_thread_group(self, process.pid, start, namespace).map_err(errno)?;
        Ok(())
    }

    fn forget(&self, namespace: u64) {
        // What is not forgotten is said again.
        let _ = Membership::forget(self, namespace);
    }
}

/// What a member is told that asks for a namespace.
#[expect(clippy::needless_pass_by_value, reason = "it is what errors are mapped with")]
pub(crate) fn errno(error: MembershipError) -> Errno {
    match error {
        MembershipError::Unavailable { .. } => Errno::OPNOTSUPP,
        MembershipError::TimedOut => Errno::TIMEDOUT,
        MembershipError::NoSuchTask(_) => Errno::SRCH,
        MembershipError::Refused(_) | MembershipError::Unexpected => Errno::IO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_answers_no_task_is_moved_and_none_is_known() {
        let absent = Membership::absent("of a test");
        let tags: &dyn TaskTags = &*absent;
        let process = ProcessId { pid: 1, started: std::time::Duration::ZERO };
        assert!(!tags.moves_tasks());
        for error in [tags.namespace_of(1).unwrap_err(), tags.move_thread_group(process, 7).unwrap_err()] {
            assert_eq!(error.raw_os_error(), Some(Errno::OPNOTSUPP.raw_os_error()));
        }
        tags.forget(7);
    }
}

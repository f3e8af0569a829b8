//! Where limits come from.

use fuser::Errno;

/// The backlog limits of processes' audit namespaces. Several threads call at a time. A caller waits for each answer, and
/// with it one of a few threads, so an implementation answers at once, or says [`Refusal::Unavailable`].
pub trait Limits: Send + Sync + 'static {
    /// The backlog limit, in records, of the namespace that a process or thread is in.
    fn get(&self, pid: u32) -> Result<u32, Refusal>;

    /// Changes that limit. Whoever wants it is root of the host.
    fn set(&self, pid: u32, limit: u32) -> Result<(), Refusal>;

    /// The processes to list, in any order.
    fn pids(&self) -> Vec<u32>;
}

/// Why there is no limit to read or change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The process has ended.
    #[error("there is no such process")]
    NoSuchProcess,
    /// The process is not in an audit namespace.
    #[error("the process is in no audit namespace")]
    NoNamespace,
    /// The namespace does not answer at once.
    #[error("the audit namespace does not answer; try again")]
    Unavailable,
}

impl Refusal {
    pub(crate) fn of_reading(self) -> Errno {
        match self {
            Refusal::NoSuchProcess => Errno::ESRCH,
            Refusal::NoNamespace => Errno::EINVAL,
            Refusal::Unavailable => Errno::EAGAIN,
        }
    }

    pub(crate) fn of_writing(self) -> Errno {
        match self {
            Refusal::NoSuchProcess => Errno::ESRCH,
            Refusal::NoNamespace => Errno::EPERM,
            Refusal::Unavailable => Errno::EAGAIN,
        }
    }
}

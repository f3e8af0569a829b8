//! What the tree asks for: the limits themselves.

use fuser::Errno;

/// The backlog limits behind the tree.
///
/// Calls come from several threads at once. Each may take up to a second; a slower one holds back the others of its
/// caller's user.
pub trait Limits: Send + Sync + 'static {
    /// The backlog limit, in records, of the audit namespace that process `pid` is in.
    fn get(&self, pid: u32) -> Result<u32, Refusal>;

    /// Sets the backlog limit, in records, of the audit namespace that process `pid` is in.
    ///
    /// The tree has checked that the caller is root of the initial user namespace.
    fn set(&self, pid: u32, limit: u32) -> Result<(), Refusal>;

    /// The processes that the root of the tree lists, in any order. The tree shows the lowest 65536; others can still be
    /// looked up by number.
    fn pids(&self) -> Vec<u32>;
}

/// Why a limit was not read or not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The process has ended: `ESRCH`.
    #[error("the process has ended; look its number up again")]
    NoSuchProcess,
    /// The process is in no audit namespace but the initial one, whose limit is the kernel's: `EINVAL` for a read and
    /// `EPERM` for a write, as in the kernel's proposal.
    #[error("the process is in the initial audit namespace; use `auditctl -b` for its limit")]
    NoNamespace,
    /// No answer in time: `EAGAIN`.
    #[error("the audit namespace did not answer in time; try again")]
    Busy,
}

impl Refusal {
    pub(crate) fn of_read(self) -> Errno {
        match self {
            Self::NoSuchProcess => Errno::ESRCH,
            Self::NoNamespace => Errno::EINVAL,
            Self::Busy => Errno::EAGAIN,
        }
    }

    pub(crate) fn of_write(self) -> Errno {
        match self {
            Self::NoNamespace => Errno::EPERM,
            Self::NoSuchProcess | Self::Busy => self.of_read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_namespace_is_invalid_to_read_and_forbidden_to_write() {
        assert_eq!(Refusal::NoNamespace.of_read().code(), Errno::EINVAL.code());
        assert_eq!(Refusal::NoNamespace.of_write().code(), Errno::EPERM.code());
    }

    #[test]
    fn other_refusals_are_the_same_for_both() {
        for (refusal, errno) in [(Refusal::NoSuchProcess, Errno::ESRCH), (Refusal::Busy, Errno::EAGAIN)] {
            assert_eq!(refusal.of_read().code(), errno.code());
            assert_eq!(refusal.of_write().code(), errno.code());
        }
    }
}

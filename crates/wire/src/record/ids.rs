//! Ids in records: the same task as its namespace and as the host see it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which eyes a record is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Ids as inside the namespace.
    Namespace,
    /// Ids of the host.
    Host,
}

/// A value in both views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewed<T> {
    /// As the namespace sees it.
    pub namespace: T,
    /// As the host sees it.
    pub host: T,
}

impl<T> Viewed<T> {
    /// The same function of both values.
    pub fn map<U>(&self, function: impl Fn(&T) -> U) -> Viewed<U> {
        Viewed { namespace: function(&self.namespace), host: function(&self.host) }
    }

    /// The value for `view`.
    pub fn get(&self, view: View) -> &T {
        match view {
            View::Namespace => &self.namespace,
            View::Host => &self.host,
        }
    }
}

/// The ids that every record about a task carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Thread-group id; 0 where the view's pid namespace does not contain the task.
    pub pid: u32,
    /// Real user id; all ones where the view's user namespace does not map it.
    pub uid: u32,
    /// Login user id; all ones when unset.
    pub auid: u32,
    /// Login session id; all ones when unset.
    pub ses: u32,
}

impl Ids {
    /// The value of an id that is unset or not mapped.
    pub const UNSET: u32 = u32::MAX;

    /// Appends `pid=%d uid=%u auid=%u ses=%u`, as `audit_log_common_recv_msg` writes.
    pub(super) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut number = itoa::Buffer::new();
        let Ids { pid, uid, auid, ses } = *self;
        for (name, value) in [("pid=", pid), (" uid=", uid), (" auid=", auid), (" ses=", ses)] {
            out.write_str(name)?;
            out.write_str(number.format(value))?;
        }
        Ok(())
    }
}

impl Default for Ids {
    fn default() -> Ids {
        Ids { pid: 0, uid: Ids::UNSET, auid: Ids::UNSET, ses: Ids::UNSET }
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out)
    }
}

/// The further ids of `audit_log_task_info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskIds {
    /// Parent's thread-group id.
    pub ppid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Saved user id.
    pub suid: u32,
    /// File system user id.
    pub fsuid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Saved group id.
    pub sgid: u32,
    /// File system group id.
    pub fsgid: u32,
}

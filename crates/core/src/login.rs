//! Login user ids and sessions of the namespace's own.

use auditns_wire::Errno;
use auditns_wire::record::{Ids, Viewed};
use serde::{Deserialize, Serialize};

/// Who logged in, and in which session of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Login user id; all ones when unset.
    pub auid: Viewed<u32>,
    /// Session, from 1; all ones when unset.
    pub ses: u32,
}

impl Login {
    /// Nobody has.
    pub const UNSET: Login =
        Login { auid: Viewed { namespace: Ids::UNSET, host: Ids::UNSET }, ses: Ids::UNSET };

    /// Whether somebody has.
    pub fn is_set(&self) -> bool {
        self.auid.host != Ids::UNSET
    }
}

/// What the kernel has as login user id and session of a task, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLogin {
    /// Login user id; all ones when unset.
    pub auid: u32,
    /// Session; all ones when unset.
    pub ses: u32,
}

/// Where login user id and session in a sender's ids come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginSource {
    /// From the kernel, and more is not known.
    #[default]
    Kernel,
    /// From the kernel; with the task it keeps this login of the namespace.
    Kept(Login),
    /// They are the namespace's own. This is what the kernel has.
    Namespace(KernelLogin),
}

/// Why a write to a file of login user ids is refused before anybody asks whether the writer may set one. Kernel:
/// `proc_loginuid_write`.
///
/// # Errors
/// `EPERM` for another task's file, then `EINVAL` for another place than the beginning, then as
/// [`auditns_wire::loginuid::parse`].
pub fn refusal_of_write(own: bool, offset: u64, text: &[u8]) -> Result<u32, Errno> {
    if !own {
        return Err(Errno::EPERM);
    }
    if offset != 0 {
        return Err(Errno::EINVAL);
    }
    auditns_wire::loginuid::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_file_it_is_comes_before_where_and_what() {
        assert_eq!(refusal_of_write(false, 1, b"x"), Err(Errno::EPERM));
        assert_eq!(refusal_of_write(true, 1, b"x"), Err(Errno::EINVAL));
        assert_eq!(refusal_of_write(true, 1, b"1"), Err(Errno::EINVAL));
        assert_eq!(refusal_of_write(true, 0, b"4294967296"), Err(Errno::ERANGE));
        assert_eq!(refusal_of_write(true, 0, b"1000\n"), Ok(1000));
    }
}

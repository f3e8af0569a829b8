//! Who sent a message.

use crate::Tag;

/// Who sent a message, as the kernel knew the sending thread at that moment.
///
/// Ids are those of the first user namespace and process numbers those of the first PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Process number.
    pub tgid: u32,
    /// When the process started: nanoseconds since boot, suspended time included. With [`Self::tgid`] it names a process
    /// for ever.
    pub start: u64,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Login user id; `u32::MAX` is unset.
    pub loginuid: u32,
    /// Session number; `u32::MAX` is unset.
    pub sessionid: u32,
    /// Inode of the user namespace of the thread's credentials.
    pub user_namespace: u32,
    /// Effective capabilities in that user namespace: bit n is capability number n.
    pub capabilities: u64,
    /// What the thread has besides its filters.
    pub tag: Tag,
}

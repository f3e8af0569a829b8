//! Flags of calls that receive, the same on every architecture auditns serves.

pub(super) const OUT_OF_BAND: i32 = 0x1;
pub(super) const PEEK: i32 = 0x2;
pub(super) const TRUNCATED: i32 = 0x20;
pub(super) const CONTROL_TRUNCATED: i32 = 0x8;
pub(super) const DONTWAIT: i32 = 0x40;
pub(super) const CMSG_CLOEXEC: i32 = 0x4000_0000;

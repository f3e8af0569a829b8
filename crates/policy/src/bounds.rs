//! How large values and files may be.

use std::ops::RangeInclusive;

/// Longest file, in bytes.
pub const FILE_BYTES: u64 = 256 << 10;
/// Most drop-ins.
pub const DROP_INS: usize = 64;
/// Most `[[namespace]]` rules, over all files.
pub const NAMESPACE_RULES: usize = 256;
/// Longest pattern of a `[[namespace]]` rule, in bytes.
pub const PATTERN_BYTES: usize = 256;
/// Most strict clients of one list.
pub const STRICT_CLIENTS: usize = 64;
/// Longest name of a strict client, in bytes: that of a file name.
pub const STRICT_CLIENT_BYTES: usize = 255;
/// Longest path of the log folder, in bytes.
pub const LOG_FOLDER_BYTES: usize = 4095;

/// By how much the supervisor's nice value is lowered.
pub const PRIORITY_BOOST: RangeInclusive<u8> = 0..=20;

/// Namespaces of the host.
pub const NAMESPACES: RangeInclusive<usize> = 1..=65_536;
/// Namespaces of one user other than root. With 0, only root can have any.
pub const NAMESPACES_PER_USER: RangeInclusive<usize> = 0..=65_536;
/// Records, and records a second: as the kernel's own limits.
pub const RECORDS: RangeInclusive<u32> = 0..=u32::MAX;
/// Open audit sockets of a namespace.
pub const SOCKETS: RangeInclusive<usize> = 2..=4096;
/// Rules that members of a namespace may store. Beyond 8192 the memory for rules, which is bounded as well, is what
/// refuses first.
pub const RULES: RangeInclusive<usize> = 0..=8192;
/// Bytes of queued records of a namespace.
pub const QUEUE_BYTES: RangeInclusive<usize> = 64 << 10..=256 << 20;
/// Namespaces inside one that the host has made, at a time. With 0 members can make none.
pub const NESTED_NAMESPACES: RangeInclusive<u32> = 0..=64;
/// How deep they may be inside each other. With 0 members can make none.
pub const NESTED_DEPTH: RangeInclusive<u32> = 0..=8;
/// A share.
pub const PERCENT: RangeInclusive<u32> = 0..=100;
/// Bytes of one log file.
pub const LOG_SIZE: RangeInclusive<u64> = 64 << 10..=1 << 40;
/// Log files of a namespace, the current one included.
pub const LOG_FILES: RangeInclusive<u32> = 1..=1000;

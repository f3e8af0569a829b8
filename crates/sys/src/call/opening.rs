//! Calls that open a file.

use super::SeccompData;
use crate::arch::Architecture;

/// `O_ACCMODE`: the same on every architecture.
const ACCESS: u32 = 0o3;
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

/// What an open file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `O_RDONLY`.
    Read,
    /// `O_WRONLY`.
    Write,
    /// `O_RDWR`.
    Both,
}

/// A call that opens a file with `O_NOFOLLOW`, from its arguments alone: which file, the caller's memory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Number of the directory where a relative path begins; `None` for the current one.
    pub directory: Option<u32>,
    /// Address of the path.
    pub path: u64,
    /// What for.
    pub access: Access,
    /// Whether the descriptor is closed on exec.
    pub close_on_exec: bool,
}

/// `AT_FDCWD`.
const CURRENT: u32 = (-100_i32).cast_unsigned();

impl Opening {
    pub(super) fn decode(architecture: Architecture, number: u32, data: &SeccompData) -> Option<Opening> {
        let calls = architecture.calls().open;
        let first = if number == calls.openat {
            1
        } else if Some(number) == calls.open {
            0
        } else {
            return None;
        };
        let flags = data.low(first + 1);
        let access = match flags & ACCESS {
            0 => Access::Read,
            1 => Access::Write,
            2 => Access::Both,
            _ => return None,
        };
        let directory = if first == 1 { data.low(0) } else { CURRENT };
        let path = match architecture {
            Architecture::X86_64 | Architecture::Aarch64 => data.arguments[first],
            Architecture::I386 | Architecture::Arm => u64::from(data.low(first)),
        };
        Some(Opening {
            directory: (directory != CURRENT).then_some(directory),
            path,
            access,
            close_on_exec: flags & CLOSE_ON_EXEC != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(architecture: Architecture, number: u32, arguments: [u64; 3]) -> Option<Opening> {
        let mut data =
            SeccompData { number, architecture: architecture.audit_value(), ..SeccompData::default() };
        data.arguments[..3].copy_from_slice(&arguments);
        Opening::decode(architecture, number, &data)
    }

    #[test]
    fn both_calls_are_understood_on_every_architecture() {
        let current = u64::from(CURRENT);
        let x86_64 = decode(Architecture::X86_64, 257, [current, 0x7fff_0000_1000, 0o400_002]).unwrap();
        assert_eq!(
            x86_64,
            Opening { directory: None, path: 0x7fff_0000_1000, access: Access::Both, close_on_exec: false }
        );
        let old = decode(Architecture::I386, 5, [0xdead_0000_1000, 0o2_400_001, 0]).unwrap();
        assert_eq!(
            old,
            Opening { directory: None, path: 0x1000, access: Access::Write, close_on_exec: true }
        );
        let below = decode(Architecture::Aarch64, 56, [7, 0x1000, 0o100_000]).unwrap();
        assert_eq!((below.directory, below.access), (Some(7), Access::Read));
        assert!(decode(Architecture::Arm, 322, [7, 0x1000, 0o100_000]).is_some());
        assert_eq!(decode(Architecture::X86_64, 2, [0x1000, 0o400_003, 0]), None, "neither reads nor writes");
        assert_eq!(decode(Architecture::Aarch64, 2, [0x1000, 0, 0]), None);
    }
}

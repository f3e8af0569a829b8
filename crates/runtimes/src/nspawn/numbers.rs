//! Numbers of system calls.

use super::Calls;
use std::collections::BTreeSet;
use std::str::FromStr;

/// A way to call the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// 64-bit programs on x86.
    X86_64,
    /// 32-bit programs on x86.
    I386,
    /// 64-bit programs on ARM.
    Aarch64,
    /// 32-bit programs on ARM.
    Arm,
}

impl Abi {
    /// Those of the machine for which this is compiled.
    pub fn local() -> &'static [Abi] {
        if cfg!(target_arch = "x86_64") { &[Abi::X86_64, Abi::I386] } else { &[Abi::Aarch64, Abi::Arm] }
    }

    /// The number of a call; `None` if there is none by that name.
    fn number(self, name: &str) -> Option<u32> {
        match self {
            Abi::X86_64 => syscalls::x86_64::Sysno::from_str(name).ok().map(|call| call as u32),
            Abi::I386 => syscalls::x86::Sysno::from_str(name).ok().map(|call| call as u32),
            Abi::Aarch64 => syscalls::aarch64::Sysno::from_str(name).ok().map(|call| call as u32),
            Abi::Arm => syscalls::arm::Sysno::from_str(name).ok().map(|call| call as u32),
        }
    }
}

/// Calls by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// See [`Calls::allowed`].
    pub allowed: BTreeSet<u32>,
    /// See [`Calls::known`].
    pub known: BTreeSet<u32>,
}

impl Numbers {
    /// The calls that exist in an ABI.
    pub fn of(calls: &Calls, abi: Abi) -> Numbers {
        let numbers = |names: &BTreeSet<String>| names.iter().filter_map(|name| abi.number(name)).collect();
        Numbers { allowed: numbers(&calls.allowed), known: numbers(&calls.known) }
    }
}

//! What a host must have.

use crate::LoadError;
use rustix::system::uname;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The first kernel, major and minor, whose features the program may use.
const KERNEL: (u32, u32) = (5, 17);
/// What the kernel says of its own types.
const TYPES: &str = "/sys/kernel/btf/vmlinux";
/// Inode of the first PID namespace on every Linux.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Says in a sentence what is missing, where the kernel would say only `EPERM` or `EINVAL`.
pub(crate) fn check() -> Result<(), LoadError> {
    let release = uname().release().to_string_lossy().into_owned();
    if version(&release).is_some_and(|version| version < KERNEL) {
        return Err(LoadError::KernelTooOld { release });
    }
    if !Path::new(TYPES).exists() {
        return Err(LoadError::NoKernelTypes);
    }
    let namespace = std::fs::metadata("/proc/self/ns/pid").map_err(LoadError::OwnStatus)?;
    if namespace.ino() != FIRST_PID_NAMESPACE {
        return Err(LoadError::OtherPidNamespace);
    }
    let status = std::fs::read_to_string("/proc/thread-self/status").map_err(LoadError::OwnStatus)?;
    let missing = missing(effective(&status));
    if missing.is_empty() { Ok(()) } else { Err(LoadError::MissingCapabilities { missing }) }
}

/// Major and minor number of a kernel's release. Unknown ones are tried.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Effective capabilities in the text of `/proc/PID/status`.
fn effective(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Names of what is missing, as people write them.
fn missing(effective: u64) -> String {
    let has = |capability: u32| effective & (1 << capability) != 0;
    if has(CAP_SYS_ADMIN) {
        return String::new();
    }
    let needed = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")];
    needed.iter().filter(|known| !has(known.0)).map(|known| known.1).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.1.0-38-amd64"), Some((6, 1)));
        assert!(version("5.9.1").unwrap() < KERNEL);
        assert!(version("5.17-rc1").unwrap() >= KERNEL);
        assert_eq!(version("unknown"), None);
    }

    #[test]
    fn missing_capabilities_are_named() {
        assert_eq!(missing(0), "CAP_BPF and CAP_PERFMON");
        assert_eq!(missing(1 << CAP_BPF), "CAP_PERFMON");
        assert_eq!(missing(1 << CAP_SYS_ADMIN), "");
        assert_eq!(effective("Name:\tx\nCapEff:\t000000c000000000\n"), 1 << CAP_BPF | 1 << CAP_PERFMON);
        assert_eq!(effective(""), 0);
    }
}

//! What `/proc` says about a process or thread.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// No `/proc/PID/stat` is longer: some 52 numbers and a name of at most 64 bytes.
const STAT_BYTES: u64 = 4096;
/// Fields between the name and the time of the start.
const FIELDS_BEFORE_START: usize = 19;
/// The initial user namespace (kernel: `PROC_USER_INIT_INO`).
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";

/// When it was started, in clock ticks since the host was: with its number, this tells it from any other.
pub(crate) fn started(pid: u32) -> Option<u64> {
    let mut stat = Vec::new();
    File::open(format!("/proc/{pid}/stat")).ok()?.take(STAT_BYTES).read_to_end(&mut stat).ok()?;
    started_from(&stat)
}

fn started_from(stat: &[u8]) -> Option<u64> {
    // The name is between parentheses, and can have some itself.
    let fields = stat.rsplit(|byte| *byte == b')').next()?;
    str::from_utf8(fields).ok()?.split_ascii_whitespace().nth(FIELDS_BEFORE_START)?.parse().ok()
}

/// Whether it is in the host's own user namespace. In doubt it is not.
pub(crate) fn is_in_initial_user_namespace(pid: u32) -> bool {
    fs::read_link(format!("/proc/{pid}/ns/user")).is_ok_and(|link| link == Path::new(INITIAL_USER_NAMESPACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_matter() {
        let numbers = (4..60).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        for name in ["cat", "a) R 1 1 (b", ")", "\n 1 2"] {
            let stat = format!("7 ({name}) S {numbers}\n");
            assert_eq!(started_from(stat.as_bytes()), Some(22), "{name}");
        }
        assert_eq!(started_from(b""), None);
        assert_eq!(started_from(b"7 (cat) S 1"), None);
    }

    #[test]
    fn processes_that_are_not_there_have_not_started() {
        assert!(started(std::process::id()).is_some());
        assert_eq!(started(0), None);
        assert_eq!(started(u32::MAX), None);
        assert!(!is_in_initial_user_namespace(0));
    }
}

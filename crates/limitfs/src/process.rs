//! What `/proc` says about a process.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

/// The inode number of the initial user namespace, which is part of the kernel's interface.
const INITIAL_USER_NAMESPACE: u64 = 4_026_531_837;

/// The longest `/proc/PID/stat`, in bytes, that is read. The kernel's has 52 short fields.
const LONGEST_STATUS: u64 = 4096;

/// The field of `/proc/PID/stat` that says when the process started, counted from the one behind its name.
const START_FIELD: usize = 19;

/// When process `pid` started, in clock ticks since the host started; `None` if there is no such process.
///
/// Together with the number it names one process for ever: a number comes back, but not in the same tick.
pub(crate) fn start_of(pid: u32) -> Option<u64> {
    let mut status = Vec::new();
    File::open(format!("/proc/{pid}/stat")).ok()?.take(LONGEST_STATUS).read_to_end(&mut status).ok()?;
    start_in(&status)
}

// The name of a process is its own choice, parentheses and bytes that are no text included: only the last parenthesis
// ends it.
fn start_in(status: &[u8]) -> Option<u64> {
    let name_end = status.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(status.get(name_end + 1..)?).ok()?;
    fields.split_ascii_whitespace().nth(START_FIELD)?.parse().ok()
}

/// Whether process or thread `pid` is in the initial user namespace.
pub(crate) fn is_in_initial_user_namespace(pid: u32) -> bool {
    pid != 0
        && fs::metadata(format!("/proc/{pid}/ns/user"))
            .is_ok_and(|namespace| namespace.ino() == INITIAL_USER_NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_does_not_move_the_fields() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        let mut status = b"12 (a) S 1 \xff ".to_vec();
        status.extend_from_slice(format!(") {fields}").as_bytes());
        assert_eq!(start_in(&status), Some(777));
    }

    #[test]
    fn what_is_no_status_starts_never() {
        for status in ["", "12", "12 (a)", "12 (a) S 1 2", ")"] {
            assert_eq!(start_in(status.as_bytes()), None, "{status:?}");
        }
    }

    #[test]
    fn this_process_has_a_start_and_number_zero_has_none() {
        assert_eq!(start_of(std::process::id()), start_of(std::process::id()));
        assert!(start_of(std::process::id()).is_some());
        assert_eq!(start_of(0), None);
        assert!(!is_in_initial_user_namespace(0));
    }
}

//! What a runtime records of a container for itself.

use crate::file;
use serde::Deserialize;
use std::path::Path;

/// Longest record that is read, in bytes.
const RECORD_MAX: u64 = 16 << 20;

/// `state.json` of runc and youki, `status` of crun.
const FILES: [&str; 2] = ["state.json", "status"];

#[derive(Deserialize)]
struct Record {
    /// runc.
    init_process_pid: Option<i64>,
    /// crun and youki.
    pid: Option<i64>,
}

/// The process that a container began with, from the folder where its runtime keeps what it knows of its containers. `None`
/// if nothing is recorded, or no process.
pub fn first_process_of(root: &Path, id: &str) -> Option<u32> {
    if id.is_empty() || id.starts_with('.') || id.contains('/') {
        return None;
    }
    let folder = root.join(id);
    FILES.into_iter().find_map(|file| first_process_in(&read(&folder.join(file))?))
}

fn first_process_in(record: &[u8]) -> Option<u32> {
    let record: Record = serde_json::from_slice(record).ok()?;
    let pid = record.init_process_pid.or(record.pid)?;
    u32::try_from(pid).ok().filter(|pid| *pid != 0)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    file::read(file::open(path).ok()?, RECORD_MAX).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_stands_in_the_records_of_runc_and_crun() {
        let root = tempfile::tempdir().unwrap();
        for (id, file, text, pid) in [
            (
                "a",
                "state.json",
                r#"{"id":"a","init_process_pid":4711,"init_process_start":5,"config":{}}"#,
                Some(4711),
            ),
            ("b", "status", r#"{"pid":4712,"cgroup-path":"/b","process-start-time":7}"#, Some(4712)),
            ("c", "status", r#"{"pid":0}"#, None),
            ("d", "status", r#"{"pid":-1}"#, None),
            ("e", "state.json", "{", None),
            ("f", "state.json", "[]", None),
        ] {
            std::fs::create_dir(root.path().join(id)).unwrap();
            std::fs::write(root.path().join(id).join(file), text).unwrap();
            assert_eq!(first_process_of(root.path(), id), pid, "{id}");
        }
        for other in ["", ".", "..", "../a", "a/../b", "nobody"] {
            assert_eq!(first_process_of(root.path(), other), None, "{other}");
        }
    }
}

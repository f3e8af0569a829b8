//! Where the log is kept: rotation, and a file system that is full.

use std::fs;
use std::time::Duration;

use auditns_e2e::container::{Container, Mode};
use auditns_e2e::log::Log;
use auditns_e2e::workdir;

#[test]
fn a_rotated_log_is_complete() {
    let container = Container::served("rotation", Mode::User).flag(&["--backlog-limit", "8192"]);
    // A limit that lets an auditd inside have all of it later: without one, what is over the limit counts as lost.
    // Ten megabytes pass what one log file holds.
    let outcome = container.run("flood.sh", &["turn", "1300", "8000"], Duration::from_secs(60));
    assert_eq!((outcome.fact("sent-turn"), outcome.fact("refused-turn")), ("1300", "0"));
    let path = container.namespace().log_path();
    let first = path.with_file_name("audit.log.1");
    assert!(first.exists(), "no {}", first.display());
    assert_eq!(container.namespace().log().numbers("turn"), (1..=1300).collect::<Vec<_>>());
    assert!(outcome.output("status").contains("lost 0\n"), "{}", outcome.output("status"));
    for file in [path, first] {
        let size = file.metadata().expect("the file is there").len();
        assert!(size <= 9 << 20, "{} has {size} bytes", file.display());
    }
}

#[test]
fn a_full_disk_is_counted_told_once_and_survived() {
    let container = Container::served("full", Mode::User).flag(&["--backlog-limit", "8192"]);
    let logs = container.dir().folder("log");
    let wrapper = workdir::package().join("scripts/small-log.sh");
    let shared = container.shared();
    let parts = [wrapper, logs.clone(), shared].map(|path| path.to_string_lossy().into_owned());
    let container = container.wrapper(&parts.each_ref().map(String::as_str));
    let outcome = container.run("storage.sh", &[], Duration::from_secs(60));
    // Before: all stored. Then some are lost, each of them counted. Logins go on. With room again, all are stored again.
    assert_eq!((outcome.fact("sent-early"), outcome.fact("sent-late")), ("10", "10"));
    outcome.expect(&[("su", 0), ("useradd", 0), ("status", 0)]);
    let copy = logs.with_file_name("log.copy");
    let log = Log::read(&copy.join("full/audit.log"));
    assert_eq!(log.numbers("early"), (1..=10).collect::<Vec<_>>(), "{}", log.report());
    assert_eq!(log.numbers("late"), (1..=10).collect::<Vec<_>>(), "{}", log.report());
    let stored = log.numbers("full");
    assert!(stored.is_sorted() && stored.len() < 200, "{stored:?}");
    let lost: usize = outcome.fact("lost").parse().expect("a number");
    assert_eq!(stored.len() + lost, 200, "what is neither stored nor counted is missing: {stored:?}");
    let lines: Vec<_> = outcome.finished.stderr.lines().collect();
    let told = lines.iter().filter(|line| line.contains("cannot be written")).count();
    assert_eq!(told, 1, "told once that the log cannot be written: {}", outcome.finished.report());
    // A container that fills its log must not fill the host's standard error next: losses are told in summary.
    assert!(lines.len() <= 20, "{} lines on standard error: {}", lines.len(), outcome.finished.report());
    fs::remove_dir_all(copy).expect("the copy is ours");
}

//! ausearch and aureport on a log file.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Finished};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs `ausearch` on a log file. Without a match it ends with 1.
pub fn ausearch(log: &Path, arguments: &[&str]) -> Finished {
    process::run(Command::new("ausearch").arg("--input").arg(log).args(arguments), LIMIT)
}

/// Runs `aureport` on a log file.
pub fn aureport(log: &Path, arguments: &[&str]) -> Finished {
    process::run(Command::new("aureport").arg("--input").arg(log).args(arguments), LIMIT)
}

/// Checks that the tools take every line of the log: none is skipped, none is called malformed.
///
/// # Panics
/// When one is.
pub fn expect_readable(log: &Path) {
    let text =
        std::fs::read_to_string(log).unwrap_or_else(|error| panic!("cannot read {}: {error}", log.display()));
    let raw = ausearch(log, &["--raw"]);
    assert!(raw.code() == Some(0) && raw.stderr.is_empty(), "ausearch --raw: {}", raw.report());
    let mut expected: Vec<&str> = text.lines().collect();
    let mut seen: Vec<&str> = raw.stdout.lines().collect();
    expected.sort_unstable();
    seen.sort_unstable();
    let skipped: Vec<_> = expected.iter().filter(|line| seen.binary_search(line).is_err()).collect();
    assert!(skipped.is_empty(), "ausearch --raw skips {} lines: {skipped:#?}", skipped.len());
    assert_eq!(expected.len(), seen.len());
    let interpreted = ausearch(log, &["--interpret"]);
    assert!(
        interpreted.code() == Some(0) && interpreted.stderr.is_empty(),
        "ausearch -i: {}",
        interpreted.report()
    );
    let summary = aureport(log, &["--summary"]);
    assert!(
        summary.code() == Some(0) && summary.stderr.is_empty(),
        "aureport --summary: {}",
        summary.report()
    );
    let events =
        summary.stdout.lines().find_map(|line| line.strip_prefix("Number of events: ")?.trim().parse().ok());
    // aureport counts events: lines with the same stamp and serial are one.
    let mut stamps: Vec<&str> =
        expected.iter().filter_map(|line| line.split("msg=audit(").nth(1)?.split(')').next()).collect();
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(events, Some(stamps.len()), "{}", summary.stdout);
}

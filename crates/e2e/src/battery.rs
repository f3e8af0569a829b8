//! The login battery, `scripts/pam.sh`.

use std::collections::BTreeSet;

use crate::container::{Mode, Outcome};
use crate::log::{Log, Record};

/// The exit statuses of its steps where audit works.
pub const STEPS: &[(&str, i32)] = &[
    ("useradd", 0),
    ("groupadd", 0),
    ("usermod", 0),
    ("chpasswd", 0),
    ("passwd", 0),
    ("chage", 0),
    ("ssh-key", 0),
    ("ssh-password", 0),
    ("ssh-wrong", 255),
    ("ssh-unknown", 255),
    ("ssh-terminal", 7),
    ("login", 0),
    ("login-wrong", 130),
    ("su", 6),
    ("su-login", 0),
    ("su-wrong", 1),
    ("sudo", 0),
    ("sudo-refused", 1),
    ("sudo-root", 0),
    ("cron", 0),
    ("groupdel", 0),
    ("userdel", 0),
];

/// Checks that every step of the battery ran, and that every step of the run ended as in [`STEPS`], or with 0 if it is none of
/// these. `prefix` is in front of the names of the battery's steps; `others` end otherwise.
///
/// # Panics
/// When a step ended otherwise or did not run.
pub fn expect(outcome: &Outcome, prefix: &str, others: &[(&str, i32)]) {
    let status = |name: &str| {
        let step = name.strip_prefix(prefix).unwrap_or(name);
        let found = others.iter().chain(STEPS).find(|(known, _)| *known == step);
        found.map_or(0, |(_, status)| *status)
    };
    let battery = STEPS.iter().map(|(step, _)| format!("{prefix}{step}"));
    let names: Vec<String> = outcome.steps().keys().cloned().chain(battery).collect();
    let steps: Vec<(&str, i32)> = names.iter().map(|name| (name.as_str(), status(name))).collect();
    outcome.expect(&steps);
}

/// Checks that every step of the battery alone ended as in [`STEPS`], that nobody had logged in at its start, and that each
/// login has set its own login uid.
///
/// # Panics
/// When a step ended otherwise, or something else was seen.
pub fn expect_logins(outcome: &Outcome) {
    assert_eq!(outcome.fact("required"), "3", "pam_loginuid must be required for sshd, login and cron");
    outcome.expect(STEPS);
    assert_eq!(outcome.steps().len(), STEPS.len(), "{}", outcome.finished.report());
    assert_eq!(outcome.fact("loginuid-at-start"), "4294967295");
    assert_eq!(outcome.fact("loginuid-at-end"), "4294967295");
    for login in ["ssh-key", "ssh-password", "ssh-terminal", "login", "cron"] {
        let text = outcome.output(login);
        assert!(text.contains("1000") && !text.contains("4294967295"), "{login}: {text}");
    }
}

/// A record as `data/pam.txt` has it: with the ids of the inside, without what differs from run to run.
fn comparable(record: &Record, mode: Mode) -> Option<String> {
    let (_, message) = record.text.split_once("msg='")?;
    let mut message = message.trim_end_matches('\'').to_owned();
    while let Some(at) = message.find("pts/").map(|at| at + 4)
        && message[at..].starts_with(|digit: char| digit.is_ascii_digit())
    {
        let digits = message[at..].find(|digit: char| !digit.is_ascii_digit()).unwrap_or(message.len() - at);
        message.replace_range(at..at + digits, "N");
    }
    let inside = |name| {
        let id: u32 = record.field(name)?.parse().ok()?;
        Some(if id == u32::MAX { id } else { id - mode.host_id(0) })
    };
    Some(format!("{} uid={} auid={} {message}", record.kind, inside("uid")?, inside("auid")?))
}

/// Checks that a log, host view, has the real kernel's records, no fewer and no others.
///
/// # Panics
/// When it does not.
pub fn expect_records(log: &Log, mode: Mode) {
    let expected: BTreeSet<String> = include_str!("../data/pam.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert!(expected.len() > 60, "the data file is cut short: {} records", expected.len());
    let seen: BTreeSet<String> = log
        .records
        .iter()
        // auditns's own: the start and the end of the namespace
        .filter(|record| record.kind != "VIRT_CONTROL")
        .filter_map(|record| comparable(record, mode))
        .collect();
    let missing: Vec<_> = expected.difference(&seen).map(String::as_str).collect();
    let others: Vec<_> = seen.difference(&expected).map(String::as_str).collect();
    assert!(
        missing.is_empty() && others.is_empty(),
        "missing:\n{}\nnot on the kernel:\n{}\nof {}",
        missing.join("\n"),
        others.join("\n"),
        log.report()
    );
}

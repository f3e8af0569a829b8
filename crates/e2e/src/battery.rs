//! The login battery, `scripts/pam.sh`.

use crate::container::Outcome;

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

//! Policy files.

use auditns_policy::{Policy, PolicyError, Settings, Who};
use std::path::Path;

/// For whom settings are looked up.
const WHO: [Who<'_>; 3] = [
    Who { runtime: "podman", uid: 0, user: Some("root"), name: "web-1" },
    Who { runtime: "run", uid: 1000, user: Some("alice"), name: "1000:web-1" },
    Who { runtime: "", uid: 1001, user: None, name: "" },
];

/// A file is refused with a sentence that names a line of it, or is a policy that is shown as a file that says the same.
pub fn file(bytes: &[u8]) {
    let policy = match read(bytes) {
        Ok(policy) => policy,
        Err(error) => return refused(&error, bytes),
    };
    let shown = policy.to_string();
    assert!(!shown.chars().any(|of| of.is_control() && of != '\n'), "{shown}");
    let again = read(shown.as_bytes()).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(settings(&again), settings(&policy), "{shown}");
    assert_eq!(said(&again.to_string()), said(&shown));
}

fn read(bytes: &[u8]) -> Result<Policy, PolicyError> {
    let mut policy = Policy::default();
    policy.add(Path::new("/etc/auditns/auditns.toml"), bytes).map(|()| policy)
}

fn refused(error: &PolicyError, bytes: &[u8]) {
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control), "{text}");
    let line = text.split_once(", line ").and_then(|(_, rest)| rest.split_once(':'));
    let line: usize = line.and_then(|(line, _)| line.parse().ok()).expect("an error has a line");
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!((1..=lines).contains(&line), "line {line} of {lines}: {text}");
}

/// What each gets; where a rule refuses it stands in the file is not the same in another file.
fn settings(policy: &Policy) -> Vec<Option<Settings>> {
    WHO.iter().map(|who| policy.settings_for(who).ok()).collect()
}

/// A shown policy without the lines that say where a rule came from.
fn said(shown: &str) -> Vec<&str> {
    shown.lines().filter(|line| !line.starts_with("# ")).collect()
}

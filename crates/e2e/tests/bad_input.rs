//! Members that send garbage harm nobody but themselves.

use std::time::Duration;

use auditns_e2e::container::{Container, Mode};
use auditns_e2e::tools;

fn storm(mode: Mode) {
    let container = Container::served(&format!("storm-{}", mode.name()), mode);
    let outcome = container.run("hostile.sh", &[], Duration::from_secs(60));
    outcome.expect(&[("unprivileged", 0), ("writer", 0), ("steady", 0)]);
    // The others' endpoint: every message taken, none late.
    assert_eq!((outcome.fact("sent-steady"), outcome.fact("refused-steady")), ("1200", "0"));
    let slowest: u32 = outcome.fact("slowest-steady").parse().expect("a number of milliseconds");
    assert!(slowest < 10_000, "a message waited {slowest} ms for its acknowledgement");
    let log = container.namespace().log();
    let steady: Vec<usize> = log
        .records
        .iter()
        .filter_map(|record| record.field("mark")?.strip_prefix("steady-")?.parse().ok())
        .collect();
    assert_eq!(steady, (1..=1200).collect::<Vec<_>>());
    // Text of a member stays text: it begins no line of the log, and its control characters are not there to be shown.
    // Who may write records may write this one, under his own name.
    let forged: Vec<_> = log.records.iter().filter(|record| record.has("op=forged")).collect();
    assert_eq!(forged.len(), 1, "{forged:?}");
    assert_eq!(forged[0].field("uid"), Some(&*mode.host_id(1000).to_string()), "{forged:?}");
    assert!(forged[0].seconds > 1_000_000_000, "{forged:?}");
    assert!(log.has("USER_LOGIN", &["op=control"]), "{}", log.report());
    let bytes = std::fs::read(container.namespace().log_path()).expect("the log was just read");
    assert!(
        !bytes.iter().any(|byte| byte.is_ascii_control() && *byte != b'\n'),
        "control characters in the log"
    );
    tools::expect_readable(&container.namespace().log_path());
    if mode == Mode::User {
        // Settings are untouched: no request without AUDIT_CONTROL changed any.
        let status = outcome.output("status");
        assert!(status.contains("enabled 1\n") && status.contains("failure 1\n"), "{status}");
        assert!(log.has("USER", &["after the storm"]), "{}", outcome.output("after"));
    }
    let changes: Vec<_> = log.of("CONFIG_CHANGE").collect();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(outcome.finished.code(), Some(0), "{}", outcome.finished.report());
}

#[test]
fn garbage_in_a_user_namespace() {
    storm(Mode::User);
}

#[test]
fn garbage_with_the_capabilities_of_docker() {
    storm(Mode::Docker);
}

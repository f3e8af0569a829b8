//! An auditd that does not read: its own namespace pays, within its limits; nobody else notices.

use std::time::Duration;

use auditns_e2e::container::{Container, Mode};
use auditns_e2e::process::until;

const LIMIT: Duration = Duration::from_secs(60);
const COUNT: usize = 1500;

#[test]
fn a_stalled_auditd_stalls_nobody_else() {
    let stalled = Container::served("stalled", Mode::User);
    let started = stalled.start("stalled.sh", &[&COUNT.to_string()]);
    let sign = stalled.shared().join("out/stalled");
    assert!(until(Duration::from_secs(20), || sign.exists()), "auditd did not start");
    let other = Container::served("other", Mode::User);
    let beside = other.run("flood.sh", &["beside", "300", "100"], LIMIT);
    assert_eq!(beside.fact("sent-beside"), "300");
    let slowest: u32 = beside.fact("slowest-beside").parse().expect("a number of milliseconds");
    assert!(slowest < 10_000, "a message of the other namespace waited {slowest} ms");
    assert_eq!(other.namespace().log().numbers("beside"), (1..=300).collect::<Vec<_>>());

    let outcome = started.finish(LIMIT);
    outcome.expect(&[("status", 0), ("message", 0), ("ended", 0)]);
    // Every message is acknowledged in time and in the host's log. What the auditd inside never got is counted.
    let slowest: u32 = outcome.fact("slowest-stalled").parse().expect("a number of milliseconds");
    assert!(slowest < 10_000, "a message waited {slowest} ms");
    assert_eq!(outcome.fact("sent-stalled"), COUNT.to_string());
    assert_eq!(stalled.namespace().log().numbers("stalled"), (1..=COUNT).collect::<Vec<_>>());
    let delivered = outcome.log("audit.log").numbers("stalled");
    let lost: usize = outcome.fact("lost").parse().expect("a number");
    assert!(
        lost > 0 && delivered.len() < COUNT,
        "{COUNT} messages fit nowhere: {} delivered",
        delivered.len()
    );
    assert!(
        delivered.len() + lost >= COUNT,
        "{} delivered and {lost} lost are not all {COUNT}",
        delivered.len()
    );
}

//! journald in a container that systemd boots: nothing fails, and its journal has the records of the namespace.

use std::collections::BTreeMap;
use std::time::Duration;

use auditns_e2e::container::{Mode, Outcome};
use auditns_e2e::log::Log;
use auditns_e2e::machine::Machine;

const LIMIT: Duration = Duration::from_secs(200);

/// Boots, and expects what every container that is well does, whoever reads audit in it.
fn boot(name: &str, variant: &str, mode: Mode) -> (Machine, Outcome) {
    let machine = Machine::new(name, mode);
    let outcome = machine.run("journald.sh", variant, LIMIT);
    let report = || format!("{}\n--- journal\n{}", outcome.finished.report(), outcome.output("journal"));
    assert_eq!(outcome.finished.code(), Some(0), "{}", report());
    let failed = outcome.output("failed");
    assert!(outcome.fact("state") == "running" && failed.is_empty(), "{failed}{}", report());
    for step in ["up", "auditd", "status", "first", "useradd", "ssh", "su", "last", "status-last"] {
        assert_eq!(outcome.step(step), 0, "{step}: {}\n{}", outcome.output(step), report());
    }
    assert!(outcome.output("status-last").contains("\nlost 0\n"), "{}", outcome.output("status-last"));
    // Shut down in order: PID 1 tells of auditd's end, and of its own.
    let log = machine.namespace().log();
    assert!(log.has("SERVICE_STOP", &["unit=auditd "]), "{}\n{}", log.report(), report());
    assert!(log.has("SYSTEM_SHUTDOWN", &[]), "{}\n{}", log.report(), report());
    (machine, outcome)
}

/// With the units of the distribution, PID 1 opens the audit socket.
fn handed(mode: Mode) {
    let (_, outcome) = boot(&format!("handed-{}", mode.name()), "handed", mode);
    assert_eq!(outcome.output("socket"), "Result=success\nActiveState=active\nSubState=running\n");
}

#[test]
fn no_unit_fails_in_the_initial_user_namespace() {
    handed(Mode::Init);
}

#[test]
fn no_unit_fails_in_a_user_namespace() {
    handed(Mode::User);
}

/// A text of a journal entry that has no characters to be escaped in JSON.
fn field<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.split_once(&format!("\"{name}\":\""))?.1.split('"').next()
}

/// The journal has each record that came after journald began to listen, once.
fn expect_records(log: &Log, outcome: &Outcome) {
    let mut journal: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    let text = outcome.output("audit");
    for entry in text.lines() {
        let serial = field(entry, "_AUDIT_ID").and_then(|digits| digits.parse().ok());
        let kind = field(entry, "_AUDIT_TYPE_NAME");
        let (Some(serial), Some(kind)) = (serial, kind) else { panic!("no record: {entry}") };
        journal.entry(serial).or_default().push(kind);
    }
    let position = |part: &str| log.position(part).unwrap_or_else(|| panic!("no {part}:\n{}", log.report()));
    let [joined, first, last] =
        ["comm=\"systemd-journal\"", "text=first-mark ", "text=last-mark "].map(position);
    assert!(joined < first && first < last, "{joined} {first} {last}:\n{}", log.report());
    for record in &log.records[joined + 1..=last] {
        let seen = journal.get(&record.serial).map_or(&[][..], Vec::as_slice);
        assert_eq!(seen, [record.kind.as_str()], "{record:?}\n{text}");
    }
    for (kind, part) in [
        ("USER", "text=first-mark "),
        ("ADD_USER", "exe=\"/usr/sbin/useradd\""),
        ("USER_START", "exe=\"/usr/sbin/sshd\""),
        ("USER_START", "exe=\"/usr/bin/su\""),
        ("USER", "text=last-mark "),
    ] {
        assert!(log.records[first..=last].iter().any(|record| record.kind == kind && record.has(part)));
    }
}

#[test]
fn a_journald_that_opens_the_audit_socket_itself_has_the_records() {
    let (machine, outcome) = boot("own", "own", Mode::Init);
    expect_records(&machine.namespace().log(), &outcome);
}

#[test]
fn a_second_journald_for_audit_has_the_records() {
    let (machine, outcome) = boot("beside", "beside", Mode::User);
    expect_records(&machine.namespace().log(), &outcome);
}

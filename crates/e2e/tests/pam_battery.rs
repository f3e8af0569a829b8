//! ssh, login, su, sudo, cron and the account tools: each must work and leave its records, whatever the kernel's login
//! uid was when the container started.

use std::collections::BTreeSet;
use std::time::Duration;

use auditns_e2e::battery::STEPS;
use auditns_e2e::container::{Container, Mode};
use auditns_e2e::log::{Log, Record};
use auditns_e2e::tools;

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

/// The real kernel's records, no fewer and no others.
fn expect_records(log: &Log, mode: Mode) {
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
        "missing:\n{}\nnot on the kernel:\n{}",
        missing.join("\n"),
        others.join("\n")
    );
}

fn battery(mode: Mode, loginuid: Option<u32>) {
    let name = format!("pam-{}-{}", mode.name(), if loginuid.is_some() { "set" } else { "unset" });
    let mut container = Container::served(&name, mode);
    if let Some(loginuid) = loginuid {
        container = container.loginuid(loginuid);
    }
    let outcome = container.run("pam.sh", &[], Duration::from_secs(120));
    assert_eq!(outcome.fact("required"), "3", "pam_loginuid must be required for sshd, login and cron");
    outcome.expect(STEPS);
    assert_eq!(outcome.steps().len(), STEPS.len(), "{}", outcome.finished.report());
    // The login uid is reset at entry, and each login sets its own.
    assert_eq!(outcome.fact("loginuid-at-start"), "4294967295");
    for login in ["ssh-key", "ssh-password", "ssh-terminal", "login", "cron"] {
        let text = outcome.output(login);
        assert!(text.contains("1000") && !text.contains("4294967295"), "{login}: {text}");
    }
    expect_records(&container.namespace().log(), mode);
    tools::expect_readable(&container.namespace().log_path());
}

#[test]
fn initial_user_namespace() {
    battery(Mode::Init, None);
}

#[test]
fn initial_user_namespace_with_a_login_uid() {
    battery(Mode::Init, Some(4242));
}

#[test]
fn capabilities_of_docker() {
    battery(Mode::Docker, None);
}

#[test]
fn capabilities_of_docker_with_a_login_uid() {
    battery(Mode::Docker, Some(4242));
}

#[test]
fn user_namespace() {
    battery(Mode::User, None);
}

#[test]
fn user_namespace_with_a_login_uid() {
    battery(Mode::User, Some(4242));
}

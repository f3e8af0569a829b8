//! ssh, login, su, sudo and cron in a container that somebody has started who has logged in: the kernel's login uid stays, the
//! container has login uids and sessions of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use auditns_e2e::battery;
use auditns_e2e::container::{Container, Mode, Outcome};
use auditns_e2e::log::{Log, Record};
use auditns_e2e::machine::Machine;
use auditns_e2e::process;
use auditns_e2e::supervised::Supervisor;
use auditns_e2e::tools;

/// Who started the container.
const HOST_LOGIN: u32 = 4242;

/// Ordinary users' containers begin with audit switched off otherwise.
const POLICY: &str = "[defaults]\nunprivileged-backlog-limit = 64\n";

/// The name, as the supervisor has it, of a container that root of [`Mode::User`] has named, who is this user of the host.
const ROOTLESS: &str = "100000:rootless";

fn run(supervisor: &Supervisor, name: &str, mode: Mode, loginuid: &str) -> Outcome {
    let container = match name.split_once(':') {
        Some((_, name)) => Container::supervised(name, mode, supervisor).rootless(),
        None => Container::supervised(name, mode, supervisor),
    };
    let container = container.loginuid(HOST_LOGIN).flag(&["--loginuid", loginuid]);
    let outcome = container.run("pam.sh", &[], Duration::from_secs(120));
    // The supervisor's last record comes after the last member.
    let ended =
        process::until(Duration::from_secs(20), || supervisor.log(name).has("VIRT_CONTROL", &["op=stop "]));
    assert!(ended, "the end of the container is not in the log: {}", supervisor.log(name).report());
    outcome
}

fn field<'r>(record: &'r Record, name: &str) -> &'r str {
    record.field(name).unwrap_or_else(|| panic!("no {name} in {} {}", record.kind, record.text))
}

/// Sessions from 1 in the order of the logins, each of which has a record; records of those who have logged in name them.
/// `alice` is her user id in this view.
fn expect_sessions(log: &Log, alice: u32) {
    let alice = alice.to_string();
    let logins: Vec<&Record> = log.of("LOGIN").collect();
    assert!(logins.len() >= 6, "{}", log.report());
    for (before, login) in logins.iter().enumerate() {
        assert_eq!(field(login, "ses"), (before + 1).to_string(), "{}", log.report());
        assert_eq!(field(login, "auid"), alice, "{}", login.text);
        assert_eq!(field(login, "old-auid"), "4294967295", "{}", login.text);
        assert_eq!(field(login, "old-ses"), "4294967295", "{}", login.text);
        assert_eq!(field(login, "res"), "1", "{}", login.text);
    }
    let sessions: BTreeSet<&str> = logins.iter().map(|login| field(login, "ses")).collect();
    let mut used = BTreeSet::new();
    for record in log.records.iter().filter(|record| record.has("msg='") && record.kind != "VIRT_CONTROL") {
        let (auid, ses) = (field(record, "auid"), field(record, "ses"));
        let is_alice = auid == alice && sessions.contains(ses);
        assert!(is_alice || (auid, ses) == ("4294967295", "4294967295"), "{} {}", record.kind, record.text);
        used.extend(is_alice.then_some(ses));
    }
    assert_eq!(used, sessions, "each login has records of its own\n{}", log.report());
}

fn logins(name: &str, mode: Mode, loginuid: &str) {
    let supervisor = Supervisor::start_with_policy("virtual", POLICY);
    let outcome = run(&supervisor, name, mode, loginuid);
    battery::expect_logins(&outcome);
    // The kernel's value, which a user namespace that does not have this user cannot show.
    let kernels = if mode == Mode::User { u32::MAX } else { HOST_LOGIN };
    assert_eq!(outcome.fact("kernel-loginuid-at-start"), kernels.to_string());
    assert_eq!(outcome.fact("kernel-loginuid-at-end"), kernels.to_string());
    let (host, inside) = (supervisor.log(name), supervisor.log_inside(name));
    battery::expect_records(&host, mode);
    expect_sessions(&host, mode.host_id(1000));
    expect_sessions(&inside, 1000);
    // The kernel's login uid and session are those of whoever started it to the end, and the host alone sees them.
    let of_members: Vec<&Record> =
        host.records.iter().filter(|record| record.kind != "VIRT_CONTROL").collect();
    let host_sessions: BTreeSet<&str> =
        of_members.iter().map(|record| field(record, "host-session")).collect();
    assert_eq!(host_sessions.len(), 1, "{}", host.report());
    assert!(of_members.iter().all(|record| field(record, "host-login") == HOST_LOGIN.to_string()));
    assert!(!inside.records.iter().any(|record| record.has("host-login") || record.has("host-session")));
    tools::expect_readable(&supervisor.served(name).log_path());
}

#[test]
fn initial_user_namespace() {
    logins("init", Mode::Init, "virtual");
}

#[test]
fn capabilities_of_docker() {
    logins("docker", Mode::Docker, "virtual");
}

#[test]
fn user_namespace() {
    logins("user", Mode::User, "virtual");
}

#[test]
fn rootless() {
    logins(ROOTLESS, Mode::User, "virtual");
}

/// What nobody asks for: an ordinary user may not unset the kernel's login uid.
#[test]
fn rootless_by_default() {
    logins(ROOTLESS, Mode::User, "auto");
}

/// The control: with the kernel's login uid, which nobody inside may set again, sessions are refused.
#[test]
fn without_login_uids_of_their_own_nobody_logs_in() {
    let supervisor = Supervisor::start("virtual-control");
    let outcome = run(&supervisor, "control", Mode::Docker, "keep");
    for login in ["ssh-key", "ssh-password", "cron"] {
        assert_ne!(outcome.step(login), 0, "{login}");
    }
    for login in ["ssh-key", "ssh-password", "ssh-terminal", "login", "cron"] {
        let text = outcome.output(login);
        assert!(!text.contains("1000"), "{login}: {text}");
    }
    let host = supervisor.log("control");
    let opened =
        host.of("USER_START").filter(|record| record.has("pam_loginuid") && record.has("res=success"));
    assert_eq!(opened.count(), 0, "{}", host.report());
}

/// In a user namespace, `pam_loginuid` takes the refusal for nothing; then it is not known who does what.
#[test]
fn without_login_uids_of_their_own_users_of_a_user_namespace_are_not_known() {
    let supervisor = Supervisor::start_with_policy("virtual-unknown", POLICY);
    for name in ["unknown", ROOTLESS] {
        let outcome = run(&supervisor, name, Mode::User, "keep");
        assert_eq!(outcome.step("ssh-key"), 0);
        let host = supervisor.log(name);
        assert_eq!(host.of("LOGIN").count(), 0, "{}", host.report());
        let alice = Mode::User.host_id(1000).to_string();
        assert!(host.has("USER_START", &["sshd"]), "{}", host.report());
        assert!(!host.records.iter().any(|record| record.field("auid") == Some(&alice)), "{}", host.report());
    }
}

/// A container has its own sessions: another one's do not count.
#[test]
fn each_container_counts_its_own_sessions() {
    let supervisor = Supervisor::start("virtual-two");
    for name in ["first", "second"] {
        battery::expect_logins(&run(&supervisor, name, Mode::User, "virtual"));
        expect_sessions(&supervisor.log(name), Mode::User.host_id(1000));
    }
}

/// systemd as process 1, which opens sessions itself for units with `PAMName=`.
fn booted(name: &str, mode: Mode) {
    let supervisor = Supervisor::start_with_policy("virtual-booted", POLICY);
    let machine = Machine::supervised(name, mode, &supervisor, &["--loginuid", "virtual"], HOST_LOGIN);
    let outcome = machine.run("booted-logins.sh", "logins", Duration::from_secs(200));
    let report = || format!("{}\n--- journal\n{}", outcome.finished.report(), outcome.output("journal"));
    assert_eq!(outcome.finished.code(), Some(0), "{}", report());
    assert_eq!(outcome.fact("state"), "running", "{}", report());
    assert_eq!(outcome.output("before"), "4294967295\n4294967295\n", "{}", report());
    let log = supervisor.log(name);
    for (session, login, program) in [(1, "ssh", "sshd"), (2, "ssh-again", "sshd"), (3, "unit", "login")] {
        assert_eq!(outcome.step(login), 0, "{login}: {}", report());
        let told = outcome.output(if login == "unit" { "unit-session" } else { login });
        assert!(told.ends_with(&format!("1000\n{session}\n")), "{login}: {told}{}", report());
        let ids = [format!("auid={}", mode.host_id(1000)), format!("ses={session} ")];
        let parts: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert!(log.has("LOGIN", &parts), "{login}\n{}", log.report());
        let opened = [&parts[..], &["op=PAM:session_open", "res=success", program]].concat();
        assert!(log.has("USER_START", &opened), "{login}\n{}", log.report());
    }
    assert_eq!(log.of("LOGIN").count(), 3, "{}", log.report());
}

#[test]
fn a_system_that_systemd_boots() {
    booted("booted", Mode::Init);
}

#[test]
fn a_system_that_systemd_boots_in_a_user_namespace() {
    booted("booted-user", Mode::User);
}

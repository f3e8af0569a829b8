//! The options of `auditns run`: what each does to the programs inside.

use std::process::Command;
use std::time::Duration;

use auditns_e2e::auditns::Served;
use auditns_e2e::container::{Container, Mode};
use auditns_e2e::process::{Finished, run};
use auditns_e2e::workdir::RunDir;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn the_strict_policy_leaves_registration_and_messages() {
    let container = Container::served("strict", Mode::User).flag(&["--policy", "strict"]);
    let outcome = container.run("strict.sh", &[], LIMIT);
    for refused in ["enable", "failure", "rate", "limit", "wait", "add", "list", "trim"] {
        assert_ne!(outcome.step(refused), 0, "{refused}: {}", outcome.output(refused));
        let text = outcome.output(refused);
        assert!(text.contains("Operation not permitted"), "{refused}: {text}");
    }
    outcome.expect(&[("status", 0), ("message", 0), ("daemon", 0), ("status-after", 0), ("daemon-ended", 0)]);
    let settings = |name: &str| -> Vec<String> {
        let text = outcome.output(name);
        text.lines()
            .filter(|line| !line.starts_with("pid ") && !line.starts_with("backlog "))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(settings("status"), settings("status-after"));
    assert!(container.namespace().log().has("USER", &["strictly speaking"]));
}

#[test]
fn a_limit_of_zero_records_nothing_and_locks_nobody_out() {
    let container = Container::served("nothing", Mode::User).flag(&["--backlog-limit", "0"]);
    let outcome = container.run("nothing.sh", &[], LIMIT);
    outcome.expect(&[("useradd", 0), ("su", 0), ("sudo", 0)]);
    // Only the host raises the limit.
    assert_ne!(outcome.step("limit"), 0, "{}", outcome.output("limit"));
    let log = container.namespace().log();
    let stored: Vec<_> = log.records.iter().filter(|record| record.kind != "VIRT_CONTROL").collect();
    assert!(stored.is_empty(), "{stored:?}");
}

fn after_a_login(flags: &[&str]) -> (Finished, Served, RunDir) {
    let dir = RunDir::new("loginuid");
    let served = Served::new("loginuid", &dir.folder("log")).flag(flags);
    let mut command = Command::new("bash");
    command.args(["-c", "echo 4242 >/proc/self/loginuid && exec \"$@\"", "bash"]);
    let inner = served.command();
    command.arg(inner.get_program()).args(inner.get_args());
    command.args(["sh", "-c", "cat /proc/self/loginuid; echo; cat /proc/self/sessionid"]);
    (run(&mut command, LIMIT), served, dir)
}

#[test]
fn the_login_uid_is_reset_and_remembered_or_left() {
    for flags in [[].as_slice(), &["--loginuid", "reset"]] {
        let (finished, served, _dir) = after_a_login(flags);
        assert_eq!(finished.code(), Some(0), "{}", finished.report());
        assert_eq!(finished.stdout, "4294967295\n4294967295", "{}", finished.report());
        // Who started it is in the first record.
        let log = served.log();
        assert_eq!(log.records[0].field("auid"), Some("4242"), "{}", log.report());
    }
    let (finished, served, _dir) = after_a_login(&["--loginuid", "host"]);
    assert!(finished.code() == Some(0) && finished.stdout.starts_with("4242\n"), "{}", finished.report());
    assert_eq!(served.log().records[0].field("auid"), Some("4242"));
}

#[test]
fn events_are_printed_as_they_are_stored() {
    let dir = RunDir::new("events");
    let served = Served::new("events", &dir.folder("log")).flag(&["--events"]);
    let finished = run(served.command().args(["auditctl", "-m", "seen at once"]), LIMIT);
    assert_eq!(finished.code(), Some(0), "{}", finished.report());
    assert_eq!(finished.stdout, "", "standard output is the command's");
    let stored = std::fs::read_to_string(served.log_path()).expect("the log is there");
    for line in stored.lines() {
        assert!(finished.stderr.contains(line), "not printed: {line}\n{}", finished.report());
    }
    assert!(stored.contains("seen at once"), "{stored}");
}

#[test]
fn names_that_are_no_names_are_refused() {
    let dir = RunDir::new("names");
    let logs = dir.folder("log");
    for name in ["", "..", "a/b", "a b", "-x\n", &"n".repeat(300)] {
        let finished = run(Served::new(name, &logs).command().arg("true"), LIMIT);
        assert!(
            finished.code().is_some_and(|code| code == 2 || code == 125),
            "{name:?}: {}",
            finished.report()
        );
    }
    let outside: Vec<_> = std::fs::read_dir(dir.path()).expect("the directory is ours").flatten().collect();
    assert_eq!(outside.len(), 1, "something was made outside the log directory: {outside:?}");
}

#[test]
fn a_second_run_of_the_same_name_continues_the_log() {
    let dir = RunDir::new("again");
    let served = Served::new("again", &dir.folder("log"));
    for text in ["first run", "second run"] {
        let finished = run(served.command().args(["auditctl", "-m", text]), LIMIT);
        assert_eq!(finished.code(), Some(0), "{}", finished.report());
    }
    let log = served.log();
    assert!(log.has("USER", &["first run"]) && log.has("USER", &["second run"]), "{}", log.report());
    let mut ids: Vec<_> = log.of("VIRT_CONTROL").filter_map(|record| record.field("contid")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 2, "every namespace has a number of its own: {ids:?}");
}

//! Every option of Debian's auditctl: the same answers as the real kernel gives, and what only a namespace may try.

use std::collections::BTreeMap;
use std::time::Duration;

use auditns_e2e::container::{Container, Mode};

/// Steps of `data/auditctl.txt`: exit status and text.
fn answers() -> BTreeMap<&'static str, (i32, String)> {
    let mut answers = BTreeMap::new();
    let text = include_str!("../data/auditctl.txt");
    // The comment on top ends before the first block.
    let blocks = text[text.find("\n== ").expect("there are blocks")..].split("\n== ").skip(1);
    for block in blocks {
        let (head, text) = block.split_once('\n').unwrap_or((block, ""));
        let (name, status) = head.split_once(' ').expect("a head has a name and a status");
        answers.insert(name, (status.parse().expect("a status is a number"), comparable(text)));
    }
    answers
}

/// The text without what is not comparable: the length of the queue, and whether augenrules found its file current.
fn comparable(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("/usr/sbin/augenrules: "))
        .map(|line| match line.strip_prefix("backlog ") {
            Some(number) if number.parse::<u32>().is_ok() => "backlog *\n".to_owned(),
            _ => format!("{line}\n"),
        })
        .collect()
}

fn same_as_the_kernel(mode: Mode) {
    let container = Container::served(&format!("auditctl-{}", mode.name()), mode);
    let outcome = container.run("auditctl.sh", &[], Duration::from_secs(60));
    let answers = answers();
    assert!(answers.len() > 70, "the data file is cut short: {} blocks", answers.len());
    assert_eq!(outcome.steps().len(), answers.len(), "{}", outcome.finished.report());
    let mut wrong = Vec::new();
    for (name, (status, text)) in &answers {
        let (seen, output) = (outcome.step(name), comparable(&outcome.output(name)));
        // A namespace starts with the limit and the wait of its policy; from then on everything is set by the script.
        let settled = !matches!(*name, "enable" | "first-wait");
        if seen != *status || (settled && output != *text) {
            wrong.push(format!("--- {name}: kernel {status}\n{text}--- {name}: namespace {seen}\n{output}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
    // What was sent while disabled is nowhere, what was sent while enabled is there, and the rules left their records.
    let log = container.namespace().log();
    assert!(log.position("while disabled").is_none(), "{}", log.report());
    assert!(log.has("USER", &["a message of two words"]), "{}", log.report());
    for parts in [
        ["op=set audit_backlog_limit=4096 old=64", "res=1"],
        ["op=set audit_failure=0 old=1", "res=1"],
        ["op=set audit_rate_limit=1000 old=0", "res=1"],
        ["op=set audit_backlog_wait_time=100 old=15000", "res=1"],
        ["op=set lost=0", "res=1"],
        ["op=set backlog_wait_time_actual=0", "res=1"],
        ["op=set audit_enabled=0 old=1", "res=1"],
        ["op=add_rule key=\"identity\" list=4", "res=1"],
        ["op=add_rule key=\"identity\" list=4", "res=0"],
        ["op=remove_rule key=\"identity\" list=4", "res=1"],
        ["op=remove_rule key=\"none\" list=4", "res=0"],
        ["op=trim", "res=1"],
        ["op=make_equiv old=\"/usr\" new=\"/etc\"", "res=1"],
    ] {
        assert!(log.has("CONFIG_CHANGE", &parts), "no {parts:?}:\n{}", log.report());
    }
}

#[test]
fn the_kernels_answers_in_the_initial_user_namespace() {
    same_as_the_kernel(Mode::Init);
}

#[test]
fn the_kernels_answers_in_a_user_namespace() {
    same_as_the_kernel(Mode::User);
}

#[test]
fn a_locked_namespace_refuses_and_works_on() {
    let container = Container::served("locked", Mode::User);
    let outcome = container.run("locked.sh", &[], Duration::from_secs(60));
    assert!(outcome.output("failure-2").contains("failure 2\n"), "{}", outcome.output("failure-2"));
    let status = outcome.output("immutable-status");
    assert!(status.contains("loginuid_immutable 1 locked\n"), "{status}");
    assert!(outcome.output("status").contains("enabled 2\n"), "{}", outcome.output("status"));
    // Everything that would change the configuration fails and changes nothing.
    let refused = ["enable-0", "enable-1", "failure", "limit", "rate", "wait"];
    outcome.expect(&refused.map(|name| (name, 255)));
    for name in refused {
        let text = outcome.output(name);
        assert!(text.contains("Operation not permitted"), "{name}: {text}");
    }
    for name in ["add-more", "delete", "delete-all"] {
        let text = outcome.output(name);
        let told = text.contains("immutable mode") || text.contains("Operation not permitted");
        assert!(told, "{name}: {text}");
    }
    let (before, after) = (outcome.output("status"), outcome.output("status-after"));
    assert_eq!(comparable(&before), comparable(&after));
    assert_eq!(outcome.output("list"), "-w /etc/passwd -p wa -k identity\n");
    // What is not configuration goes on: messages, counters, auditd coming and going.
    outcome.expect(&[("reset-lost", 0), ("message", 0), ("daemon", 0), ("daemon-ended", 0)]);
    let log = container.namespace().log();
    assert!(log.has("USER", &["while locked"]), "{}", log.report());
    assert!(log.has("CONFIG_CHANGE", &["op=set audit_enabled=0 old=2", "res=0"]), "{}", log.report());
    assert!(log.has("CONFIG_CHANGE", &["op=set audit_pid=", "old=0", "res=1"]), "{}", log.report());
    // The lock ends with its namespace.
    let fresh = Container::served("unlocked", Mode::User).run(
        "flood.sh",
        &["fresh", "1", "0"],
        Duration::from_secs(30),
    );
    assert!(fresh.output("status").contains("enabled 1\n"), "{}", fresh.output("status"));
}

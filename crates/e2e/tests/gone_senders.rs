//! Senders that end without waiting for an answer: their messages count, with their identity, as on a kernel, where the
//! message is recorded when `send` returns.

use std::fs;
use std::time::Duration;

use auditns_e2e::container::{Container, Mode};
use auditns_e2e::process::until;
use rustix::process::Signal;

const COUNT: u32 = 100;

#[test]
fn messages_of_the_dead_are_recorded() {
    let container = Container::served("gone", Mode::User);
    let outcome = container.run("gone.sh", &[&COUNT.to_string()], Duration::from_secs(60));
    outcome.expect(&[("message", 0)]);
    let log = container.namespace().log();
    let mut wrong = Vec::new();
    for kind in ["own", "inherited"] {
        let mut seen: Vec<u32> = log
            .records
            .iter()
            .filter_map(|record| record.field("mark")?.strip_prefix(&format!("{kind}-"))?.parse().ok())
            .collect();
        seen.sort_unstable();
        let missing: Vec<_> = (1..=COUNT).filter(|number| seen.binary_search(number).is_err()).collect();
        if !missing.is_empty() || seen.len() != COUNT as usize {
            wrong.push(format!("{kind}: {} of {COUNT} are recorded; missing: {missing:?}", seen.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let root = Mode::User.host_id(0).to_string();
    for record in log.records.iter().filter(|record| record.has("op=gone")) {
        assert_eq!(record.field("uid"), Some(&*root), "{record:?}");
    }
}

/// The supervisor stands still while a sender with unread answers sends and ends; what it finds then at its end of the
/// socket is an error (`ECONNRESET`: the member left data unread), then the message, then the end.
#[test]
fn messages_behind_unread_answers_are_recorded() {
    let container = Container::served("unread", Mode::User);
    let out = container.shared().join("out");
    let started = container.start("unread.sh", &[]);
    let wait_for = |name: &str| {
        let path = out.join(name);
        assert!(until(Duration::from_secs(20), || path.exists()), "{} did not come", path.display());
    };
    wait_for("ready");
    started.process().signal(Signal::STOP);
    fs::write(out.join("stopped"), "").expect("the shared folder is writable");
    wait_for("sent");
    started.process().signal(Signal::CONT);
    let outcome = started.finish(Duration::from_secs(60));
    outcome.expect(&[("message", 0)]);
    let log = container.namespace().log();
    for mark in ["mark=answered ", "mark=behind-1 ", "mark=behind-2 "] {
        let found = log.records.iter().filter(|record| record.has(mark)).count();
        assert_eq!(found, 1, "{mark}:\n{}", log.report());
    }
}

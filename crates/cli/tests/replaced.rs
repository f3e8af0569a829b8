//! Commands whose supervisor is killed while they wait for its answer.

mod common;

use common::start;
use common::supervisor::{SPEAKING, Supervisor, namespace_log};
use rustix::process::{Signal, kill_process};
use std::time::Duration;

#[test]
fn what_a_killed_supervisor_has_not_answered_its_successor_answers() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(0, &["--name", "web"], SPEAKING);
    for words in [
        &["run", "--name", "new", "--", "true"][..],
        &["exec", "web", "--", "true"],
        &["list"],
        &["show", "web"],
        &["set", "web", "backlog-limit", "77"],
    ] {
        let first = supervisor.pid();
        kill_process(first, Signal::STOP).unwrap();
        let asking = start(&mut supervisor.command_as(0, words));
        // Until it has asked.
        std::thread::sleep(Duration::from_millis(300));
        kill_process(first, Signal::KILL).unwrap();
        asking.wait().succeeded();
        assert_ne!(supervisor.pid(), first, "{words:?}");
    }
    let log = namespace_log(&supervisor, "web", "audit.log");
    for once in [" op=start ", " op=join "] {
        assert_eq!(log.matches(once).count(), 1, "{once}: {log}");
    }
    assert_eq!(supervisor.json(&["show", "web", "--json"])["backlog_limit"], 77);
    member.finish().succeeded();
}

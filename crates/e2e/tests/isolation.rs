//! Several namespaces at once: each has its own messages and nobody else's, and the host's kernel has none of them.

use std::process::Command;
use std::time::Duration;

use auditns_e2e::container::{Container, Mode};
use auditns_e2e::log::Log;
use auditns_e2e::{host, process};

const COUNT: usize = 300;

/// All marked messages of this namespace, each once, those of one writer in order, and nobody else's.
fn expect_only(log: &Log, name: &str) {
    for writer in ["a", "b", "c"] {
        let marks: Vec<_> = log
            .records
            .iter()
            .filter_map(|record| record.field("mark")?.strip_prefix(&format!("{name}-{writer}-")))
            .map(|number| number.parse::<usize>().expect("a mark ends with a number"))
            .collect();
        assert_eq!(marks, (1..=COUNT).collect::<Vec<_>>(), "messages of writer {writer} of {name}");
    }
    for record in &log.records {
        if let Some(mark) = record.field("mark") {
            assert!(mark.starts_with(&format!("{name}-")), "in the log of {name}: {record:?}");
        }
    }
}

#[test]
fn no_record_crosses() {
    let kernel = host::Kernel::enable();
    let lost = host::status("lost");
    process::must(Command::new("auditctl").args(["-m", "mark=of-the-host"]), Duration::from_secs(10));
    let modes = [("alpha", Mode::User), ("beta", Mode::User), ("gamma", Mode::Docker)];
    let containers = modes.map(|(name, mode)| Container::served(name, mode));
    let count = COUNT.to_string();
    let started = modes.map(|(name, _)| name);
    let started: Vec<_> = containers
        .iter()
        .zip(started)
        .map(|(container, name)| container.start("marked.sh", &[name, &count]))
        .collect();
    let mut outcomes = Vec::new();
    for (started, (name, mode)) in started.into_iter().zip(modes) {
        let outcome = started.finish(Duration::from_secs(60));
        outcome.expect(&[("su", 0), ("writer", 0)]);
        for writer in ["a", "b", "c"] {
            assert_eq!(outcome.fact(&format!("sent-{name}-{writer}")), count);
        }
        // Without AUDIT_CONTROL auditctl does not even try.
        assert_eq!(outcome.step("message") == 0, mode == Mode::User, "{}", outcome.output("message"));
        outcomes.push(outcome);
    }
    let texts = kernel.texts();
    assert!(
        texts.iter().any(|text| text.contains("mark=of-the-host")),
        "the kernel's own records are not seen"
    );
    for ((container, outcome), (name, mode)) in containers.iter().zip(&outcomes).zip(modes) {
        let log = container.namespace().log();
        expect_only(&log, name);
        // Each auditd has the same.
        if mode == Mode::User {
            expect_only(&outcome.log("audit.log"), name);
        }
        assert!(
            log.has("USER_START", &["exe=\"/usr/bin/su\"", &format!("uid={} ", mode.host_id(0))]),
            "{}",
            log.report()
        );
        let leaked: Vec<_> = texts.iter().filter(|text| text.contains(&format!("mark={name}-"))).collect();
        assert!(leaked.is_empty(), "in the kernel's stream: {leaked:?}");
    }
    let leaked: Vec<_> = texts.iter().filter(|text| text.contains("exe=\"/usr/bin/su\"")).collect();
    assert!(leaked.is_empty(), "in the kernel's stream: {leaked:?}");
    assert_eq!(host::status("lost"), lost, "the kernel lost records meanwhile");
    assert_eq!(host::status("pid"), 0, "somebody registered with the kernel");
}

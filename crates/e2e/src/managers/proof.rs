//! What every container manager has to prove, see `scripts/proof.sh`: logins, an audit daemon inside, containers side by side,
//! and nothing lost, twice or elsewhere while the supervisor is killed.

use std::time::Duration;

use super::Host;
use crate::battery;
use crate::container::Outcome;
use crate::host::Kernel;
use crate::log::{Log, Record};

const LIMIT: Duration = Duration::from_secs(180);

/// Starts both containers, as a manager is told to. `start` prints nothing else than the namespace's name.
fn proof(functions: &str) -> String {
    format!("{functions}\n. \"$SHARE/e2e/scripts/proof.sh\"\nproof\n")
}

/// The numbers of the marks of a loop.
fn numbers(log: &Log, mark: &str) -> Vec<u32> {
    let number = |record: &Record| {
        let (_, rest) = record.text.split_once(&format!("text={mark}-"))?;
        rest.split(' ').next()?.parse().ok()
    };
    log.records.iter().filter_map(number).collect()
}

/// How a container comes to its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By auditns as its runtime: which process is the first one is known when the runtime has made it.
    Runtime,
    /// By the listener of its profile, which the runtime hands over when the first process is there.
    Listener,
}

/// What holds for every manager. `first_id` is the host's id of root inside.
fn proven(host: &Host, outcome: &Outcome, way: Way, first_id: u32) {
    let report = || outcome.finished.report();
    assert_eq!(outcome.step("script"), 0, "{}", report());
    assert_eq!(outcome.fact("killed"), "3", "{}", report());
    let logins: Vec<&String> = outcome.steps().keys().filter(|name| name.starts_with("pam-")).collect();
    assert!(logins.len() >= 22, "{logins:?} {}", outcome.output("battery"));
    battery::expect(outcome, "pam-", &[]);
    assert_eq!(outcome.fact("pam-loginuid-at-start"), "4294967295", "each login sets its own");
    for status in ["daemon", "daemon-stays"] {
        let text = outcome.output(status);
        let pid = text.lines().find_map(|line| line.strip_prefix("pid ")).unwrap_or("0");
        assert!(pid != "0" && text.contains("enabled 1\n"), "{status}: {text}");
    }
    assert_eq!(outcome.output("inside"), "0\n", "the daemon of one container has records of the other");
    // Nothing is lost, twice, or in the other's log.
    let (one, two) = (outcome.fact("namespace-one"), outcome.fact("namespace-two"));
    for list in ["list", "list-late"] {
        let text = outcome.output(list);
        for name in [one, two] {
            assert!(text.contains(&format!("\"name\": \"{name}\"")), "{name}: {text}");
        }
    }
    assert_eq!(outcome.fact("left"), "[]", "every namespace has ended");
    for (name, own, other) in [(one, "one", "two"), (two, "two", "one")] {
        let log = host.log(name);
        let run = |count| (1..=count).collect::<Vec<u32>>();
        assert_eq!(numbers(&log, &format!("early-{own}")), run(20), "{}", log.report());
        assert_eq!(numbers(&log, &format!("late-{own}")), run(200), "{}", log.report());
        let foreign = log
            .records
            .iter()
            .filter(|record| record.has(&format!("early-{other}")) || record.has(&format!("late-{other}")));
        assert_eq!(foreign.count(), 0, "{}", log.report());
        let frame = |operation: &str| log.records.iter().filter(|record| record.has(operation)).count();
        let inits = usize::from(way == Way::Runtime);
        assert_eq!(
            (frame("op=start "), frame("op=init "), frame("op=stop ")),
            (1, inits, 1),
            "{}",
            log.report()
        );
        assert!(frame("op=join ") >= 2, "{}", log.report());
    }
    assert_eq!(numbers(&host.log(two), "meanwhile"), [1, 2, 3]);
    let log = host.log(one);
    let root = format!("uid={first_id} ");
    for (kind, part) in [
        ("ADD_USER", "exe=\"/usr/sbin/useradd\""),
        ("USER_LOGIN", "exe=\"/usr/sbin/sshd\""),
        ("USER_CMD", "exe=\"/usr/bin/sudo\""),
        ("USER_START", "exe=\"/usr/sbin/cron\""),
    ] {
        assert!(log.has(kind, &[part]), "no {kind} {part}:\n{}", log.report());
    }
    assert!(log.has("ADD_USER", &[&root]), "{}", log.report());
}

/// Proves it all, and that nothing of it reaches the kernel's own audit. `functions` define `start`, `execute` and `stop`,
/// see `scripts/proof.sh`; `first_id` is the host's id of root inside.
///
/// # Panics
/// When something does not hold.
pub fn runs(host: &Host, manager: &str, functions: &str, way: Way, first_id: u32) -> Outcome {
    let kernel = Kernel::enable();
    let outcome = host.run(manager, &proof(functions), LIMIT);
    let records = kernel.texts();
    let is_ours =
        |record: &&String| ["early-", "late-", "meanwhile-"].iter().any(|mark| record.contains(mark));
    assert_eq!(records.iter().filter(is_ours).count(), 0, "{records:?}");
    proven(host, &outcome, way, first_id);
    outcome
}

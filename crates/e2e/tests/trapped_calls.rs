//! Members that die, are signalled or misbehave in calls that auditns answers leave nothing behind and hurt nobody.

use std::ffi::OsString;
use std::time::Duration;

use auditns_e2e::auditns::Served;
use auditns_e2e::clients::Client;
use auditns_e2e::process::{self, Finished};
use auditns_e2e::workdir::{self, RunDir};

const LIMIT: Duration = Duration::from_secs(60);

/// What a namespace came to.
struct Run {
    finished: Finished,
    served: Served,
    // Last: removed after the log was read.
    _dir: RunDir,
}

impl Run {
    fn of(name: &str, words: &[OsString]) -> Self {
        let dir = RunDir::new(name);
        let served = Served::new(name, &dir.folder("log")).flag(&["--strict-client", "hostile-*"]);
        let served = served.flag(&["--strict-client", "i386-*"]);
        let finished = process::run(served.command().args(words), LIMIT);
        assert_eq!(finished.code(), Some(0), "{name}: {}", finished.report());
        Self { finished, served, _dir: dir }
    }

    /// Runs a scenario of `scripts/trapped.py`.
    fn scenario(name: &str, arguments: &[OsString]) -> Self {
        let script = workdir::package().join("scripts/trapped.py");
        let mut words = vec!["/usr/bin/python3".into(), script.into(), name.into()];
        words.extend(arguments.iter().cloned());
        Self::of(name, &words)
    }

    /// A number of the END record.
    fn count(&self, field: &str) -> u64 {
        let log = self.served.log();
        let end = log.of("VIRT_CONTROL").find(|record| record.has("op=stop"));
        let number = end.and_then(|record| record.field(field)?.parse().ok());
        number.unwrap_or_else(|| panic!("no {field} at the end of {}", log.report()))
    }

    fn said_nothing(self) -> Self {
        assert_eq!(self.finished.stderr, "", "{}", self.finished.report());
        self
    }
}

#[test]
fn signals_interrupt_calls_as_in_the_kernel() {
    Client::new("c/hostile-signals").flags(&["--strict-client", "hostile-signals"]).check();
}

#[test]
fn members_killed_in_calls_leave_nothing() {
    Run::scenario("killed", &[]).said_nothing();
}

#[test]
fn memory_that_never_answers_holds_up_no_more_than_documented() {
    let mount = RunDir::new("unanswered");
    Run::scenario("memory", &[mount.path().into()]).said_nothing();
}

#[test]
fn no_option_of_a_socket_keeps_the_supervisor_busy() {
    Run::scenario("spin", &[]).said_nothing();
}

#[test]
fn calls_that_wait_cost_little() {
    Run::scenario("crowd", &[]).said_nothing();
}

#[test]
fn other_sockets_at_reserved_numbers_are_served_by_the_kernel() {
    let run = Run::scenario("copies", &[]).said_nothing();
    assert!(run.count("stray_calls") >= 3);
    assert_eq!(run.count("plain_sockets"), 0);
}

#[test]
fn processes_without_a_reserved_number_get_plain_sockets() {
    let run = Run::scenario("tables", &[]);
    assert_eq!(run.count("plain_sockets"), 8);
    let lines: Vec<&str> = run.finished.stderr.lines().collect();
    let expected = "got an audit socket for messages only";
    assert!(lines.len() == 8 && lines.iter().all(|line| line.contains(expected)), "{lines:#?}");
}

#[test]
fn listeners_that_do_not_read_are_told_once() {
    let run = Run::scenario("overrun", &[]);
    assert!(run.count("missed_by_listeners") > 0);
    assert_eq!(run.finished.stderr.lines().count(), 1, "{}", run.finished.report());
}

#[cfg(target_arch = "x86_64")]
mod arguments {
    use super::{OsString, Run};
    use auditns_e2e::clients::{self, Client};

    /// Calls of one run.
    const CALLS: &str = "4000";

    /// The same calls with the same hostile arguments, by the kernel and in a namespace.
    fn compare(folder: &str) {
        let words = Client::new(folder).build();
        for seed in ["1", "2"] {
            let words: Vec<OsString> = words.iter().cloned().chain([seed.into(), CALLS.into()]).collect();
            let native = clients::natively(&words);
            let run = Run::of("arguments", &words).said_nothing();
            assert_eq!(native.code(), Some(0), "{}", native.report());
            let (expected, seen) = (&native.stdout, &run.finished.stdout);
            assert!(
                expected == seen,
                "seed {seed}, in the kernel (-) and in a namespace (+):\n{}",
                clients::changes(expected, seen)
            );
            assert!(run.count("stray_calls") > 0);
        }
    }

    #[test]
    fn hostile_arguments_get_the_answers_of_the_kernel() {
        compare("c/hostile-arguments");
    }

    #[test]
    fn hostile_arguments_of_32_bits_get_the_answers_of_the_kernel() {
        compare("c/i386-hostile-arguments");
    }

    #[test]
    fn hostile_arguments_leave_the_supervisor_as_it_is() {
        for folder in ["c/hostile-arguments", "c/i386-hostile-arguments"] {
            let mut words = Client::new(folder).build();
            // Fixed seeds find what was there; a new one each time finds more.
            let seed = std::process::id();
            println!("{folder}: seed {seed}");
            words.extend([format!("3,4,{seed}").into(), CALLS.into()]);
            Run::scenario("arguments", &words).said_nothing();
        }
    }
}

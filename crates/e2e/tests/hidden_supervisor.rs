//! An audit socket leads its holder to nothing of auditns: no handle of the process, no network namespace.

use std::process::Command;
use std::time::Duration;

use auditns_e2e::auditns::Served;
use auditns_e2e::process;
use auditns_e2e::workdir::{self, RunDir};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs the member below auditns, and auditns below these words.
fn check(name: &str, before: &[&str], may_name_others: &str) {
    let dir = RunDir::new(name);
    let served = Served::new(name, &dir.folder("log")).command();
    let mut command = match before {
        [] => served,
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(served.get_program()).args(served.get_args());
            command
        }
    };
    command.arg("/usr/bin/python3").arg(workdir::package().join("scripts/hidden.py")).arg(may_name_others);
    let finished = process::run(&mut command, LIMIT);
    assert_eq!(finished.code(), Some(0), "{}", finished.report());
}

#[test]
fn of_a_supervisor_that_may_name_other_processes() {
    check("hidden", &[], "1");
}

#[test]
fn of_a_supervisor_in_a_user_namespace() {
    check("hidden-userns", &["unshare", "--user", "--map-root-user"], "0");
}

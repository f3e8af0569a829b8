//! A host whose own audit has rules: the kernel then looks closer at every file that is opened.

use std::process::Command;
use std::time::Duration;

use auditns_e2e::supervised::Supervisor;
use auditns_e2e::{host, process};

/// Whoever opens a file of FUSE below such rules asks it for an attribute; the supervisor must not ask itself.
#[test]
fn the_tree_of_limits_answers_on_a_host_with_rules() {
    let _kernel = host::Kernel::enable();
    let rule = ["-a", "always,exit", "-F", "arch=b64", "-S", "openat", "-F", "path=/nothing-is-here"];
    process::must(Command::new("auditctl").args(rule), Duration::from_secs(10));
    let mut supervisor = Supervisor::start("rules");
    for restart in [false, true] {
        if restart {
            supervisor.signal(rustix::process::Signal::KILL);
            supervisor.answering();
        }
        let tree = supervisor.dir().path().join("run/proc");
        let list = || process::run(Command::new("ls").arg(&tree), Duration::from_secs(20));
        // A supervisor answers before it has mounted the tree.
        assert!(
            process::until(Duration::from_secs(20), || list().code() == Some(0)),
            "restart: {restart}, {}",
            list().report()
        );
    }
    supervisor.stop();
}

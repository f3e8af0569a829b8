//! The same programs without auditns: what stock kernels do today. These tests say what the others are worth: the steps
//! that fail here succeed there.

use std::time::Duration;

use auditns_e2e::container::{Container, Mode};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_user_namespace_has_no_audit() {
    let outcome = Container::native("today-user", Mode::User).run("probe.sh", &[], LIMIT);
    // auditctl gets ECONNREFUSED: it prints no status and says that audit is disabled.
    assert!(!outcome.output("status").contains("enabled"), "{}", outcome.output("status"));
    assert!(outcome.step("message") != 0, "{}", outcome.output("message"));
    assert!(outcome.step("auditd") != 0, "{}", outcome.output("auditd"));
    // Logins work, but pam_loginuid cannot say so: its failure is ignored.
    outcome.expect(&[("ssh", 0), ("cron", 0), ("su", 0)]);
}

#[test]
fn a_login_uid_of_the_host_is_never_replaced_in_a_user_namespace() {
    let outcome = Container::native("today-user-set", Mode::User).loginuid(4242).run("probe.sh", &[], LIMIT);
    outcome.expect(&[("ssh", 0)]);
    assert!(outcome.output("ssh").contains("4294967295"), "{}", outcome.output("ssh"));
}

#[test]
fn docker_containers_have_no_auditd_and_logins_only_from_a_fresh_boot() {
    let outcome = Container::native("today-docker", Mode::Docker).run("probe.sh", &[], LIMIT);
    assert!(outcome.step("status") != 0, "{}", outcome.output("status"));
    assert!(outcome.step("auditd") != 0, "{}", outcome.output("auditd"));
    outcome.expect(&[("ssh", 0), ("cron", 0)]);
    // Started from a session that has logged in, every login fails: the login uid cannot be set twice.
    let outcome =
        Container::native("today-docker-set", Mode::Docker).loginuid(4242).run("probe.sh", &[], LIMIT);
    assert!(outcome.step("ssh") != 0 && outcome.step("cron") != 0, "{}", outcome.finished.report());
}

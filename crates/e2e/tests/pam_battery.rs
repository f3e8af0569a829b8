//! ssh, login, su, sudo, cron and the account tools: each must work and leave its records, whatever the kernel's login
//! uid was when the container started.

use std::time::Duration;

use auditns_e2e::battery;
use auditns_e2e::container::{Container, Mode};
use auditns_e2e::tools;

fn logins(mode: Mode, loginuid: Option<u32>) {
    let name = format!("pam-{}-{}", mode.name(), if loginuid.is_some() { "set" } else { "unset" });
    let mut container = Container::served(&name, mode);
    if let Some(loginuid) = loginuid {
        container = container.loginuid(loginuid);
    }
    let outcome = container.run("pam.sh", &[], Duration::from_secs(120));
    // The login uid is reset at entry, and each login sets its own.
    battery::expect_logins(&outcome);
    battery::expect_records(&container.namespace().log(), mode);
    tools::expect_readable(&container.namespace().log_path());
}

#[test]
fn initial_user_namespace() {
    logins(Mode::Init, None);
}

#[test]
fn initial_user_namespace_with_a_login_uid() {
    logins(Mode::Init, Some(4242));
}

#[test]
fn capabilities_of_docker() {
    logins(Mode::Docker, None);
}

#[test]
fn capabilities_of_docker_with_a_login_uid() {
    logins(Mode::Docker, Some(4242));
}

#[test]
fn user_namespace() {
    logins(Mode::User, None);
}

#[test]
fn user_namespace_with_a_login_uid() {
    logins(Mode::User, Some(4242));
}

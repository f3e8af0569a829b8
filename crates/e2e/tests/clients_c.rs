//! Audit clients in C: the exact calls of programs that are not in Debian 12, or not to be had alone, and 32-bit programs.

use auditns_e2e::clients::Client;

#[test]
fn auditd_4() {
    Client::new("c/auditd-calls").check();
}

#[test]
fn systemd_journald() {
    Client::new("c/journald-calls").flags(&["--strict-client", "journald-calls"]).check();
}

#[test]
fn systemd_use_audit() {
    Client::new("c/use-audit").check();
}

#[test]
fn pam_tty_audit_and_readline() {
    Client::new("c/tty-calls").check();
}

#[test]
fn copies_children_and_passed_descriptors() {
    Client::new("c/sharing").check();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn i386_socketcall() {
    Client::new("c/i386-socketcall").check();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn i386_direct() {
    Client::new("c/i386-direct").check();
}

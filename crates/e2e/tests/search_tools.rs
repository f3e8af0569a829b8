//! ausearch and aureport find in a namespace's log what happened in it.

use std::time::Duration;

use auditns_e2e::container::{Container, Mode};
use auditns_e2e::tools::{aureport, ausearch, expect_readable};

#[test]
fn searches_and_reports() {
    let container = Container::served("search", Mode::User);
    let outcome = container.run("probe.sh", &[], Duration::from_secs(60));
    outcome.expect(&[("status", 0), ("message", 0), ("auditd", 0), ("ssh", 0), ("cron", 0), ("su", 0)]);
    let log = container.namespace().log_path();
    expect_readable(&log);

    // By type, by time, by login uid, by words; the host's ids are in the host's log.
    for (arguments, part) in [
        (["-m", "USER_LOGIN", "--raw"].as_slice(), "type=USER_LOGIN"),
        (&["-ts", "today", "-m", "ADD_USER", "--raw"], "type=ADD_USER"),
        (&["-ts", "recent", "-m", "USER", "--raw"], "a message"),
        (&["-ua", "101000", "--raw"], "auid=101000"),
        (&["-ul", "101000", "-m", "USER_START", "--raw"], "exe=\"/usr/sbin/sshd\""),
        (&["-x", "/usr/sbin/cron", "-sv", "yes", "--raw"], "exe=\"/usr/sbin/cron\""),
        (&["-m", "USER_START", "-i"], "op=PAM:session_open"),
        (&["--format", "text", "-m", "USER_LOGIN"], "sshd"),
        (&["--format", "csv", "-m", "ADD_USER"], "added-user-account"),
    ] {
        let found = ausearch(&log, arguments);
        assert_eq!(found.code(), Some(0), "{arguments:?}: {}", found.report());
        assert!(found.stdout.contains(part), "{arguments:?}: {}", found.report());
    }
    for arguments in [["-ua", "4711"].as_slice(), &["-te", "01/01/2001", "00:00:00"], &["-m", "AVC"]] {
        let found = ausearch(&log, arguments);
        assert_eq!(found.code(), Some(1), "nothing to find by {arguments:?}: {}", found.report());
    }
    for (report, part) in [
        ("--login", "/usr/sbin/sshd"),
        ("--auth", "/usr/bin/su"),
        ("--mods", "/usr/sbin/useradd"),
        ("--executable", "/usr/sbin/cron"),
        ("--user", "101000"),
        ("--event", "USER_START"),
        ("--config", "CONFIG_CHANGE"),
        ("--pid", "/usr/bin/su"),
        ("--host", "127.0.0.1"),
        ("--terminal", "ssh"),
        ("--log", "audit.log"),
    ] {
        let found = aureport(&log, &[report]);
        assert_eq!(found.code(), Some(0), "{report}: {}", found.report());
        assert!(found.stdout.contains(part) && found.stderr.is_empty(), "{report}: {}", found.report());
    }
}

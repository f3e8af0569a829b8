//! Limits: of audit sockets, of descriptors, of lines, of the log's room.

mod common;

use common::{LIMIT, Namespace, as_member, start};
use std::time::Duration;

#[test]
fn a_process_has_256_audit_sockets_and_floods_no_terminal() {
    let script = r#"
endpoints = [audit() for _ in range(256)]
for _ in range(2000):
    try:
        audit()
        sys.exit("no limit")
    except OSError as error:
        expect(error.errno, 24)
expect(asked(endpoints[255], get()), ("type", 1000))
endpoints.pop()
until(lambda: os.waitpid(child(audit), 0)[1] == 0)
until(lambda: tried(lambda: endpoints.append(audit()) or True))
"#;
    let outcome = Namespace::new("sockets").member(script).succeeded();
    assert!(outcome.stderr.contains("256 audit sockets of this process are open"), "{outcome:?}");
    assert!(outcome.stderr.lines().count() < 30, "{outcome:?}");
}

#[test]
fn a_namespace_has_4096_audit_sockets_and_users_may_take_half() {
    let script = r#"
held = []
def take(count, ordinary):
    def work():
        if ordinary:
            become_ordinary()
        endpoints = []
        try:
            for _ in range(256):
                endpoints.append(audit())
        except OSError as error:
            os.write(channel[1], b"%d\n" % error.errno)
        else:
            os.write(channel[1], b"0\n")
        time.sleep(60)
    for _ in range(count):
        channel = os.pipe()
        held.append(child(work))
        found = int(os.read(channel[0], 10))
        os.close(channel[0])
        os.close(channel[1])
        yield found
expect(list(take(9, True)), [0] * 8 + [23])
expect(list(take(9, False)), [0] * 8 + [23])
for pid in held:
    ended(pid)
until(lambda: tried(lambda: asked(audit(), get()) == ("type", 1000)))
"#;
    let outcome = Namespace::new("many").member(script).succeeded();
    assert!(outcome.stderr.contains("2048 audit sockets of processes without privileges"), "{outcome:?}");
    assert!(outcome.stderr.contains("4096 audit sockets of this namespace"), "{outcome:?}");
    assert!(outcome.stderr.lines().count() < 40, "{outcome:?}");
}

#[test]
fn few_descriptors_for_auditns_are_enough_for_a_login() {
    for descriptors in [32, 64, 200] {
        let script = r#"
endpoint = audit()
def take():
    endpoints = []
    try:
        while True:
            endpoints.append(audit())
    except OSError as error:
        os.write(channel[1], b"%d\n" % error.errno)
    time.sleep(60)
held, found = [], 0
while found != 23:
    channel = os.pipe()
    held.append(child(take))
    found = int(os.read(channel[0], 10))
    os.close(channel[0])
    os.close(channel[1])
    assert found in (23, 24) and len(held) < 100, found
expect(asked(endpoint, user(b"seen")), ("error", 0))
for _ in range(20):
    joined(child(lambda: expect(asked(endpoint, user(b"x")), ("error", 0))))
for pid in held:
    ended(pid)
until(lambda: tried(lambda: status()[0] == 1))
"#;
        let namespace = Namespace::new("few");
        let mut command = namespace.command_after(&format!("ulimit -n {descriptors}"));
        let outcome = start(as_member(&mut command, script)).wait().succeeded();
        assert_eq!(namespace.log().matches("msg='seen'").count(), 1, "{descriptors}: {outcome:?}");
    }
}

/// `SIGXFSZ` would end whoever writes more than `RLIMIT_FSIZE` allows.
#[test]
fn a_log_that_may_not_grow_is_told_once_and_recovers() {
    let namespace = Namespace::new("fsize");
    let script = r#"
endpoint = audit()
for _ in range(20):
    expect(asked(endpoint, user(b"x" * 8000)), ("error", 0))
expect(status()[5] > 0, True)
"#;
    let outcome = start(as_member(&mut namespace.command_after("ulimit -f 40"), script)).wait().succeeded();
    assert_eq!(outcome.stderr.matches("cannot be written").count(), 1, "{outcome:?}");
    assert!(outcome.stderr.lines().count() < 20, "{outcome:?}");
    assert!(namespace.log().lines().all(|line| line.starts_with("type=")), "no line is cut");
}

#[test]
fn a_log_folder_that_vanishes_is_told_and_used_again_when_it_is_back() {
    let namespace = Namespace::new("vanish");
    let script = r#"
folder = sys.argv[1] + "/vanish"
endpoint = audit()
expect(asked(endpoint, user(b"before")), ("error", 0))
os.rename(folder, folder + "-old")
for name in os.listdir(folder + "-old"):
    os.unlink(folder + "-old/" + name)
expect(asked(endpoint, user(b"missed")), ("error", 0))
expect(asked(endpoint, settings(2, failure=2)), ("error", 0))
expect(asked(endpoint, user(b"refused")), ("error", -2))
os.mkdir(folder)
expect(asked(endpoint, user(b"kept")), ("error", 0))
"#;
    let mut command = namespace.command();
    let outcome = start(as_member(&mut command, script).arg(namespace.folder())).wait().succeeded();
    assert!(outcome.stderr.contains("cannot be written (No such file or directory"), "{outcome:?}");
    assert!(outcome.stderr.contains("3 records are not in it"), "{outcome:?}");
    let log = namespace.log();
    let has = |text: &str| log.contains(&format!("msg='{text}'"));
    assert!(has("kept") && !has("missed") && !has("refused"), "{log}");
}

#[test]
fn whoever_reads_standard_error_slowly_holds_nobody_up() {
    let namespace = Namespace::new("slow").flags(&["--events"]);
    let script = r#"
endpoint = audit()
for _ in range(3000):
    expect(asked(endpoint, user(b"x" * 900)), ("error", 0))
"#;
    let inner = namespace.command();
    let mut command = std::process::Command::new("bash");
    // The pipe is open, and nobody reads from it.
    command.args(["-c", "mkfifo \"$0/pipe\" && exec 8<>\"$0/pipe\" && exec \"$@\" 2>&8"]);
    command.arg(namespace.folder()).arg(inner.get_program()).args(inner.get_args());
    let outcome = start(as_member(&mut command, script)).wait();
    assert_eq!(outcome.code(), 0);
    assert!(outcome.took < LIMIT / 2, "{:?}", outcome.took);
    assert_eq!(namespace.log().matches("xxx'").count(), 3000, "the log has what the terminal missed");
}

#[test]
fn standard_streams_may_be_closed_or_lead_nowhere() {
    for closed in ["exec 0<&-", "exec 1>&-", "exec 2>&-", "exec 0<&- 1>&- 2>&-", "exec 2> >(exit)"] {
        let namespace = Namespace::new("closed").flags(&["--events"]);
        let script = "for _ in range(3):\n    asked(audit(), user(b'x'))\n    time.sleep(0.02)\nsys.exit(7)";
        let outcome = start(as_member(&mut namespace.command_after(closed), script)).wait();
        assert_eq!(outcome.code(), 7, "{closed}: {outcome:?}");
        assert!(outcome.took < Duration::from_secs(20));
    }
}

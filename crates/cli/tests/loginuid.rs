//! Login uids of a namespace's own: who has them, what they are inside, and what the policy says.

mod common;

use common::supervisor::{Member, Supervisor, USER, field, namespace_log, of_type, until};
use common::{as_member, start};
use serde_json::json;

/// What libaudit does with the two files. Numbers of errors in place of exceptions.
const FILES: &str = r#"
UNSET = 4294967295

def opened(name, access=os.O_RDONLY):
    return os.open("/proc/self/" + name, access | os.O_NOFOLLOW)

def ask(name):
    file = opened(name)
    try:
        return int(os.read(file, 32))
    finally:
        os.close(file)

def log_in(uid):
    file = opened("loginuid", os.O_RDWR)
    try:
        os.write(file, str(uid).encode())
        return 0
    except OSError as error:
        return error.errno
    finally:
        os.close(file)

def login():
    return ask("loginuid"), ask("sessionid")

def feature(number):
    """Switches a feature on: 0 is only_unset_loginuid, 1 loginuid_immutable."""
    data = struct.pack("=4I", 1, 1 << number, 1 << number, 0)
    return asked(audit(), message(1018, data))
"#;

/// A member's script, in front of which the helpers stand.
fn script(text: &str) -> String {
    format!("{FILES}\n{text}")
}

fn finish(member: Member) -> String {
    member.finish().succeeded().stdout
}

#[test]
fn the_policy_says_whose_login_uids_they_are_and_whoever_starts_it_may_say_otherwise() {
    let supervisor = Supervisor::with_policy(
        "[[namespace]]\nname = 'own-*'\nloginuid = 'virtual'\n[[namespace]]\nname = 'host-*'\nloginuid = 'keep'\n",
    );
    let idle = "print('ready', flush=True)\ninput()";
    for (name, flags, own) in [
        ("own-1", &[][..], true),
        ("own-2", &["--loginuid", "keep"], false),
        ("host-1", &[], false),
        ("host-2", &["--loginuid", "virtual"], true),
    ] {
        let member = supervisor.member(0, &[&["--name", name], flags].concat(), idle);
        assert_eq!(supervisor.json(&["show", name, "--json"])["own_logins"], own, "{name}");
        member.finish().succeeded();
    }
}

#[test]
fn a_login_is_set_once_without_privileges_and_as_the_namespaces_features_say_with_them() {
    let supervisor = Supervisor::new();
    let text = script(
        r#"
assert login() == (UNSET, UNSET), login()
assert log_in(1000) == 0 and login() == (1000, 1), login()
assert log_in(1001) == 0 and login() == (1001, 2), login()
if not os.fork():
    os.setuid(65534)
    assert log_in(1002) == 1, "it takes CAP_AUDIT_CONTROL"
    os._exit(0)
assert os.wait()[1] == 0
expect(feature(0), ("error", 0))
assert log_in(1003) == 1, "it may be unset only"
assert log_in(UNSET) == 0 and login() == (UNSET, UNSET), login()
assert log_in(1004) == 0 and login() == (1004, 3), login()
expect(feature(1), ("error", 0))
assert log_in(UNSET) == 1 and log_in(1005) == 1, "it stays"
for wrong in ("x", "-2", "4294967296"):
    assert log_in(wrong) in (1, 22, 34), wrong
assert login() == (1004, 3), login()
expect(asked(audit(), user(b"spoken")), ("error", 0))
print("ready", flush=True)
input()
"#,
    );
    let member = supervisor.member(0, &["--name", "web", "--loginuid", "virtual"], &text);
    // Features are the namespace's own.
    let other =
        script("assert [log_in(uid) for uid in (1, 2, 3)] == [0, 0, 0]\nprint('ready', flush=True)\ninput()");
    let other = supervisor.member(0, &["--name", "other", "--loginuid", "virtual"], &other);
    finish(other);
    finish(member);
    let log = namespace_log(&supervisor, "web", "audit.log");
    let logins: Vec<[&str; 5]> = of_type(&log, "LOGIN")
        .into_iter()
        .map(|line| ["old-auid", "auid", "old-ses", "ses", "res"].map(|name| field(line, name)))
        .collect();
    let unset = "4294967295";
    assert_eq!(logins[0], [unset, "1000", unset, "1", "1"], "{log}");
    assert_eq!(logins[1], ["1000", "1001", "1", "2", "1"], "{log}");
    assert!(logins.iter().any(|login| login[1] == "1003" && login[4] == "0"), "{log}");
    let spoken = log.lines().find(|line| line.contains("spoken")).unwrap();
    assert_eq!((field(spoken, "auid"), field(spoken, "ses")), ("1004", "3"), "{spoken}");
}

#[test]
fn a_process_that_is_executed_in_a_namespace_logs_in_there() {
    let supervisor = Supervisor::new();
    let first = script("assert log_in(1000) == 0\nprint('ready', flush=True)\ninput()");
    let member = supervisor.member(0, &["--name", "web", "--loginuid", "virtual"], &first);
    let second = script(
        "assert login() == (UNSET, UNSET), login()\nassert log_in(1001) == 0\nprint('ready', *login(), flush=True)\ninput()",
    );
    let joined = supervisor.joined("web", &second);
    assert!(finish(joined).contains("ready 1001 2"));
    finish(member);
}

#[test]
fn a_namespace_inside_another_one_counts_its_own_sessions_and_begins_with_the_login_of_whoever_makes_it() {
    let supervisor = Supervisor::with_policy("[defaults]\nnested-share = 100\n");
    until("the kernel can be asked", || supervisor.info()["membership"] == "exact");
    let text = script(
        r#"
assert log_in(1000) == 0 and login() == (1000, 1)
expect(asked(audit(), message(1090)), ("error", 0))
assert login() == (1000, 1), login()
expect(asked(audit(), user(b"inner")), ("error", 0))
assert log_in(1001) == 0 and login() == (1001, 1), login()
if not os.fork():
    assert login() == (1001, 1), login()
    os._exit(0)
assert os.wait()[1] == 0
expect(asked(audit(), user(b"again")), ("error", 0))
print("ready", flush=True)
input()
"#,
    );
    let member = supervisor.member(0, &["--name", "outer", "--loginuid", "virtual"], &text);
    finish(member);
    let log = namespace_log(&supervisor, "outer.1", "audit.log");
    for (text, auid, ses) in [("inner", "1000", "1"), ("again", "1001", "1")] {
        let line = log.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {log}"));
        assert_eq!((field(line, "auid"), field(line, "ses")), (auid, ses), "{line}");
    }
}

/// Without BPF: the nearest ancestor that has logged in tells.
#[test]
fn where_the_kernel_cannot_be_asked_a_login_is_inherited_by_descent() {
    let supervisor = Supervisor::below(&["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_resource"], "");
    let text = script(
        r#"
if not os.fork():
    assert log_in(1000) == 0 and login() == (1000, 1), login()
    if not os.fork():
        assert login() == (1000, 1), login()
        os.execvp("sh", ["sh", "-c", "exec " + sys.executable + " -c 'import os; print(os.read(os.open(\"/proc/self/loginuid\", os.O_NOFOLLOW), 32))'"])
    assert os.wait()[1] == 0
    os._exit(0)
assert os.wait()[1] == 0
assert login() == (UNSET, UNSET), login()
print("ready", flush=True)
input()
"#,
    );
    let member = supervisor.member(0, &["--name", "web", "--loginuid", "virtual"], &text);
    assert_eq!(supervisor.json(&["show", "web", "--json"])["membership"], "descent");
    assert!(finish(member).contains("b'1000'"));
}

#[test]
fn an_ordinary_users_container_has_login_uids_of_its_own() {
    let supervisor = Supervisor::with_policy("[defaults]\nunprivileged-backlog-limit = 64\n");
    // Its user namespace has one user: itself, as root.
    let text = script(
        "assert login() == (UNSET, UNSET), login()\nassert log_in(1) == 22, 'no such user inside'\nassert log_in(0) == 0\n\
         print('ready', *login(), flush=True)\ninput()",
    );
    let member = supervisor.member(USER, &["--name", "mine", "--loginuid", "virtual"], &text);
    assert!(finish(member).contains("ready 0 1"));
    let log = namespace_log(&supervisor, &format!("{USER}:mine"), "audit.log");
    assert_eq!(field(of_type(&log, "LOGIN")[0], "auid"), USER.to_string(), "{log}");
}

#[test]
fn where_nobody_serves_it_is_refused_in_a_sentence_and_nothing_is_executed() {
    let supervisor = Supervisor::new();
    let mut command = supervisor.command_as(0, &["run", "--embedded", "--loginuid", "virtual", "--"]);
    let outcome = start(as_member(&mut command, "print('executed')")).wait();
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (125, ""));
    assert!(
        outcome.stderr.lines().count() == 1 && outcome.stderr.contains("needs a supervisor"),
        "{outcome:?}"
    );
    until("nothing is left", || supervisor.json(&["list", "--json"]) == json!([]));
}

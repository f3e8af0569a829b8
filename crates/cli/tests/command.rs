//! The command line: exit statuses, signals, help, options.

mod common;

use common::{Namespace, Outcome, PROGRAM, PYTHON, as_member, start};
use rustix::process::{Signal, kill_process};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

fn auditns(words: &[&str]) -> Outcome {
    start(Command::new(PROGRAM).args(words)).wait()
}

#[test]
fn exit_statuses_are_the_commands_or_say_who_failed() {
    let namespace = Namespace::new("exit");
    let run = |words: &[&str]| namespace.run(words).code();
    assert_eq!(run(&["true"]), 0);
    assert_eq!(run(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(run(&["sh", "-c", "kill -KILL $$"]), 137);
    assert_eq!(run(&["/etc/passwd"]), 126);
    assert_eq!(run(&["/nonexistent/command"]), 127);
    assert_eq!(auditns(&["run", "--name", "a/b", "--", "true"]).code(), 125);
    assert_eq!(auditns(&["run", "--log-dir", "/proc/none", "--", "true"]).code(), 125);
    assert_eq!(auditns(&["run", "true"]).code(), 2);
    assert_eq!(auditns(&["run", "--policy", "lax", "--", "true"]).code(), 2);
    assert_eq!(auditns(&[]).code(), 2);
}

#[test]
fn help_manual_and_completions_are_printed() {
    for (words, wanted) in [
        (&["--help"][..], "Exit status"),
        (&["run", "--help"], "--backlog-limit"),
        (&["--version"], "auditns 0."),
        (&["man"], ".SH"),
        (&["completions", "bash"], "complete -F"),
        (&["completions", "zsh"], "#compdef auditns"),
        (&["completions", "fish"], "complete -c auditns"),
    ] {
        let outcome = auditns(words).succeeded();
        assert!(outcome.stdout.contains(wanted) && outcome.stderr.is_empty(), "{words:?}: {outcome:?}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    for words in ["man", "completions bash", "probe", "probe --json", "--help"] {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{PROGRAM} {words} | true; exit ${{PIPESTATUS[0]}}")]);
        let outcome = start(&mut command).wait();
        assert_eq!(outcome.code(), 0, "{words}: {outcome:?}");
        assert_eq!(outcome.stderr, "", "{words}");
    }
}

#[test]
fn the_probe_tells_programs_what_it_tells_people() {
    let outcome = auditns(&["probe", "--json"]).succeeded();
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["usable"], true);
    let features = json["features"].as_array().unwrap();
    assert!(!features.is_empty());
    let table = auditns(&["probe"]).succeeded().stdout;
    for feature in features {
        assert!(table.contains(feature["name"].as_str().unwrap()), "{feature} {table}");
        assert_eq!(feature["supported"] == true, feature["reason"].is_null());
    }
}

#[test]
fn signals_to_auditns_reach_the_command() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::HUP, 1), (Signal::USR1, 10), (Signal::USR2, 12)] {
        let namespace = Namespace::new("signals");
        let script = "print('ready', flush=True)\ntime.sleep(60)";
        // Whoever runs the tests may ignore one of them, as nohup does, and what is ignored stays so.
        let inner = namespace.command();
        let mut command = Command::new("env");
        command.arg("--default-signal").arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
        let mut started = start(as_member(&mut command, script));
        started.until("ready");
        kill_process(started.pid(), signal).unwrap();
        let outcome = started.wait();
        assert_eq!(outcome.code(), 128 + number, "{outcome:?}");
        assert!(namespace.log().contains("op=stop"), "the namespace ended in order");
    }
}

/// What a terminal's `^C` or a careless `kill 0` sends to everybody ends the command, if it wants to, and not its audit.
#[test]
fn signals_to_the_whole_group_leave_auditns_alone() {
    let script = r"
numbers = [1, 2, 3, 10, 12, 14, 15, 16, 22, 24, 25, 26, 27, 29, 30, 34, 50, 64]
for number in numbers:
    signal.signal(number, signal.SIG_IGN)
for number in numbers:
    os.kill(0, number)
    expect(status()[0], 1)
";
    Namespace::new("group").member(script).succeeded();
}

#[test]
fn hostile_bytes_reach_neither_terminal_nor_log() {
    let evil = OsStr::from_bytes(b"x\x1b[31m\ntype=FORGED msg=audit(1.1:1)\xff");
    let namespace = Namespace::new("bytes").flags(&["--events"]);
    let script = r#"
libc.prctl(15, b"\x1b[31m\ntype=X", 0, 0, 0)
endpoint = audit()
expect(asked(endpoint, user(b"a\x1b[31m\ntype=FORGED \xff\xe2\x80\xae")), ("error", 0))
expect(asked(endpoint, message(1018, struct.pack("=4I", 1, 1, 1, 0))), ("error", 0))
"#;
    let told = start(as_member(&mut namespace.command(), script).arg(evil)).wait().succeeded();
    let missing = start(namespace.command().arg(evil)).wait();
    assert_eq!(missing.code(), 127);
    let mut named = Command::new(PROGRAM);
    named.args(["run", "--name"]).arg(evil).args(["--", "true"]);
    let named = start(&mut named).wait();
    let mut folder = Command::new(PROGRAM);
    folder.args(["run", "--log-dir"]).arg(OsStr::from_bytes(b"/proc/\x1b[31m\n")).args(["--", "true"]);
    let folder = start(&mut folder).wait();
    assert_eq!(folder.code(), 125);
    for text in [namespace.log(), told.stderr, missing.stderr, named.stderr, folder.stderr] {
        let control = |character: char| character.is_control() && character != '\n';
        assert!(!text.contains(control) && !text.contains('\u{202e}'), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("type=FORGED")), "{text}");
    }
}

#[test]
fn two_namespaces_know_nothing_of_each_other() {
    let one = Namespace::new("one").flags(&["--backlog-limit", "111"]);
    let two = Namespace::new("two");
    let script = r#"
print("ready", flush=True)
time.sleep(0.5)
endpoint = audit()
expect(asked(endpoint, user(b"of " + sys.argv[1].encode())), ("error", 0))
expect(asked(endpoint, settings(2, failure=int(sys.argv[2]))), ("error", 0))
time.sleep(0.3)
expect(status()[1], int(sys.argv[2]))
expect(status()[4], int(sys.argv[3]))
"#;
    let mut first = start(as_member(&mut one.command(), script).args(["one", "0", "111"]));
    let mut second = start(as_member(&mut two.command(), script).args(["two", "2", "64"]));
    first.until("ready");
    second.until("ready");
    first.wait().succeeded();
    second.wait().succeeded();
    assert!(one.log().contains("'of one'") && !one.log().contains("'of two'"));
    assert!(two.log().contains("'of two'") && !two.log().contains("'of one'"));
}

#[test]
fn a_name_in_use_is_refused_until_it_is_free() {
    let namespace = Namespace::new("taken");
    let (reader, input) = std::io::pipe().unwrap();
    let mut holding = namespace.command();
    let script = "print('ready', flush=True)\nsys.stdin.read()";
    let mut holder = start(as_member(&mut holding, script).stdin(reader));
    holder.until("ready");
    let refused = namespace.run(&["true"]);
    assert_eq!(refused.code(), 125);
    assert!(refused.stderr.contains("taken is already being served"), "{refused:?}");
    drop(input);
    holder.wait().succeeded();
    namespace.run(&["true"]).succeeded();
}

#[test]
fn members_in_the_background_are_served_to_their_end() {
    let namespace = Namespace::new("background");
    let script = r#"
parent = os.getpid()
def later():
    os.setsid()
    until(lambda: os.getppid() != parent, 60)
    time.sleep(3)
    expect(asked(audit(), user(b"late")), ("error", 0))
child(later)
sys.exit(5)
"#;
    let outcome = namespace.member(script);
    assert_eq!(outcome.code(), 5);
    assert!(outcome.took >= Duration::from_secs(3), "{outcome:?}");
    assert!(namespace.log().contains("'late'"));
    assert_eq!(outcome.stderr.matches("the command has ended").count(), 1, "{outcome:?}");
}

#[test]
fn a_closed_gate_records_nothing_and_opens_only_from_outside() {
    let namespace = Namespace::new("gate").flags(&["--backlog-limit", "0"]);
    let script = r#"
endpoint = audit()
expect(asked(endpoint, user(b"unseen")), ("error", -111))
expect(asked(endpoint, settings(16, limit=64)), ("error", -1))
expect(status()[4], 0)
expect(asked(endpoint, user(b"unseen")), ("error", -111))
"#;
    namespace.member(script).succeeded();
    assert!(!namespace.log().contains("unseen"));
    assert_eq!(namespace.log().lines().count(), 2, "{}", namespace.log());
}

#[test]
fn the_strict_policy_lets_a_daemon_register_and_nothing_else() {
    let script = r#"
endpoint = audit()
for refused in (settings(1, enabled=0), settings(2, failure=0), settings(8, rate=1), settings(16, limit=1),
                message(1013), watch(b"/usr"), message(1018, struct.pack("=4I", 1, 1, 1, 0))):
    expect(asked(endpoint, refused), ("error", -1))
expect(asked(endpoint, settings(4, pid=os.getpid())), ("error", 0))
expect(status()[2], os.getpid())
"#;
    Namespace::new("strict").flags(&["--policy", "strict"]).member(script).succeeded();
}

/// A ring opens sockets that no filter sees, which matters where the kernel would let them reach the host's audit, and sets
/// options, which matters where messages show the supervisor as their sender.
#[test]
fn rings_are_refused_where_they_could_reach_the_hosts_audit_or_the_supervisor_and_nowhere_else() {
    let script = r"
parameters = ctypes.create_string_buffer(256)
ctypes.set_errno(0)
print(libc.syscall(425, 4, parameters) >= 0, ctypes.get_errno())
";
    let prelude = include_str!("common/member.py");
    let outside =
        start(Command::new(PYTHON).arg("-c").arg(format!("{prelude}\n{script}"))).wait().succeeded();
    let below = |words: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args([PROGRAM, "run", "--name", "ring", "--log-dir"]);
        command.arg(folder.path()).arg("--");
        start(as_member(&mut command, script)).wait().succeeded().stdout
    };
    assert_eq!(below(&["env"]).trim(), "False 1");
    assert_eq!(below(&["unshare", "-Ur"]).trim(), "False 1", "it cannot name another process as the sender");
    let without_audit = ["setpriv", "--bounding-set", "-audit_write,-audit_control"];
    assert_eq!(below(&without_audit), outside.stdout, "as without auditns");
}

#[test]
fn sockets_opened_in_the_last_instant_are_counted() {
    for _ in 0..10 {
        let namespace = Namespace::new("last");
        namespace.member("held = [audit(), audit(), audit()]\nos._exit(0)").succeeded();
        assert!(namespace.log().contains(" sockets=3 plain_sockets=0 "), "{}", namespace.log());
    }
}

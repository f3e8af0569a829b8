//! The OCI runtime wrapper, around a runtime that only does what a test wants.

mod common;

use common::supervisor::{
    Member, SPEAKING, STRANGER, Supervisor, USER, field, namespace_log, of_type, until,
};
use common::{Outcome, PROGRAM, as_member, start};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Writes its arguments down, then does what the test has for it.
const RUNTIME: &str = "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >\"${0%/*}/arguments\"\n\
                       eval \"set -- $FAKE_DOES\"\nexec \"$@\"\n";

/// A runtime and a bundle.
#[derive(Debug)]
struct Fake(TempDir);

impl Fake {
    fn new() -> Fake {
        let fake = Fake(tempfile::tempdir().unwrap());
        fs::set_permissions(fake.0.path(), Permissions::from_mode(0o777)).unwrap();
        fs::write(fake.runtime(), RUNTIME).unwrap();
        fs::set_permissions(fake.runtime(), Permissions::from_mode(0o755)).unwrap();
        fake.configure(&json!({}));
        fake
    }

    fn runtime(&self) -> PathBuf {
        self.0.path().join("fake")
    }

    fn bundle(&self) -> &Path {
        self.0.path()
    }

    /// The bundle's configuration, with what a test wants of it.
    fn configure(&self, with: &Value) {
        let mut config = json!({
            "ociVersion": "1.0.2",
            "process": {"args": ["/sbin/init", "--x"], "cwd": "/", "noNewPrivileges": false},
            "root": {"path": "/"},
            "linux": {"namespaces": [{"type": "pid"}]},
        });
        for (key, value) in with.as_object().unwrap() {
            config[key] = value.clone();
        }
        fs::write(self.bundle().join("config.json"), config.to_string()).unwrap();
    }

    /// `auditns runtime ... -- ARGUMENTS`, with what the runtime does: words of a shell.
    fn command(&self, supervisor: &Supervisor, uid: u32, arguments: &[&str], does: &str) -> Command {
        let runtime = self.runtime();
        let words = ["runtime", "--runtime", runtime.to_str().unwrap(), "--"];
        let mut command = supervisor.command_as(uid, &[&words, arguments].concat());
        command.env("FAKE_DOES", does).env("AUDITNS_CONFIG", supervisor.path("policy.toml"));
        command.current_dir(self.bundle());
        command
    }

    fn run(&self, supervisor: &Supervisor, arguments: &[&str], does: &str) -> Outcome {
        start(&mut self.command(supervisor, 0, arguments, does)).wait()
    }

    /// A container that runs a member's script in place of its process. `around` are words in front of it.
    fn container(&self, supervisor: &Supervisor, arguments: &[&str], around: &str, script: &str) -> Member {
        Member::start(&mut self.member(supervisor, 0, arguments, around, script))
    }

    fn member(
        &self,
        supervisor: &Supervisor,
        uid: u32,
        arguments: &[&str],
        around: &str,
        script: &str,
    ) -> Command {
        let mut python = Command::new("python");
        as_member(&mut python, script);
        let code = python.get_args().last().unwrap().to_str().unwrap().to_owned();
        let does = format!("{around} /usr/bin/python3 -c \"$FAKE_CODE\"");
        let mut command = self.command(supervisor, uid, arguments, &does);
        command.env("FAKE_CODE", code);
        command
    }

    fn arguments(&self) -> Vec<String> {
        let bytes = fs::read(self.bundle().join("arguments")).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }
}

/// Of a member that has no audit.
const REFUSED: &str = r#"
try:
    audit()
    sys.exit("it has audit")
except OSError as error:
    expect(error.errno, 93)
print("ready", flush=True)
input()
"#;

/// One line that says why, and no runtime that was executed.
fn refused(fake: &Fake, outcome: &Outcome, wanted: &str) {
    assert_eq!(outcome.code(), 125, "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(outcome.stderr.starts_with("auditns: ") && outcome.stderr.contains(wanted), "{outcome:?}");
    assert!(!fake.bundle().join("arguments").exists(), "the runtime was executed");
}

#[test]
fn what_is_asked_of_the_runtime_reaches_it_unchanged() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    for arguments in [
        &["--root", "/r", "create", "--bundle", ".", "--pid-file", "/p", "c1"][..],
        &["run", "-b", ".", "c1"],
        &["--root=/r", "exec", "-d", "c1", "sh", "-c", "create 'x' \"y\" --bundle \n"],
        &["start", "c1"],
        &["state", "c1"],
        &["kill", "--all", "c1", "15"],
        &["delete", "--force", "c1"],
        &["--version"],
        &["create"],
        &["run", "--help"],
        &["", " ", "ü"],
    ] {
        let outcome = fake.run(&supervisor, arguments, "sh -c 'exit 7'");
        assert_eq!((outcome.code(), outcome.stderr.as_str()), (7, ""), "{arguments:?}");
        assert_eq!(fake.arguments(), arguments);
    }
    until("nothing is left", || supervisor.json(&["list", "--json"]) == json!([]));
}

#[test]
fn a_container_has_a_namespace_which_what_is_executed_in_it_joins() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    fake.configure(&json!({"annotations": {
        "io.kubernetes.cri.sandbox-namespace": "prod",
        "io.kubernetes.cri.sandbox-name": "web-1",
        "io.kubernetes.cri.container-name": "app",
        "io.auditns.backlog-limit": "77",
    }}));
    let container = fake.container(&supervisor, &["--root", "/r", "create", "c1"], "", SPEAKING);
    let shown = supervisor.json(&["show", "prod.web-1.app", "--json"]);
    let wanted = json!({"runtime": "fake", "container": "c1", "backlog_limit": 77, "members": 1, "records": 1,
        "labels": {"ctr-id": "c1", "k8s-ns": "prod", "k8s-pod": "web-1", "k8s-ctr": "app"}});
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}: {shown}");
    }
    let executed = fake.container(&supervisor, &["--root", "/r", "exec", "c1", "sh"], "", SPEAKING);
    assert_eq!(supervisor.json(&["show", "prod.web-1.app", "--json"])["records"], 2);
    // The same id below another root is another container.
    let other =
        fake.container(&supervisor, &["--root", "/s", "exec", "c1", "sh"], "", "print('ready', flush=True)");
    executed.finish().succeeded();
    other.finish().succeeded();
    container.finish().succeeded();
    until("it ends", || supervisor.has_ended("prod.web-1.app"));
    let log = namespace_log(&supervisor, "prod.web-1.app", "audit.log");
    assert!(log.lines().all(|line| line.contains(" k8s-ns=prod k8s-pod=web-1 k8s-ctr=app pid=")), "{log}");
    assert_eq!(of_type(&log, "USER_LOGIN").len(), 2, "{log}");
    let frame = of_type(&log, "VIRT_CONTROL");
    assert!(frame[0].contains(" op=start ") && frame[0].contains(" runtime=fake "), "{log}");
    assert!(frame[0].contains(" ctr-id=c1 ") && !frame[0].contains(" pid-ns="), "{log}");
    assert!(frame[1].contains(" op=join ") && !frame[1].contains(" pid-ns="), "{log}");
    assert!(frame[2].contains(" op=stop ") && frame[2].contains(" records=2 "), "{log}");
}

#[test]
fn what_says_that_it_is_executed_in_a_container_must_be_where_that_is() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    let around = "unshare --pid --fork --mount-proc";
    let container = fake.container(&supervisor, &["create", "c1"], around, SPEAKING);
    let first = supervisor.json(&["show", "c1", "--json"])["pid"].as_u64().unwrap();
    let elsewhere = fake.container(&supervisor, &["exec", "c1"], "", REFUSED);
    let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
    let inside = format!("nsenter --pid --target {}", children.trim());
    let there = fake.container(&supervisor, &["exec", "c1"], &inside, SPEAKING);
    assert_eq!(supervisor.json(&["show", "c1", "--json"])["records"], 2);
    for member in [elsewhere, there, container] {
        member.finish().succeeded();
    }
    let said = "is not in that container's user and pid namespace";
    until("it is said", || supervisor.stderr().contains(said));
}

#[test]
fn the_first_process_is_known_when_the_runtime_has_started_it() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    let root = fake.bundle().join("r");
    fs::create_dir_all(root.join("c1")).unwrap();
    let root = root.to_str().unwrap();
    // Its runtime ends, as runtimes do that only create. What it leaves is in a session of its own by then, so that it does not
    // end with the runtime's process group.
    fs::write(fake.bundle().join("first"), "echo $$ >pid.new; mv pid.new pid; exec sleep 60").unwrap();
    let does = "sh -c 'setsid --fork sh first; until test -e pid; do sleep 0.01; done'";
    fake.run(&supervisor, &["--root", root, "create", "c1"], does).succeeded();
    assert_eq!(supervisor.json(&["show", "c1", "--json"])["pid"], 0);
    let pid: u32 = fs::read_to_string(fake.bundle().join("pid")).unwrap().trim().parse().unwrap();
    fs::write(Path::new(root).join("c1/state.json"), json!({"init_process_pid": pid}).to_string()).unwrap();
    for _ in 0..2 {
        fake.run(&supervisor, &["--root", root, "start", "c1"], "true").succeeded();
        let shown = supervisor.json(&["show", "c1", "--json"]);
        assert_eq!((&shown["pid"], &shown["members"]), (&json!(pid), &json!(1)));
    }
    start(Command::new("kill").arg(pid.to_string())).wait().succeeded();
    until("it ends", || supervisor.has_ended("c1"));
    let log = namespace_log(&supervisor, "c1", "audit.log");
    let init: Vec<&str> = log.lines().filter(|line| line.contains(" op=init ")).collect();
    assert_eq!(init.len(), 1, "{log}");
    assert_eq!(field(init[0], "vm-pid"), pid.to_string());
}

#[test]
fn without_a_supervisor_the_policy_decides() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    let nowhere = fake.bundle().join("nowhere");
    let log = fake.bundle().join("log.json");
    let run = |arguments: &[&str]| {
        let log = log.to_str().unwrap();
        let words = [&["--log", log, "--log-format", "json"], arguments].concat();
        start(fake.command(&supervisor, 0, &words, "echo served").env("AUDITNS_RUN_DIR", &nowhere)).wait()
    };
    for arguments in [&["create", "c1"][..], &["run", "c1"], &["exec", "c1", "sh"]] {
        refused(&fake, &run(arguments), "no supervisor serves in");
    }
    let lines = fs::read_to_string(&log).unwrap();
    let said: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((lines.lines().count(), &said["level"]), (3, &json!("error")));
    assert!(said["msg"].as_str().unwrap().contains("no supervisor serves in"), "{said}");
    assert_eq!(run(&["state", "c1"]).succeeded().stdout, "served\n", "what is not started needs no audit");
    supervisor.set_policy("[runtime]\non-missing = 'skip'\n");
    let outcome = run(&["create", "c1"]).succeeded();
    assert_eq!(outcome.stdout, "served\n");
    assert!(
        outcome.stderr.lines().count() == 1 && outcome.stderr.contains("without an audit namespace"),
        "{outcome:?}"
    );
    fs::remove_file(fake.bundle().join("arguments")).unwrap();
    supervisor.set_policy("[runtime]\non-missing = 'perhaps'\n");
    refused(&fake, &run(&["create", "c1"]), "on-missing");
}

#[test]
fn what_cannot_be_served_is_not_started() {
    let policy = "[[namespace]]\nname = 'forbidden'\nrefuse = true\n";
    let (supervisor, fake) = (Supervisor::with_policy(policy), Fake::new());
    let run = |annotations: Value| {
        fake.configure(&json!({"annotations": annotations}));
        fake.run(&supervisor, &["create", "c1"], "echo served")
    };
    let unknown = fake.run(&supervisor, &["--no-such-option", "create", "c1"], "echo served");
    refused(&fake, &unknown, "\"--no-such-option\"");
    refused(&fake, &run(json!({"io.auditns.backlog-limit": "many"})), "io.auditns.backlog-limit");
    refused(&fake, &run(json!({"io.auditns.nmae": "web"})), "io.auditns.nmae");
    refused(&fake, &run(json!({"io.auditns.name": "a/b"})), "a/b");
    refused(&fake, &run(json!({"io.auditns.name": "forbidden"})), "refuse");
    let taken = supervisor.member(0, &["--name", "web"], SPEAKING);
    refused(&fake, &run(json!({"io.auditns.name": "web"})), "web");
    taken.finish().succeeded();
    let other =
        json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/other.sock"}}});
    fake.configure(&other);
    refused(&fake, &fake.run(&supervisor, &["create", "c1"], "echo served"), "/run/other.sock");
    fs::write(fake.bundle().join("config.json"), "{").unwrap();
    refused(&fake, &fake.run(&supervisor, &["create", "c1"], "echo served"), "configuration");
    let own = fake.runtime().with_file_name("auditns-runc");
    std::os::unix::fs::symlink(PROGRAM, &own).unwrap();
    let mut command =
        supervisor.command_as(0, &["runtime", "--runtime", own.to_str().unwrap(), "--", "--version"]);
    refused(&fake, &start(&mut command).wait(), "auditns itself");
}

#[test]
fn a_container_can_do_without() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    fake.configure(&json!({"annotations": {"io.auditns.off": "true"}}));
    let script = "print('ready', flush=True)\ninput()";
    let container = fake.container(&supervisor, &["create", "c1"], "", script);
    let executed = fake.container(&supervisor, &["exec", "c1"], "", script);
    assert_eq!(supervisor.json(&["list", "--json"]), json!([]));
    executed.finish().succeeded();
    container.finish().succeeded();
    let agent = supervisor.run_folder().join("oci.sock");
    fake.configure(&json!({"linux": {"seccomp": {"listenerPath": agent}}}));
    let container = fake.container(&supervisor, &["create", "c1"], "", script);
    assert_eq!(supervisor.json(&["list", "--json"]), json!([]), "the runtime itself would have it served");
    container.finish().succeeded();
}

#[test]
fn containers_of_users_are_their_own() {
    let (supervisor, fake) = (Supervisor::new(), Fake::new());
    let inside = "unshare --user --map-root-user";
    let mut container = Member::start(&mut fake.member(
        &supervisor,
        USER,
        &["create", "c1"],
        inside,
        "print('ready', flush=True)\ninput()",
    ));
    let name = format!("{USER}:c1");
    let shown = supervisor.json(&["show", &name, "--json"]);
    assert_eq!((&shown["uid"], &shown["backlog_limit"]), (&json!(USER), &json!(0)));
    // Another user's container of that id is another one, and so is root's.
    for uid in [STRANGER, 0] {
        let script = "print('ready', flush=True)\ninput()";
        let executed = Member::start(&mut fake.member(&supervisor, uid, &["exec", "c1"], "", script));
        assert_eq!(supervisor.json(&["show", &name, "--json"])["members"], 1);
        executed.finish().succeeded();
    }
    container.go_on();
    let outcome = container.finish().succeeded();
    assert!(outcome.stderr.contains("no-new-privileges"), "who starts it is told: {outcome:?}");
}

/// A container logs in by libaudit's calls.
const LOGGING_IN: &str = r#"
file = os.open("/proc/self/loginuid", os.O_RDWR | os.O_NOFOLLOW)
expect(os.read(file, 32), b"4294967295")
os.pwrite(file, b"1000", 0)
session = os.open("/proc/self/sessionid", os.O_RDONLY | os.O_NOFOLLOW)
print("ready", int(os.pread(file, 32, 0)), int(os.read(session, 32)), flush=True)
input()
"#;

#[test]
fn containers_have_login_uids_of_their_own_if_the_policy_says_so() {
    let policy = "[[namespace]]\nname = 'own'\nloginuid = 'virtual'\n";
    let (supervisor, fake) = (Supervisor::with_policy(policy), Fake::new());
    for (id, own) in [("own", true), ("other", false)] {
        let script = if own { LOGGING_IN } else { SPEAKING };
        let container = fake.container(&supervisor, &["create", id], "", script);
        assert_eq!(supervisor.json(&["show", id, "--json"])["own_logins"], own, "{id}");
        let executed = fake.container(&supervisor, &["exec", id, "sh"], "", script);
        let said = [container.finish().succeeded().stdout, executed.finish().succeeded().stdout];
        if own {
            assert_eq!(said, ["ready 1000 1\n", "ready 1000 2\n"]);
        }
    }
    let log = namespace_log(&supervisor, "own", "audit.log");
    assert_eq!(of_type(&log, "LOGIN").len(), 2, "{log}");
}

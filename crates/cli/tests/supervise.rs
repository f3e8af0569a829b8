//! The host supervisor, by the commands that use it and by its socket.

mod common;

use common::supervisor::{
    Member, PATIENCE, SPEAKING, STRANGER, Supervisor, USER, field, namespace_log, of_type, until, varlink,
    varlink_unless_closed,
};
use common::{Outcome, PROGRAM, Started, start};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A member that is there until it is told to go on.
const IDLE: &str = "print('ready', os.getpid(), flush=True)\ninput()";

/// Exactly one line, with that in it, and the exit status of a failure of auditns.
fn refused(outcome: &Outcome, wanted: &str) {
    assert_eq!(outcome.code(), 125, "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(outcome.stderr.starts_with("auditns: ") && outcome.stderr.contains(wanted), "{outcome:?}");
}

fn printed(outcome: Outcome) -> String {
    outcome.succeeded().stdout
}

#[test]
fn views_tell_people_and_programs_the_same() {
    let supervisor = Supervisor::new();
    assert_eq!(supervisor.json(&["list", "--json"]), json!([]));
    let member = supervisor.member(0, &["--name", "web"], SPEAKING);
    // A list leaves out a namespace that does not answer in time.
    let list = || supervisor.json(&["list", "--json"]);
    let list = std::iter::repeat_with(list).take(10).find(|list| *list != json!([])).unwrap();
    let web = supervisor.json(&["show", "web", "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((&list[0]["name"], &list[0]["contid"]), (&json!("web"), &web["contid"]));
    let wanted = json!({"runtime": "run", "uid": 0, "policy": "normal", "backlog_limit": 64, "records": 1,
                        "messages": 1, "open_sockets": 1, "members": 1, "restarts": 0, "daemon_pid": 0});
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&web[key], value, "{key}: {web}");
    }
    let contid = web["contid"].to_string();
    assert_eq!(supervisor.json(&["show", &contid, "--json"])["name"], "web", "by number");
    until("there is a line for it", || {
        let table = printed(supervisor.auditns(&["list"]));
        let lines: Vec<&str> = table.lines().collect();
        let [head, line] = lines[..] else { return false };
        head.starts_with("NAME") && line.starts_with("web ") && line.contains(&contid)
    });
    let details = printed(supervisor.auditns(&["show", "web"]));
    for line in ["name: web", &format!("contid: {contid}"), "records: 1", "daemon_pid: none", "members: 1"] {
        assert!(details.lines().any(|found| found == line), "{line}: {details}");
    }
    until("it is shown twice", || {
        let top = printed(supervisor.auditns(&["top", "--count", "2", "--interval", "1"]));
        let lines = top.lines().filter(|line| line.starts_with("web "));
        (top.matches("1 namespace, ").count(), lines.count()) == (2, 2)
    });
    member.finish().succeeded();
}

#[test]
fn settings_are_changed_one_at_a_time_and_wrong_ones_are_refused_in_a_sentence() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(0, &["--name", "web"], IDLE);
    for (key, value, before) in [
        ("backlog-limit", "65", "64"),
        ("rate-limit", "1000", "0"),
        ("read-rate", "5000", "0"),
        ("policy", "strict", "normal"),
        ("log-size", "65536", "8388608"),
        ("log-files", "3", "5"),
        ("sockets", "9", "4096"),
    ] {
        let set = |value| printed(supervisor.auditns(&["set", "web", key, value]));
        assert_eq!(set(before), format!("{key}: {before} (was {before})\n"));
        // Again where it was not answered in time.
        until(key, || {
            set(before);
            set(value) == format!("{key}: {value} (was {before})\n")
        });
        assert_eq!(set(value), format!("{key}: {value} (was {value})\n"));
    }
    let web = supervisor.json(&["show", "web", "--json"]);
    for (key, value) in
        [("backlog_limit", 65), ("rate_limit", 1000), ("log_bytes_max", 65536), ("log_files", 3)]
    {
        assert_eq!(web[key], value, "{key}");
    }
    assert_eq!(web["policy"], "strict");
    for (words, wanted) in [
        (&["set", "web", "colour", "9"][..], "\"colour\" is not a setting; settings are [\"backlog-limit\""),
        (&["set", "web", "policy", "lax"], "\"lax\" is not a value for \"policy\": normal or strict"),
        (&["set", "web", "backlog-limit", "4294967296"], "a whole number from 0 to 4294967295"),
        (&["set", "web", "backlog-limit", "many"], "\"many\" is not a value"),
        (&["set", "web", "log-size", "65535"], "a whole number from 65536"),
        (&["set", "web", "log-files", "0"], "a whole number from 1 to 1000"),
        (&["set", "web", "sockets", "1"], "a whole number from 2 to 4096"),
        (&["set", "nope", "sockets", "2"], "there is no audit namespace \"nope\""),
        (&["show", "nope"], "there is no audit namespace \"nope\"; list those that exist"),
        (&["show", "17"], "there is no audit namespace \"17\""),
        (&["show", "a\u{1b}[31m"], "there is no audit namespace \"a\\u{1b}[31m\""),
        (&["logs", "nope"], "no namespace \"nope\" is served or has left a log"),
    ] {
        refused(&supervisor.auditns(words), wanted);
    }
    member.finish().succeeded();
}

#[test]
fn a_process_leads_to_its_namespace() {
    let supervisor = Supervisor::new();
    let script = r"
pid = child(lambda: time.sleep(10))
print('ready', flush=True)
open(sys.argv[1], 'w').write(f'{os.getpid()} {pid}')
print('written', flush=True)
input()
ended(pid)
";
    let pids = supervisor.path("pids");
    let script = script.replace("sys.argv[1]", &format!("{:?}", pids.to_str().unwrap()));
    let mut member = supervisor.member(0, &["--name", "web"], &script);
    member.until("written");
    for pid in std::fs::read_to_string(pids).unwrap().split(' ') {
        assert_eq!(supervisor.json(&["show", "--pid", pid, "--json"])["name"], "web");
    }
    refused(&supervisor.auditns(&["show", "--pid", "1"]), "there is no audit namespace \"pid 1\"");
    member.finish().succeeded();
}

#[test]
fn a_users_namespace_is_shut_until_root_opens_it() {
    let supervisor = Supervisor::new();
    let script = r#"
endpoint = audit()
expect(asked(endpoint, user(b"unseen")), ("error", -111))
print("ready", flush=True)
input()
expect(asked(endpoint, user(b"stored")), ("error", 0))
"#;
    let member = supervisor.member(USER, &["--name", "mine"], script);
    let name = format!("{USER}:mine");
    let of_root = supervisor.member(0, &["--name", "roots"], IDLE);
    supervisor.waits_for(USER, &[&name]);
    assert_eq!(supervisor.names_seen_by(STRANGER), [""; 0]);
    supervisor.waits_for(0, &[&name, "roots"]);
    assert_eq!(supervisor.json(&["show", &name, "--json"])["backlog_limit"], 0);
    refused(
        &supervisor.auditns_as(USER, &["set", "mine", "backlog-limit", "64"]),
        "Set is not permitted: the limits of a namespace are root's of the host",
    );
    refused(&supervisor.auditns_as(STRANGER, &["show", &name]), "there is no audit namespace");
    printed(supervisor.auditns(&["set", &name, "backlog-limit", "64"]));
    member.finish().succeeded();
    of_root.finish().succeeded();
    let log = namespace_log(&supervisor, &name, "audit.log");
    assert!(log.contains("stored") && !log.contains("unseen"), "{log}");
}

#[test]
fn a_user_asks_for_less_than_granted_and_never_gets_more() {
    let supervisor = Supervisor::with_policy("[[namespace]]\nuser = '54321'\nbacklog-limit = 16\n");
    for (asked, got) in [("8", 8), ("64", 16)] {
        let member = supervisor.member(USER, &["--name", "mine", "--backlog-limit", asked], IDLE);
        let info = supervisor.json(&["show", "54321:mine", "--json"]);
        assert_eq!(info["backlog_limit"], got, "{asked}");
        member.finish().succeeded();
        until("the end", || supervisor.has_ended("54321:mine"));
    }
}

#[test]
fn owner_and_root_join_and_others_do_not() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(USER, &["--name", "mine"], IDLE);
    assert_eq!(printed(supervisor.auditns_as(USER, &["exec", "mine", "--", "echo", "owner"])), "owner\n");
    assert_eq!(printed(supervisor.auditns(&["exec", "54321:mine", "--", "echo", "root"])), "root\n");
    assert_eq!(supervisor.auditns(&["exec", "54321:mine", "--", "sh", "-c", "exit 7"]).code(), 7);
    let stranger = supervisor.auditns_as(STRANGER, &["exec", "54321:mine", "--", "echo", "executed"]);
    assert_eq!(stranger.stdout, "");
    member.finish().succeeded();
    refused(&stranger, "there is no audit namespace \"54321:mine\"");
}

#[test]
fn the_policy_decides_for_whom_there_are_namespaces_and_how_many() {
    let supervisor = Supervisor::with_policy(
        "[limits]\nnamespaces-per-user = 1\n[[namespace]]\nuser = '54321'\nbacklog-limit = 7\npolicy = 'strict'\n\
         [[namespace]]\nuser = '54322'\nrefuse = true\n",
    );
    let member = supervisor.member(USER, &["--name", "one"], IDLE);
    let one = supervisor.json(&["show", "54321:one", "--json"]);
    assert_eq!((&one["backlog_limit"], &one["policy"]), (&json!(7), &json!("strict")));
    // A folder that both may write to.
    let witness = supervisor.path("witness");
    std::fs::create_dir(&witness).unwrap();
    std::fs::set_permissions(&witness, Permissions::from_mode(0o777)).unwrap();
    let file = witness.join("executed");
    let touch = ["run", "--name", "two", "--", "touch", file.to_str().unwrap()];
    let second = supervisor.auditns_as(USER, &touch);
    let stranger = supervisor.auditns_as(STRANGER, &touch);
    assert!(!file.exists(), "the command was executed");
    supervisor.waits_for(0, &["54321:one"]);
    member.finish().succeeded();
    until("the end", || supervisor.has_ended("54321:one"));
    supervisor.auditns_as(USER, &touch).succeeded();
    assert!(file.exists());
    refused(&second, "limit on namespaces of a user is reached, which is 1");
    refused(&stranger, "the policy refuses this namespace");
}

#[test]
fn a_policy_is_checked_and_shown_and_one_that_anybody_can_write_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let check = |mode: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(["supervise", "--run-dir"]).arg(folder.path().join("run"));
        start(command.arg("--config").arg(&file).args(mode)).wait()
    };
    std::fs::write(&file, "[defaults]\nbacklog-limit = 99\n[[namespace]]\nuser = 'alice'\nrefuse = true\n")
        .unwrap();
    let shown = printed(check(&["--check"]));
    for line in
        ["[limits]", "namespaces-per-user = 64", "backlog-limit = 99", "[[namespace]]", "refuse = true"]
    {
        assert!(shown.lines().any(|found| found.trim() == line), "{line}: {shown}");
    }
    std::fs::write(&file, "[defaults]\n\nbacklog = 99\n").unwrap();
    for mode in [&["--check"][..], &[]] {
        let wrong = check(mode);
        assert_eq!(wrong.code(), 2, "{wrong:?}");
        assert!(wrong.stderr.contains("line 3: there is no key \"backlog\""), "{wrong:?}");
    }
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    for mode in [&["--check"][..], &[]] {
        let open = check(mode);
        assert_eq!(open.code(), 2, "{open:?}");
        assert!(open.stderr.contains("can be written by everybody (mode 0666)"), "{open:?}");
    }
}

#[test]
fn a_policy_that_is_read_again_holds_for_new_namespaces_and_a_wrong_one_does_not() {
    let supervisor = Supervisor::new();
    let limit = |member: Member| {
        let info = supervisor.json(&["show", "web", "--json"]);
        member.finish().succeeded();
        until("the end", || supervisor.has_ended("web"));
        info["backlog_limit"].as_u64().unwrap()
    };
    let begin = || supervisor.member(0, &["--name", "web"], IDLE);
    assert_eq!(limit(begin()), 64);
    supervisor.set_policy("[defaults]\nbacklog-limit = 33\n");
    let old = begin();
    assert_eq!(limit(old), 64, "what is not read does not hold");
    supervisor.reload("the policy was read again");
    assert_eq!(limit(begin()), 33);
    supervisor.set_policy("[defaults]\nbacklog-limit = 'x'\n");
    supervisor.reload("the policy before holds");
    assert_eq!(limit(begin()), 33);
}

#[test]
fn namespaces_that_come_and_go_at_once_begin_and_end_once_each() {
    let supervisor = Supervisor::new();
    let run = |number| {
        start(&mut supervisor.command_as(0, &["run", "--name", &format!("n{number}"), "--", "true"]))
    };
    let started: Vec<_> = (0..20).map(run).collect();
    for run in started {
        run.wait().succeeded();
    }
    until("the end", || (0..20).all(|number| supervisor.has_ended(&format!("n{number}"))));
    let log = supervisor.log();
    let of = |operation: &str| {
        let lines = of_type(&log, "VIRT_CONTROL").into_iter();
        let lines: Vec<&str> = lines.filter(|line| field(line, "op") == operation).collect();
        assert_eq!(lines.len(), 20, "{operation}: {log}");
        lines.into_iter().map(|line| (field(line, "contid"), field(line, "vm"))).collect::<BTreeSet<_>>()
    };
    let (begun, ended) = (of("start"), of("stop"));
    assert_eq!(begun, ended);
    assert_eq!(begun.iter().map(|(contid, _)| contid).collect::<BTreeSet<_>>().len(), 20, "{log}");
    assert_eq!(begun.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len(), 20, "{log}");
    assert_eq!(log.lines().count(), 40, "{log}");
}

#[test]
fn a_name_is_given_again_after_the_end_and_not_before() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(0, &["--name", "web"], IDLE);
    let first = supervisor.json(&["show", "web", "--json"])["contid"].clone();
    let taken = supervisor.auditns(&["run", "--name", "web", "--", "echo", "executed"]);
    assert_eq!(taken.stdout, "");
    member.finish().succeeded();
    until("the end", || supervisor.has_ended("web"));
    let member = supervisor.member(0, &["--name", "web"], IDLE);
    assert_ne!(supervisor.json(&["show", "web", "--json"])["contid"], first);
    member.finish().succeeded();
    refused(&taken, "an audit namespace of the name \"web\" exists");
}

#[test]
fn the_hosts_copy_and_the_namespaces_view_join_by_serial() {
    let supervisor = Supervisor::new();
    let script = SPEAKING.replace("print(", "expect(asked(endpoint, user(b'again')), ('error', 0))\nprint(");
    let member = supervisor.member(0, &["--name", "web"], &script);
    let host = printed(supervisor.auditns(&["logs", "web"]));
    let inside = || printed(supervisor.auditns(&["logs", "web", "--view", "namespace"]));
    let stamps = |log: &str| -> Vec<String> {
        let lines = of_type(log, "USER_LOGIN").into_iter();
        lines.map(|line| line.split_once("audit(").unwrap().1.split_once(')').unwrap().0.to_owned()).collect()
    };
    assert_eq!(stamps(&host).len(), 2, "{host}");
    // It is written a little later.
    until("both have the same", || stamps(&inside()) == stamps(&host));
    let inside = inside();
    assert!(host.lines().all(|line| line.contains("contid=")), "{host}");
    assert!(!inside.is_empty() && !inside.contains("contid="), "{inside}");
    let json = printed(supervisor.auditns(&["logs", "web", "--json"]));
    let contid = supervisor.json(&["show", "web", "--json"])["contid"].clone();
    assert_eq!(json.lines().count(), host.lines().count());
    for line in json.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&record["namespace"], &record["contid"]), (&json!("web"), &contid));
    }
    member.finish().succeeded();
    until("the end", || supervisor.has_ended("web"));
    let after = printed(supervisor.auditns(&["logs", "web"]));
    assert!(after.starts_with(&host) && after.contains("op=stop"), "of one that has ended: {after}");
}

#[test]
fn events_are_chosen_by_namespace_type_and_time_and_followed() {
    let supervisor = Supervisor::new();
    let one = supervisor.member(0, &["--name", "one"], SPEAKING);
    let two = supervisor.member(0, &["--name", "two"], SPEAKING);
    let events = |words: &[&str]| printed(supervisor.auditns(&[&["events"], words].concat()));
    assert_eq!(events(&[]).lines().count(), 4);
    assert_eq!(events(&["--type", "user_login"]).lines().count(), 2);
    assert_eq!(events(&["--type", "USER_LOGIN", "--type", "VIRT_CONTROL", "--ns", "tw*"]).lines().count(), 2);
    assert_eq!(events(&["--since", "1h"]).lines().count(), 4);
    assert_eq!(events(&["--since", "99999999999"]), "");
    let json: serde_json::Value =
        serde_json::from_str(&events(&["--ns", "one", "--type", "USER_LOGIN", "--json"])).unwrap();
    assert_eq!((&json["namespace"], &json["type"]), (&json!("one"), &json!("USER_LOGIN")));
    assert_eq!(supervisor.auditns(&["events", "--since", "soon"]).code(), 2);
    let mut following = start(&mut supervisor.command_as(0, &["events", "-f"]));
    following.until("vm=\"two\"");
    let mut logs = start(&mut supervisor.command_as(0, &["logs", "one", "-f"]));
    logs.until("spoken");
    supervisor.auditns(&["exec", "one", "--", "auditctl", "-m", "followed"]).succeeded();
    following.until("followed");
    logs.until("followed");
    one.finish().succeeded();
    two.finish().succeeded();
}

#[test]
fn a_namespace_lives_until_the_last_of_its_programs_is_gone() {
    let supervisor = Supervisor::new();
    let first = supervisor.member(0, &["--name", "web"], SPEAKING);
    let second = format!(
        "{SPEAKING}\nexpect(asked(endpoint, user(b'late')), ('error', 0))\nprint('said', flush=True)\ninput()"
    );
    let mut second = supervisor.joined("web", &second);
    let contid = supervisor.json(&["show", "web", "--json"])["contid"].clone();
    first.finish().succeeded();
    second.go_on();
    second.until("said");
    assert_eq!(supervisor.json(&["show", "web", "--json"])["contid"], contid);
    assert!(namespace_log(&supervisor, "web", "audit.log").contains("late"));
    assert!(!supervisor.log().contains("op=stop"), "{}", supervisor.log());
    second.finish().succeeded();
    until("the end", || supervisor.log().contains("op=stop") && supervisor.has_ended("web"));
}

#[test]
fn without_a_daemon_as_many_records_are_held_as_the_limit_says_and_all_are_stored() {
    let supervisor = Supervisor::new();
    let script = r#"
endpoint = audit()
for number in range(50):
    expect(asked(endpoint, user(b"message %d." % number)), ("error", 0))
print("ready", flush=True)
input()
"#;
    let member = supervisor.member(0, &["--name", "web", "--backlog-limit", "5"], script);
    let info = supervisor.json(&["show", "web", "--json"]);
    let held = info["queued_hold"].as_u64().unwrap();
    assert!((1..=5).contains(&held), "{info}");
    assert_eq!(info["records"], 50);
    let log = namespace_log(&supervisor, "web", "audit.log");
    for number in 0..50 {
        assert_eq!(log.matches(&format!("message {number}.")).count(), 1, "{number}: {log}");
    }
    member.finish().succeeded();
}

#[test]
fn embedded_means_embedded_and_without_a_supervisor_only_views_fail() {
    let supervisor = Supervisor::new();
    let logs = tempfile::tempdir().unwrap();
    let folder = logs.path().to_str().unwrap();
    let count = |run_folder: &std::path::Path, flags: &[&str]| {
        let mut command = supervisor.command_as(0, &[&["run", "--name", "web"], flags, &["--"]].concat());
        command.env("AUDITNS_RUN_DIR", run_folder).args([PROGRAM, "list", "--json", "--run-dir"]);
        let outcome = start(command.arg(supervisor.run_folder())).wait().succeeded();
        serde_json::from_str::<Vec<serde_json::Value>>(&outcome.stdout).unwrap().len()
    };
    let nowhere = supervisor.path("nowhere");
    // Its list leaves out a namespace that does not answer in time.
    until("it is served by the supervisor", || {
        let count = count(&supervisor.run_folder(), &[]);
        until("the end", || supervisor.has_ended("web"));
        count == 1
    });
    assert_eq!(count(&supervisor.run_folder(), &["--embedded", "--log-dir", folder]), 0);
    assert_eq!(count(&nowhere, &["--log-dir", folder]), 0, "without a supervisor");
    assert!(logs.path().join("web/audit.log").exists());
    for words in [&["list"][..], &["show", "web"], &["set", "web", "sockets", "9"], &["top"]] {
        let mut command = supervisor.command_as(0, words);
        let outcome = start(command.env("AUDITNS_RUN_DIR", &nowhere)).wait();
        refused(&outcome, "start one with auditns supervise, or name another folder with --run-dir");
    }
}

#[test]
fn the_socket_speaks_varlink() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(0, &["--name", "web"], IDLE);
    let stream = UnixStream::connect(supervisor.socket()).unwrap();
    let call = |method: &str, parameters| varlink(&stream, method, &parameters);
    let info = call("org.varlink.service.GetInfo", json!({}));
    assert_eq!(info["parameters"]["interfaces"], json!(["org.varlink.service", "io.auditns"]));
    let described = call("org.varlink.service.GetInterfaceDescription", json!({"interface": "io.auditns"}));
    assert!(described["parameters"]["description"].as_str().unwrap().contains("interface io.auditns\n"));
    let listed = || {
        // It leaves out a namespace that does not answer in time.
        let mut lists = std::iter::repeat_with(|| call("io.auditns.List", json!({}))).take(10);
        let is_whole = |list: &serde_json::Value| list["parameters"]["namespaces"] != json!([]);
        let mut list = lists.find(is_whole).unwrap();
        let known = list["parameters"]["namespaces"][0].as_object_mut().unwrap();
        // How members are told may change meanwhile: what tells it exactly is only just being loaded, if it can be.
        known.remove("membership").unwrap();
        list
    };
    let list = listed();
    assert_eq!(list["parameters"]["namespaces"][0]["name"], "web");
    for (method, parameters, error) in [
        ("io.auditns.Nope", json!({}), "org.varlink.service.MethodNotFound"),
        ("com.example.Nope", json!({}), "org.varlink.service.InterfaceNotFound"),
        (
            "org.varlink.service.GetInterfaceDescription",
            json!({"interface": "x.y"}),
            "org.varlink.service.InterfaceNotFound",
        ),
        ("io.auditns.Show", json!({}), "org.varlink.service.InvalidParameter"),
        ("io.auditns.Show", json!({"name": "web", "pid": 1}), "org.varlink.service.InvalidParameter"),
        ("io.auditns.Show", json!({"name": 7}), "org.varlink.service.InvalidParameter"),
        ("io.auditns.Show", json!({"name": "nope"}), "io.auditns.NoSuchNamespace"),
        ("io.auditns.Set", json!({"name": "web", "key": "x", "value": "1"}), "io.auditns.UnknownKey"),
        ("io.auditns.Set", json!({"name": "web", "key": "sockets", "value": "x"}), "io.auditns.InvalidValue"),
        (
            "io.auditns.Join",
            json!({"name": "web", "pid": 1, "wait_killable": true}),
            "io.auditns.MissingDescriptor",
        ),
    ] {
        let reply = call(method, parameters);
        assert_eq!(reply["error"], error, "{method}: {reply}");
    }
    assert_eq!(listed(), list, "errors leave the connection and the namespace as they are");
    member.finish().succeeded();
}

#[test]
fn an_ordinary_user_sets_nothing_by_the_socket_either() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(USER, &["--name", "mine"], IDLE);
    let script = r#"
import json, socket, sys
stream = socket.socket(socket.AF_UNIX)
stream.connect(sys.argv[1])
for method, parameters in (("Set", {"name": "mine", "key": "backlog-limit", "value": "64"}), ("Reload", {})):
    stream.sendall(json.dumps({"method": "io.auditns." + method, "parameters": parameters}).encode() + b"\0")
    reply = b""
    while not reply.endswith(b"\0"):
        reply += stream.recv(65536)
    print(json.loads(reply[:-1])["error"])
"#;
    let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
    let mut command = Command::new("setpriv");
    command.args(&ids).args(["--clear-groups", "--inh-caps=-all", common::PYTHON, "-c", script]);
    let outcome = start(command.arg(supervisor.socket())).wait().succeeded();
    assert_eq!(outcome.stdout, "io.auditns.NotPermitted\nio.auditns.NotPermitted\n");
    assert_eq!(supervisor.json(&["show", "54321:mine", "--json"])["backlog_limit"], 0);
    member.finish().succeeded();
}

#[test]
fn one_supervisor_serves_in_a_folder() {
    let supervisor = Supervisor::new();
    let second = supervisor.auditns(&["supervise", "--log-dir", supervisor.path("other").to_str().unwrap()]);
    refused(&second, "a supervisor serves in ");
    assert!(
        second.stderr.contains("already; stop it first, or name another folder with --run-dir"),
        "{second:?}"
    );
    assert_eq!(supervisor.json(&["list", "--json"]), json!([]), "the first one goes on");
}

#[test]
fn a_namespace_is_served_while_others_flood() {
    let supervisor = Supervisor::new();
    let script = r#"
endpoint = audit()
endpoint.setblocking(False)
data = message(1112, b"flood\0", flags=1)
def flood():
    while True:
        try:
            endpoint.send(data)
        except BlockingIOError:
            time.sleep(0.001)
threading.Thread(target=flood, daemon=True).start()
print("ready", flush=True)
input()
os._exit(0)
"#;
    let flooding: Vec<Member> =
        (0..8).map(|number| supervisor.member(0, &["--name", &format!("flood{number}")], script)).collect();
    for number in 0..3 {
        let text = format!("heard {number}");
        let words = ["run", "--name", "quiet", "--", "timeout", "5", "auditctl", "-m", &text];
        supervisor.auditns(&words).succeeded();
        assert!(namespace_log(&supervisor, "quiet", "audit.log").contains(&text));
        until("the end", || supervisor.has_ended("quiet"));
    }
    for member in flooding {
        member.finish().succeeded();
    }
}

#[test]
fn there_may_be_more_commands_than_connections() {
    /// Connections of a user, and of all.
    const OF_A_USER: usize = 16;
    const OF_ALL: usize = 64;
    let supervisor = Supervisor::new();
    let sleeping =
        |name: &str| start(&mut supervisor.command_as(USER, &["run", "--name", name, "--", "sleep", "1000"]));
    let members: Vec<Started> = (0..OF_A_USER + 4).map(|number| sleeping(&number.to_string())).collect();
    until("all are there", || supervisor.names_seen_by(USER).len() == members.len());
    drop(members);

    // Each has its place: those of commands that have ended may be given back a moment later.
    let served = || {
        let stream = UnixStream::connect(supervisor.socket()).unwrap();
        let reply = varlink_unless_closed(&stream, "org.varlink.service.GetInfo", &json!({}))?;
        reply.get("error").is_none().then_some(stream)
    };
    let mut connections = Vec::new();
    let begin = Instant::now();
    while connections.len() < OF_ALL {
        assert!(begin.elapsed() < PATIENCE, "{} connections are served", connections.len());
        match served() {
            Some(stream) => connections.push(stream),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let mut waiting = start(supervisor.command_as(0, &["run", "--", "true"]).stdin(Stdio::null()));
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.has_said("anything"), "it fails where it has not ended");
    drop(connections);
    waiting.wait().succeeded();
}

//! Namespaces that members make inside theirs with `AUDIT_CREATE_NS`.

mod common;

use common::supervisor::{Member, STRANGER, Supervisor, USER, field, namespace_log, of_type, until};
use common::{PROGRAM, as_member, start};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Takes away what looking at tasks needs, and all that comes instead of it.
const WITHOUT: [&str; 3] = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"];

/// What the scripts begin with.
const TOOLS: &str = r#"
def create(endpoint=None):
    return asked(endpoint or audit(), message(1090))

def say(text, endpoint=None, wanted=0):
    expect(asked(endpoint or audit(), user(text.encode()), 30), ("error", wanted))

def limit():
    return status()[4]

def ready():
    print("ready", flush=True)
    input()

class Helper:
    """A child that does what it is told to."""
    def __init__(self):
        self.orders, theirs = socket.socketpair()
        def work():
            self.orders.close()
            while True:
                order = theirs.recv(1000)
                if not order:
                    return
                exec(order.decode(), globals())
                theirs.send(b"done")
        self.pid = child(work)
        theirs.close()

    def does(self, order):
        self.orders.send(order.encode())
        expect(self.orders.recv(10), b"done")
"#;

/// A supervisor that knows which task is where.
fn supervisor(policy: &str) -> Supervisor {
    let supervisor = Supervisor::with_policy(policy);
    until("the kernel can be asked", || is_exact(&supervisor));
    supervisor
}

fn is_exact(supervisor: &Supervisor) -> bool {
    supervisor.info()["membership"] == "exact"
}

fn member(supervisor: &Supervisor, name: &str, script: &str) -> Member {
    supervisor.member(0, &["--name", name], &format!("{TOOLS}\n{script}"))
}

fn log(supervisor: &Supervisor, name: &str) -> String {
    namespace_log(supervisor, name, "audit.log")
}

/// In the logs of which of these namespaces a message stands.
fn where_is(supervisor: &Supervisor, text: &str, names: &[&'static str]) -> Vec<&'static str> {
    let message = format!("msg='{text}'");
    let times = |name: &&str| log(supervisor, name).matches(&message).count();
    names.iter().flat_map(|name| std::iter::repeat_n(*name, times(name))).collect()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key}: {value}"))
}

fn ends(supervisor: &Supervisor, name: &str) {
    until("it ends", || supervisor.has_ended(name));
}

#[test]
fn whoever_asks_moves_with_its_threads_and_later_children_and_nobody_else() {
    let supervisor = supervisor("");
    let sibling = member(&supervisor, "sibling", "ready()\nexpect(limit(), 64)\nsay('sibling')\n");
    let script = r#"
before = audit()
older = Helper()
told = threading.Event()
thread = threading.Thread(target=lambda: (told.wait(), say("thread", before)))
thread.start()
say("outer", before)
expect(create(before), ("error", 0))
enabled, failure, pid, rate, backlog, lost, waiting = status()
expect((pid, rate, backlog, lost, waiting), (0, 0, 0, 0, 0))
say("shut", before, wanted=-111)
expect(asked(before, settings(16, limit=64)), ("error", -1))
older.does("expect(limit(), 64)")
ready()
expect(limit(), 8)
older.does("expect(limit(), 64)")
say("inner", before)
told.set()
thread.join()
joined(child(lambda: (say("inherited", before), say("anew"))))
older.does("say('older', before)")
older.does("joined(child(lambda: say('grandchild', before)))")
print("said", flush=True)
input()
"#;
    let mut web = member(&supervisor, "web", script);
    let shown = || ["web", "web.1"].map(|name| supervisor.json(&["show", name, "--json"]));
    // Otherwise members are told by descent, where the kernel was not asked in time.
    until("members are known", || {
        shown().iter().all(|info| info["membership"] == "exact" && number(info, "members") == 1)
    });
    let [outer, inner] = shown();
    assert_eq!((number(&inner, "parent"), &outer["parent"]), (number(&outer, "contid"), &Value::Null));
    supervisor.auditns(&["set", "web.1", "backlog-limit", "8"]).succeeded();
    web.go_on();
    web.until("said");
    let names = ["web", "web.1", "sibling"];
    for (text, name) in [
        ("outer", "web"),
        ("inner", "web.1"),
        ("thread", "web.1"),
        ("inherited", "web.1"),
        ("anew", "web.1"),
        ("older", "web"),
        ("grandchild", "web"),
    ] {
        assert_eq!(where_is(&supervisor, text, &names), [name], "{text}");
    }
    assert!(where_is(&supervisor, "shut", &names).is_empty());
    web.finish().succeeded();
    ends(&supervisor, "web");
    sibling.finish().succeeded();
    assert_eq!(where_is(&supervisor, "sibling", &names), ["sibling"]);
    let inside = namespace_log(&supervisor, "web.1", "namespace.log");
    assert_eq!((inside.lines().count(), inside.contains("contid=")), (4, false), "{inside}");
    let frame = log(&supervisor, "web.1");
    let frame = of_type(&frame, "VIRT_CONTROL");
    let parent = number(&outer, "contid").to_string();
    assert!(frame.len() == 2 && frame.iter().all(|line| field(line, "parent") == parent), "{frame:?}");
    assert!(frame[0].contains(" op=create ") && frame[1].contains(" op=stop "), "{frame:?}");
    for line in frame {
        assert!(supervisor.log().contains(line), "the host's own log has it: {line}");
    }
}

#[test]
fn a_socket_that_was_passed_acts_for_whoever_uses_it() {
    let supervisor = supervisor("[defaults]\nnested-share = 100\n");
    let script = r#"
outer, inner = Helper(), Helper()
ours, theirs = socket.socketpair()
inner.does("expect(create(), ('error', 0))")
outer.does("sent = audit(); say('first', sent); socket.send_fds(ours, [b'x'], [sent.fileno()])")
inner.does("got = socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0]); say('second', got)")
outer.does("say('third', sent)")
inner.does("own = audit(); say('fourth', own); socket.send_fds(theirs, [b'x'], [own.fileno()])")
outer.does("got = socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0]); say('fifth', got)")
ready()
"#
    .replace("outer, inner = Helper(), Helper()\nours, theirs", "ours, theirs")
    .replace("socket.socketpair()\ninner", "socket.socketpair()\nouter, inner = Helper(), Helper()\ninner");
    let member = member(&supervisor, "web", &script);
    let names = ["web", "web.1"];
    for (text, name) in
        [("first", "web"), ("second", "web.1"), ("third", "web"), ("fourth", "web.1"), ("fifth", "web")]
    {
        assert_eq!(where_is(&supervisor, text, &names), [name], "{text}");
    }
    member.finish().succeeded();
}

#[test]
fn a_sender_that_names_a_member_of_another_namespace_is_not_believed() {
    let supervisor = supervisor("[defaults]\nnested-share = 100\n");
    let script = r#"
def says_that(pid, text, endpoint):
    credentials = (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("=iII", pid, 7, 7))
    endpoint.sendmsg([user(text.encode())], [credentials])
    expect(answer(endpoint), ("error", 0))

outer, inner, sibling = Helper(), Helper(), Helper()
for helper in (inner, sibling):
    helper.does("expect(create(), ('error', 0))")
# The first message of a socket, and later ones.
for number in range(20):
    for helper, name in ((outer, "outer"), (inner, "inner"), (sibling, "sibling")):
        for said in (outer, inner, sibling):
            helper.does(f"sent = audit(); says_that({said.pid}, 'first-{name}', sent)")
            helper.does(f"says_that({said.pid}, 'later-{name}', sent)")
ready()
"#;
    let member = member(&supervisor, "web", script);
    for (name, namespace) in [("outer", "web"), ("inner", "web.1"), ("sibling", "web.2")] {
        for when in ["first", "later"] {
            let found = where_is(&supervisor, &format!("{when}-{name}"), &["web", "web.1", "web.2"]);
            assert_eq!(found, [namespace; 60], "{when} {name}");
        }
    }
    let uids = ["web", "web.1", "web.2"].map(|name| log(&supervisor, name).matches(" uid=7 ").count());
    assert_eq!(uids, [0; 3], "the user that it said it was");
    member.finish().succeeded();
}

#[test]
fn the_tree_of_limits_opens_the_gate_of_the_namespace_that_a_process_is_in() {
    let supervisor = supervisor("");
    let script = r#"
outer = Helper()
expect(create(), ("error", 0))
print(f"outer={outer.pid} inner={os.getpid()} ", end="")
ready()
expect(limit(), 31)
outer.does("expect(limit(), 64)")
say("inner")
ready()
"#;
    let mut member = member(&supervisor, "web", script);
    let pid = || {
        let list = supervisor.json(&["list", "--json"]);
        let inner = list.as_array().unwrap().iter().find(|one| one["name"] == "web.1")?;
        inner["pid"].as_u64().filter(|pid| *pid != 0)
    };
    until("it is listed", || pid().is_some());
    let pid = number(&supervisor.json(&["show", "web.1", "--json"]), "pid");
    let file = supervisor.run_folder().join("proc").join(pid.to_string()).join("audit_backlog_limit");
    // By descent, where the kernel is not asked in time, it would be in the outer one.
    until("its gate is shut", || std::fs::read_to_string(&file).is_ok_and(|text| text.trim() == "0"));
    std::fs::write(&file, "31").unwrap();
    until("its gate is open", || {
        let by_pid = supervisor.json(&["show", "--pid", &pid.to_string(), "--json"]);
        (by_pid["name"].as_str(), number(&by_pid, "backlog_limit")) == (Some("web.1"), 31)
    });
    member.go_on();
    until("it is said", || where_is(&supervisor, "inner", &["web", "web.1"]) == ["web.1"]);
    let refused = supervisor.auditns(&["set", "web.1", "sockets", "7"]);
    assert!(refused.code() != 0 && refused.stderr.contains("shares this"), "{refused:?}");
    supervisor.auditns(&["set", "web.1", "log-files", "7"]).succeeded();
    assert_eq!(number(&supervisor.json(&["show", "web.1", "--json"]), "log_files"), 7);
    assert_eq!(number(&supervisor.json(&["show", "web", "--json"]), "log_files"), 5);
    until("the table has it and its parent", || {
        let table = supervisor.auditns(&["list"]).succeeded().stdout;
        table.contains("PARENT") && table.lines().any(|line| line.starts_with("web.1 "))
    });
    let logs = supervisor.auditns(&["logs", "web.1"]).succeeded().stdout;
    assert!(logs.contains("msg='inner'") && logs.contains(" parent="), "{logs}");
    // Whoever joins from outside is in the one that was named.
    let joined =
        supervisor.joined("web.1", &format!("{TOOLS}\nexpect(limit(), 31)\nsay('joined')\nready()\n"));
    assert_eq!(where_is(&supervisor, "joined", &["web", "web.1"]), ["web.1"]);
    assert!(log(&supervisor, "web.1").contains(" op=join vm=\"web.1\" "));
    joined.finish().succeeded();
    let events = supervisor.auditns(&["events", "--ns", "web.1"]).succeeded().stdout;
    assert!(events.contains("msg='joined'"), "{events}");
    member.finish().succeeded();
}

#[test]
fn it_takes_the_privilege_in_ones_own_user_namespace() {
    let supervisor = supervisor("");
    let script = r#"
def without():
    inherited = audit()
    libc.prctl(24, 30)
    become_ordinary()
    for endpoint in (inherited, audit()):
        expect(create(endpoint), ("error", -1))
joined(child(without))

def in_a_user_namespace():
    endpoint = audit()
    expect(libc.unshare(0x10000000), 0)
    say("foreign", endpoint, wanted=-111)
    with open("/proc/self/uid_map", "w") as file:
        file.write("0 0 1")
    expect(create(audit()), ("error", 0))
    expect(limit(), 0)
    print("inside ", end="")
    ready()
    expect(limit(), 5)
    say("own")
    ready()
in_a_user_namespace()
"#;
    let mut member = member(&supervisor, "web", script);
    supervisor.waits_for(0, &["web", "web.1"]);
    supervisor.auditns(&["set", "web.1", "backlog-limit", "5"]).succeeded();
    member.go_on();
    until("it is said", || where_is(&supervisor, "own", &["web", "web.1"]) == ["web.1"]);
    assert!(where_is(&supervisor, "foreign", &["web", "web.1"]).is_empty());
    member.finish().succeeded();
}

#[test]
fn a_users_container_makes_namespaces_that_the_user_and_root_see() {
    let supervisor = supervisor("");
    let script = format!("{TOOLS}\nexpect(create(), ('error', 0))\nready()\n");
    let member = supervisor.member(USER, &["--name", "web"], &script);
    let names = [format!("{USER}:web"), format!("{USER}:web.1")];
    for uid in [0, USER] {
        supervisor.waits_for(uid, &[&names[0], &names[1]]);
    }
    assert_eq!(supervisor.names_seen_by(STRANGER), [""; 0]);
    let refused = supervisor.auditns_as(USER, &["set", "web.1", "backlog-limit", "64"]);
    assert!(refused.code() != 0, "{refused:?}");
    member.finish().succeeded();
}

#[test]
fn the_policy_bounds_depth_and_number_and_may_grant_a_share() {
    let policy =
        "[defaults]\nnested-namespaces = 3\nnested-depth = 2\nnested-share = 50\nbacklog-limit = 100\n";
    let supervisor = supervisor(policy);
    let script = r#"
# Each leaves somebody behind, or its namespace would end.
middle, other = Helper(), Helper()
middle.does("expect(create(), ('error', 0)); expect(limit(), 50); deepest = Helper()")
middle.does("""deepest.does('expect(create(), ("error", 0)); expect(limit(), 25)')""")
middle.does("""deepest.does('expect(create(), ("error", -28)); say("deep")')""")
other.does("expect(create(), ('error', 0))")
expect(create(), ("error", -28))
ready()
other.orders.close()
joined(other.pid)
until(lambda: create() == ("error", 0))
ready()
"#;
    let mut member = member(&supervisor, "web", script);
    supervisor.waits_for(0, &["web", "web.1", "web.1.1", "web.2"]);
    let text = log(&supervisor, "web.1.1");
    let line = of_type(&text, "USER_LOGIN")[0];
    let contid = |name: &str| number(&supervisor.json(&["show", name, "--json"]), "contid");
    let [root, middle, deepest] = ["web", "web.1", "web.1.1"].map(contid);
    assert_eq!(field(line, "chain"), format!("{deepest},^{middle},^{root}"));
    assert_eq!((field(line, "contid"), field(line, "parent")), (&*deepest.to_string(), &*middle.to_string()));
    member.go_on();
    // The end of one makes room for another.
    until("another one", || log(&supervisor, "web.2").matches("op=create").count() == 2);
    member.finish().succeeded();
    ends(&supervisor, "web");
}

#[test]
fn a_namespace_ends_with_its_last_member_after_what_that_has_sent() {
    let supervisor = supervisor("[defaults]\nnested-share = 100\n");
    let script = r#"
def work():
    expect(create(), ("error", 0))
    # Twice away from whoever has made it.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            input()
            audit().send(message(1112, b"last words\0", flags=1))
            os._exit(0)
        os._exit(0)
    os._exit(0)
pid = os.fork()
if pid == 0:
    work()
os.waitpid(pid, 0)
print("ready", flush=True)
"#;
    let mut member = member(&supervisor, "web", &format!("{script}\ntime.sleep(600)\n"));
    until("its members are counted", || supervisor.json(&["show", "web.1", "--json"])["members"] == 1);
    member.go_on();
    ends(&supervisor, "web.1");
    supervisor.waits_for(0, &["web"]);
    let inner = log(&supervisor, "web.1");
    let last: Vec<&str> = inner.lines().rev().take(2).collect();
    assert!(last[0].contains(" op=stop ") && last[1].contains("last words"), "{inner}");
    assert!(!log(&supervisor, "web").contains("last words"));
}

#[test]
fn without_the_kernels_help_there_is_no_such_message_and_everything_else_works() {
    let supervisor = Supervisor::below(&WITHOUT, "");
    let member = member(
        &supervisor,
        "web",
        "expect(create(), ('error', -95))\nsay('still')\nexpect(limit(), 64)\nready()\n",
    );
    assert_eq!(where_is(&supervisor, "still", &["web"]), ["web"]);
    let inner = format!("'{PROGRAM}' run -- true");
    let outcome = supervisor.auditns(&["run", "--", "sh", "-c", &inner]);
    assert!(outcome.code() == 125 && outcome.stderr.contains("CAP_BPF"), "{outcome:?}");
    member.finish().succeeded();
}

#[test]
fn run_inside_a_namespace_makes_one_inside_it() {
    let supervisor = supervisor("[defaults]\nnested-share = 100\n");
    let inner = format!(
        "'{PROGRAM}' run -- sh -c 'auditctl -m one; exit 7'; echo status=$?; auditctl -m two; '{PROGRAM}' run -- nowhere; \
         echo status=$?; '{PROGRAM}' run --embedded -- true; echo status=$?"
    );
    let outcome = supervisor.auditns(&["run", "--name", "web", "--", "sh", "-c", &inner]).succeeded();
    assert_eq!(outcome.stdout, "status=7\nstatus=127\nstatus=125\n", "{outcome:?}");
    assert_eq!(outcome.stderr.matches("this is an audit namespace already").count(), 2, "{outcome:?}");
    assert!(outcome.stderr.contains("already runs below a seccomp listener"), "{outcome:?}");
    let texts = |name: &str, text: &str| log(&supervisor, name).matches(&format!("text={text} ")).count();
    assert_eq!((texts("web.1", "one"), texts("web", "one"), texts("web", "two")), (1, 0, 1));
}

#[test]
fn the_header_and_the_example_are_what_other_programs_need() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("create-namespace");
    let built = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=gnu99", "-I"])
        .arg(format!("{root}/include"))
        .arg("-o")
        .arg(&program)
        .arg(format!("{root}/examples/create-namespace.c"))
        .status();
    assert!(built.unwrap().success());
    let example = program.to_str().unwrap();
    // Where the kernel's own audit answers, or none.
    let outside = start(Command::new(&program).arg("true")).wait();
    assert!(outside.code() == 125 && outside.stderr.contains("no audit namespace: "), "{outside:?}");
    let supervisor = supervisor("");
    let words = ["run", "--name", "web", "--", example, example, "sh", "-c", "auditctl -s"];
    let outcome = supervisor.auditns(&words).succeeded();
    assert!(outcome.stdout.contains("backlog_limit 0\n"), "{outcome:?}");
    assert_eq!(log(&supervisor, "web.1.1").matches("op=create").count(), 1);
}

#[test]
fn nested_namespaces_outlive_the_supervisor_and_end_under_the_next() {
    let supervisor = supervisor("");
    let script = r#"
before = audit()
outer = Helper()
# In a pid namespace of its own, of which the next supervisor must know.
expect(libc.unshare(0x20000000), 0)
def inner():
    expect(create(before), ("error", 0))
    ready()
    say("one", before)
    say("two")
    expect(asked(audit(), settings(4, pid=1)), ("error", 0))
    outer.does("say('three', before)")
    print("said", flush=True)
    input()
joined(child(inner))
print("left", flush=True)
input()
"#;
    let mut member = member(&supervisor, "web", script);
    supervisor.auditns(&["set", "web.1", "backlog-limit", "9"]).succeeded();
    supervisor.kill();
    member.go_on();
    let names = ["web", "web.1"];
    member.until("said");
    assert_eq!(where_is(&supervisor, "three", &names), ["web"]);
    assert_eq!(where_is(&supervisor, "one", &names), ["web.1"]);
    assert_eq!(where_is(&supervisor, "two", &names), ["web.1"]);
    let shown = supervisor.json(&["show", "web.1", "--json"]);
    assert_eq!((number(&shown, "restarts"), number(&shown, "backlog_limit")), (1, 9));
    assert_eq!(number(&shown, "unknown_senders"), 0);
    assert!(log(&supervisor, "web.1").contains("op=set audit_pid="), "its pid inside is known");
    supervisor.kill();
    member.go_on();
    member.until("left");
    ends(&supervisor, "web.1");
    assert_eq!(log(&supervisor, "web.1").matches("op=stop").count(), 1);
    member.finish().succeeded();
    ends(&supervisor, "web");
}

#[test]
fn killed_around_creations_the_supervisor_leaves_each_message_in_the_log_of_its_namespace() {
    let supervisor = supervisor("[defaults]\nnested-share = 100\nlog-size = \"1G\"\n");
    let script = r#"
def group(number, shared):
    def inner():
        endpoint = shared if number % 3 == 0 else audit()
        say(f"out-{number}", endpoint)
        made = asked(endpoint, message(1090), patience=20)
        # Too many within a second, no room while it is not known which have ended, or nobody has moved it in time.
        while made in (("error", -11), ("error", -28), ("error", -110)):
            time.sleep(0.1)
            made = asked(endpoint, message(1090), patience=20)
        expect(made, ("error", 0))
        for part in range(5):
            say(f"in-{number}-{part}", endpoint if part % 2 else None)
            joined(child(lambda: say(f"child-{number}-{part}", endpoint)))
    joined(child(inner))

def worker(first):
    shared = audit()
    for number in range(first, first + 60):
        group(number, shared)
workers = [child(lambda: worker(first * 1000)) for first in range(1, 4)]
print("ready", flush=True)
for pid in workers:
    joined(pid)
print("done", flush=True)
input()
"#;
    let mut command = supervisor.command_within(200, 0, &["run", "--name", "web", "--"]);
    let limit = Duration::from_secs(210);
    let mut member = Member::start_within(limit, as_member(&mut command, &format!("{TOOLS}\n{script}")));
    let begun = std::time::Instant::now();
    let mut kills = 0_u32;
    while !member.has_said("done") {
        assert!(begun.elapsed() < Duration::from_secs(150), "it takes too long: {}", supervisor.stderr());
        // On a busy machine none would come to make one, if all were killed before they know tasks.
        if kills.is_multiple_of(2) {
            until("it knows tasks", || is_exact(&supervisor));
        }
        // At instants that have nothing to do with what members do.
        std::thread::sleep(Duration::from_millis(u64::from(kills * 373 % 601) + 5));
        supervisor.kill();
        kills += 1;
    }
    assert!(kills > 8, "{kills}");
    member.finish().succeeded();
    ends(&supervisor, "web");
    let folder = supervisor.path("log");
    let mut of_group: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let mut root = BTreeSet::new();
    let (mut begins, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let text = std::fs::read_to_string(entry.path().join("audit.log")).unwrap();
        for line in text.lines() {
            let contid = field(line, "contid").to_owned();
            if line.contains(" op=create ") {
                assert!(begins.insert(contid), "made twice: {line}");
            } else if line.contains(" op=stop ") {
                assert!(ended.insert(contid), "ended twice: {line}");
            } else if let Some(text) =
                line.split("msg='").nth(1).filter(|_| line.starts_with("type=USER_LOGIN"))
            {
                let text = text.trim_end_matches('\'');
                *times.entry(text.to_owned()).or_default() += 1;
                let mut words = text.split('-');
                if words.next() == Some("out") {
                    root.insert(contid);
                } else {
                    of_group.entry(words.next().unwrap().to_owned()).or_default().insert(contid);
                }
            }
        }
    }
    let wrong: Vec<_> = times.iter().filter(|(_, times)| **times != 1).collect();
    assert_eq!((times.len(), wrong), (180 * 11, Vec::new()), "each message stands in one log once");
    assert_eq!(root.len(), 1, "what was said before is the root's");
    assert!(of_group.len() == 180 && of_group.values().all(|contids| contids.len() == 1), "{of_group:?}");
    let contids: BTreeSet<&String> = of_group.values().flatten().collect();
    assert_eq!(contids.len(), 180, "each has a namespace of its own");
    let own: BTreeSet<String> = contids.into_iter().cloned().collect();
    ended.retain(|contid| !root.contains(contid));
    let differences = [&begins, &ended].map(|told| own.symmetric_difference(told).collect::<Vec<_>>());
    assert!(
        differences.iter().all(Vec::is_empty),
        "{differences:?} have no beginning, no end, or nothing else: {}\n{}",
        supervisor.stderr(),
        lines_of(&folder, &differences.concat())
    );
    // A supervisor that was killed before it has acknowledged may have made one for nobody. None does.
    assert_eq!(begins.len(), 180);
}

/// The lines of these namespaces in all logs.
fn lines_of(folder: &Path, contids: &[&String]) -> String {
    let mut found = String::new();
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    for file in files.flat_map(|path| [path.join("audit.log"), path]).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| contids.iter().any(|contid| line.contains(contid.as_str()))) {
            found.push_str(&[&file.to_string_lossy(), ": ", line.get(..200).unwrap_or(line), "\n"].concat());
        }
    }
    found
}

//! Whether the kernel notes who sends or the supervisor looks it up, records are the same.

mod common;

use common::supervisor::{Supervisor, USER, namespace_log, until};
use serde_json::json;

/// Takes away what loading the program needs, and all that comes instead of it.
const WITHOUT: [&str; 3] = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"];

const UNSET: &str = "4294967295";

/// Messages of processes that differ in all that a record says of its sender, each with a number.
const SENDERS: &str = r#"
number = 0

def say(endpoint, data=None, wanted=0):
    global number
    number += 1
    expect(asked(endpoint, data or user(b"mark=%d" % number)), ("error", wanted))

endpoint = audit()
say(endpoint)

def thread():
    say(endpoint)
    say(audit())

def with_uid():
    os.setgroups([])
    os.setresgid(5, 6, 7)
    os.setresuid(0, 54321, 0)
    say(endpoint, wanted=-1)
    os.setresuid(-1, 0, -1)

def with_loginuid():
    with open("/proc/self/loginuid", "w") as file:
        file.write("4242")
    say(endpoint)
    say(audit())

def without_capabilities():
    libc.prctl(24, 29)
    become_ordinary()
    say(endpoint, wanted=-1)
    say(audit(), wanted=-1)

def in_a_user_namespace():
    expect(libc.unshare(0x10000000), 0)
    say(endpoint, wanted=-111)

def in_a_pid_namespace():
    expect(libc.unshare(0x20000000), 0)
    joined(child(lambda: say(endpoint)))

worker = threading.Thread(target=thread)
worker.start()
worker.join()
for work in (with_loginuid, without_capabilities, in_a_user_namespace, in_a_pid_namespace, with_uid):
    number = (number // 10 + 1) * 10
    joined(child(work))
say(endpoint, settings(1, enabled=1))
say(endpoint, watch(b"/etc/passwd"))
print("ready", flush=True)
input()
"#;

/// As root inside; whose credentials are what the user namespace makes of them.
const INSIDE: &str = r#"
endpoint = audit()
for number in range(3):
    expect(asked(endpoint, user(b"mark=%d" % number)), ("error", 0))
joined(child(lambda: expect(asked(endpoint, user(b"mark=child")), ("error", 0))))
print("ready", flush=True)
input()
"#;

fn senders_noted(supervisor: &Supervisor) -> bool {
    supervisor.info()["senders_noted"] == json!(true)
}

/// The records without what is another in each run: times, the namespace's number, and process numbers, which become the
/// order in which they are seen.
fn comparable(log: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut place = |value: &str| {
        let known = seen.iter().position(|known| known == value);
        known.unwrap_or_else(|| {
            seen.push(value.to_owned());
            seen.len() - 1
        })
    };
    let mut word = |word: &str| match word.split_once('=') {
        Some(("msg", stamp)) if stamp.starts_with("audit(") => {
            let serial = stamp.trim_end_matches("):").rsplit(':').next().unwrap_or_default();
            format!("serial={serial}")
        }
        Some(("contid" | "began" | "starter_pid", _)) => String::new(),
        Some((name @ ("pid" | "opid" | "vm-pid"), value)) => format!("{name}=P{}", place(value)),
        Some(("ses", value)) if value != UNSET => format!("ses=S{}", place(value)),
        _ => word.to_owned(),
    };
    let records = log.lines().filter(|line| !line.starts_with("type=VIRT_CONTROL"));
    records.map(|line| line.split(' ').map(&mut word).collect::<Vec<_>>().join(" ")).collect()
}

fn logs(supervisor: &Supervisor) -> [Vec<String>; 4] {
    supervisor.member(0, &["--name", "senders"], SENDERS).finish().succeeded();
    let member = supervisor.member(USER, &["--name", "inside"], "print('ready', flush=True)\ninput()\n");
    let name = format!("{USER}:inside");
    supervisor.auditns(&["set", &name, "backlog-limit", "64"]).succeeded();
    drop(member);
    until("the namespace ends", || supervisor.has_ended(&name));
    supervisor.set_policy("[defaults]\nunprivileged-backlog-limit = 64\n");
    supervisor.reload("the policy was read again");
    supervisor.member(USER, &["--name", "inside"], INSIDE).finish().succeeded();
    until("the namespaces end", || ["senders", &name].iter().all(|name| supervisor.has_ended(name)));
    let log = |name: &str, file: &str| comparable(&namespace_log(supervisor, name, file));
    [
        log("senders", "audit.log"),
        log("senders", "namespace.log"),
        log(&name, "audit.log"),
        log(&name, "namespace.log"),
    ]
}

#[test]
fn records_are_the_same_whether_senders_are_noted_or_looked_up() {
    let noting = Supervisor::new();
    until("senders are noted", || senders_noted(&noting));
    let looking = Supervisor::below(&WITHOUT, "");
    until("it says why it looks them up", || looking.stderr().contains("senders are looked up in /proc"));
    assert!(!senders_noted(&looking), "{}", looking.stderr());
    let [noted, looked_up] = [&noting, &looking].map(logs);
    assert!(noted[0].len() == 8 && noted[2].len() == 4, "{noted:#?}");
    assert_eq!(noted, looked_up, "noted (left) and looked up");
}

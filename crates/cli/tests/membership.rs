//! Which process is in which namespace, as `auditns show` and `list` tell it.

mod common;

use common::supervisor::{Member, Supervisor, until};
use rustix::process::{Pid, Signal, kill_process};

/// Says its number, that of a thread and that of a daemon that has left its parents, and stays.
const FAMILY: &str = r"
import threading
print('ready', flush=True)
main = os.getpid()
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writing, str(os.getpid()).encode())
        while os.path.exists(f'/proc/{main}'):
            time.sleep(0.02)
    os._exit(0)
os.wait()
daemon = os.read(reading, 20).decode()
ready = threading.Event()
def stay():
    global thread
    thread = threading.get_native_id()
    ready.set()
    time.sleep(1000)
threading.Thread(target=stay, daemon=True).start()
ready.wait()
open(FILE, 'w').write(f'{main} {thread} {daemon}')
print('written', flush=True)
input()
";

struct Family {
    member: Member,
    main: String,
    thread: String,
    daemon: String,
}

impl Family {
    fn new(supervisor: &Supervisor, name: &'static str) -> Family {
        let file = supervisor.path(name);
        let script = FAMILY.replace("FILE", &format!("{:?}", file.to_str().unwrap()));
        let mut member = supervisor.member(0, &["--name", name], &script);
        member.until("written");
        let text = std::fs::read_to_string(file).unwrap();
        let [main, thread, daemon] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
        let [main, thread, daemon] = [main, thread, daemon].map(ToOwned::to_owned);
        Family { member, main, thread, daemon }
    }
}

/// The namespace of a task, and how it is told.
fn shown(supervisor: &Supervisor, pid: &str) -> Option<(String, String)> {
    let outcome = supervisor.auditns(&["show", "--pid", pid, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&outcome.stdout).ok()?;
    let text = |key: &str| shown[key].as_str().unwrap().to_owned();
    Some((text("name"), text("membership")))
}

fn exact(name: &str) -> (String, String) {
    (name.to_owned(), "exact".to_owned())
}

fn is_exact(supervisor: &Supervisor) {
    until("the kernel is asked", || {
        let namespaces = supervisor.json(&["list", "--json"]);
        namespaces.as_array().unwrap().iter().all(|namespace| namespace["membership"] == "exact")
    });
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let text: String = lists.collect();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The child of this process with this command line.
fn child_that_is(pid: i32, line: &[u8]) -> Option<i32> {
    let is_it = |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|found| found == line);
    children(pid).into_iter().find(is_it)
}

/// The process that has others look at tasks.
fn waiter(supervisor: &Supervisor) -> Option<Pid> {
    let pid = supervisor.pid().as_raw_nonzero().get();
    child_that_is(pid, b"auditns\0membership\0").and_then(Pid::from_raw)
}

/// The process that looks at tasks.
fn looker(supervisor: &Supervisor) -> Option<Pid> {
    let waiter = waiter(supervisor)?.as_raw_nonzero().get();
    child_that_is(waiter, b"auditns\0membership\0--serve\0").and_then(Pid::from_raw)
}

#[test]
fn every_task_leads_to_its_namespace_and_is_counted() {
    let supervisor = Supervisor::new();
    let (one, two) = (Family::new(&supervisor, "one"), Family::new(&supervisor, "two"));
    let right = || {
        is_exact(&supervisor);
        for (family, name) in [(&one, "one"), (&two, "two")] {
            for pid in [&family.main, &family.thread, &family.daemon] {
                // By descent, where the kernel was not asked in time.
                until(pid, || shown(&supervisor, pid) == Some(exact(name)));
            }
            until("the daemon is one of them", || {
                let info = supervisor.json(&["show", name, "--json"]);
                info["membership"] == "exact" && info["members"] == 2
            });
        }
        assert_eq!(shown(&supervisor, "1"), None);
        assert_eq!(shown(&supervisor, &std::process::id().to_string()), None);
    };
    right();
    // What was there before this supervisor.
    supervisor.kill();
    right();
    // The process that looks is replaced, and by descent the daemon is not found meanwhile.
    let before = looker(&supervisor).unwrap();
    kill_process(before, Signal::KILL).unwrap();
    until("it is replaced", || looker(&supervisor).is_some_and(|pid| pid != before));
    right();
    assert!(supervisor.stderr().contains("is started again"), "{}", supervisor.stderr());
    one.member.finish().succeeded();
    two.member.finish().succeeded();
}

#[test]
fn the_supervisor_is_replaced_when_nobody_is_left_to_start_whoever_looks() {
    let supervisor = Supervisor::new();
    let family = Family::new(&supervisor, "one");
    is_exact(&supervisor);
    let (before, looks) = (supervisor.pid(), looker(&supervisor).unwrap());
    kill_process(waiter(&supervisor).unwrap(), Signal::KILL).unwrap();
    kill_process(looks, Signal::KILL).unwrap();
    until("the supervisor is replaced", || supervisor.pid() != before && looker(&supervisor).is_some());
    is_exact(&supervisor);
    until("the daemon is found", || shown(&supervisor, &family.daemon) == Some(exact("one")));
    assert!(supervisor.stderr().contains("the next supervisor starts it again"), "{}", supervisor.stderr());
    family.member.finish().succeeded();
}

#[test]
fn a_signal_to_all_processes_is_an_end_and_no_reason_to_start_again() {
    let mut supervisor = Supervisor::new();
    until("it looks", || looker(&supervisor).is_some());
    // Long enough for a supervisor that is replaced at once.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let begin = std::time::Instant::now();
    let code = supervisor.end().code();
    // One that takes longer to end cannot know that everybody was told to.
    let in_time = begin.elapsed() < std::time::Duration::from_secs(1);
    let as_told = code == Some(0) && !supervisor.stderr().contains("again");
    assert!(!in_time || as_told, "{code:?}: {}", supervisor.stderr());
}

#[test]
fn without_capabilities_members_are_told_by_descent_and_it_is_said() {
    let supervisor = Supervisor::below(&["setpriv", "--bounding-set", "-perfmon"], "");
    let family = Family::new(&supervisor, "one");
    let info = supervisor.json(&["show", "one", "--json"]);
    assert_eq!((&info["membership"], &info["members"]), (&"descent".into(), &1.into()));
    assert_eq!(shown(&supervisor, &family.main), Some(("one".to_owned(), "descent".to_owned())));
    assert_eq!(shown(&supervisor, &family.daemon), None, "it has left its parents");
    let said = "which process is in which namespace is told by descent from now on: loading the BPF program needs CAP_PERFMON";
    until("it is said", || supervisor.stderr().contains(said));
    family.member.finish().succeeded();
}

#[test]
fn the_process_that_looks_has_two_capabilities_and_few_calls() {
    let supervisor = Supervisor::new();
    until("it looks", || looker(&supervisor).is_some());
    let family = Family::new(&supervisor, "one");
    is_exact(&supervisor);
    let pid = looker(&supervisor).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    // CAP_BPF and CAP_PERFMON.
    for line in [
        "CapEff:\t000000c000000000",
        "CapPrm:\t000000c000000000",
        "CapBnd:\t000000c000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.lines().any(|found| found == line), "{line}: {status}");
    }
    family.member.finish().succeeded();
}

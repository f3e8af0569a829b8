//! What the running supervisor has taken from itself, and that it can do what it promises all the same.

mod common;

use common::supervisor::{SPEAKING, Supervisor, USER, until, varlink};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// `CAP_DAC_READ_SEARCH`, `CAP_NET_ADMIN`, `CAP_SYS_PTRACE`, `CAP_SYS_ADMIN`.
const CAPABILITIES: u64 = 1 << 2 | 1 << 12 | 1 << 19 | 1 << 21;
/// `CAP_DAC_OVERRIDE`, which is permitted and not effective.
const FOR_STEPS: u64 = 1 << 1;
/// `CAP_AUDIT_WRITE`.
const AUDIT_WRITE: u64 = 1 << 29;

fn pid_of(supervisor: &Supervisor) -> u32 {
    supervisor.pid().as_raw_nonzero().get().cast_unsigned()
}

/// What the threads of a process are called, each of which is in the sandbox.
fn sandboxed_threads(pid: u32, capabilities: u64) -> Vec<String> {
    let mut names = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        // It may have ended.
        let Ok(status) = std::fs::read_to_string(thread.unwrap().path().join("status")) else { continue };
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
        };
        for (name, wanted) in [
            ("CapInh", 0),
            ("CapPrm", capabilities | FOR_STEPS),
            ("CapEff", capabilities),
            ("CapBnd", 0),
            ("CapAmb", 0),
        ] {
            assert_eq!(value(name), format!("{wanted:016x}"), "{name}: {status}");
        }
        for (name, wanted) in [("NoNewPrivs", "1"), ("Seccomp", "2"), ("Seccomp_filters", "4")] {
            assert_eq!(value(name), wanted, "{name}: {status}");
        }
        names.push(value("Name"));
    }
    names
}

fn has(names: &[String], wanted: &[&str]) {
    for name in wanted {
        assert!(names.iter().any(|found| found == name), "no thread {name}: {names:?}");
    }
}

#[test]
fn every_thread_is_in_the_sandbox_also_after_a_restart() {
    let supervisor = Supervisor::new();
    let member = supervisor.member(0, &["--name", "web"], SPEAKING);
    // It is sealed before the keeper knows that it is ready, and that is after the socket answers.
    until("it is sealed", || limits_are_mounted(&supervisor));
    let connected = UnixStream::connect(supervisor.socket()).unwrap();
    varlink(&connected, "io.auditns.GetSupervisor", &json!({}));
    let first = pid_of(&supervisor);
    until("four filters", || filters(first) == 4);
    has(&sandboxed_threads(first, CAPABILITIES), &["auditns", "namespace", "control-client", "fuser-0"]);
    kill_process(Pid::from_raw(first.cast_signed()).unwrap(), Signal::KILL).unwrap();
    until("the next one serves", || {
        UnixStream::connect(supervisor.socket()).is_ok() && pid_of(&supervisor) != first
    });
    let second = pid_of(&supervisor);
    until("four filters", || filters(second) == 4);
    has(&sandboxed_threads(second, CAPABILITIES), &["auditns", "namespace"]);
    member.finish().succeeded();
    let said = supervisor.stderr();
    assert!(!said.contains("sandbox") && !said.contains("CAP_"), "{said}");
}

/// The nice value of the thread of that name, if there is one.
fn nice_of(pid: u32, name: &str) -> Option<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
    let own = stats.filter_map(|stat| {
        let (before, after) = stat.split_once(&format!("({name}) "))?;
        // The first field after the name is number 3 of stat(5), the nice value number 19.
        before.trim().parse::<u32>().ok().and(after.split(' ').nth(16)?.parse().ok())
    });
    own.last()
}

#[test]
fn threads_of_namespaces_come_before_others_and_those_that_work_for_members_do_not() {
    for (policy, boost) in [("", 10), ("[supervisor]\npriority-boost = 3\n", 3)] {
        let supervisor = Supervisor::with_policy(policy);
        let member = supervisor.member(0, &["--name", "web"], SPEAKING);
        for is_first in [true, false] {
            let pid = pid_of(&supervisor);
            until("it serves", || nice_of(pid, "namespace").is_some());
            assert_eq!(nice_of(pid, "namespace"), Some(-boost), "{policy}");
            if is_first {
                // It has looked at the member's executable.
                assert_eq!(nice_of(pid, "aside"), Some(0), "{policy}");
            }
            // The next one has as much more than its keeper, and not than this one.
            supervisor.kill();
        }
        member.finish().succeeded();
    }
}

#[test]
fn without_the_capability_for_it_the_priority_stays_and_it_is_said() {
    let supervisor = Supervisor::below(&["setpriv", "--bounding-set", "-sys_nice"], "");
    let member = supervisor.member(0, &["--name", "web"], SPEAKING);
    assert_eq!(nice_of(pid_of(&supervisor), "namespace"), Some(0));
    assert!(supervisor.stderr().contains("the priority cannot be raised by 10"), "{}", supervisor.stderr());
    member.finish().succeeded();
}

#[test]
fn only_a_supervisor_that_forwards_may_write_to_the_kernels_audit() {
    let supervisor = Supervisor::with_policy("[supervisor]\nforward = 'kernel'\n");
    let pid = pid_of(&supervisor);
    until("four filters", || filters(pid) == 4);
    has(&sandboxed_threads(pid, CAPABILITIES | AUDIT_WRITE), &["forward"]);
}

#[test]
fn the_tree_of_limits_is_mounted_in_the_sandbox_and_unmounted_at_the_end() {
    let supervisor = Supervisor::new();
    until("the mount", || limits_are_mounted(&supervisor));
    let pid = pid_of(&supervisor);
    until("four filters", || filters(pid) == 4);
    let member = supervisor.member(0, &["--name", "web"], SPEAKING);
    let first = supervisor.json(&["show", "web", "--json"])["pid"].to_string();
    let file = supervisor.run_folder().join("proc").join(first).join("audit_backlog_limit");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "64\n");
    std::fs::write(&file, "65").unwrap();
    assert_eq!(supervisor.json(&["show", "web", "--json"])["backlog_limit"], 65);
    member.finish().succeeded();
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::TERM).unwrap();
    // Before that it can still take a connection, which its end resets.
    until("it has ended", || !Path::new(&format!("/proc/{pid}")).exists());
    until("another one has mounted", || limits_are_mounted(&supervisor) && pid_of(&supervisor) != pid);
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let own = supervisor.run_folder().join("proc");
    assert_eq!(mounts.lines().filter(|line| line.contains(own.to_str().unwrap())).count(), 1, "{mounts}");
}

/// Needs the capability to look into folders of others.
#[test]
fn paths_of_rules_are_found_in_private_folders_of_users() {
    let supervisor =
        Supervisor::with_policy(&format!("[[namespace]]\nuser = '{USER}'\nbacklog-limit = 64\n"));
    let private = supervisor.path("private");
    std::fs::create_dir(&private).unwrap();
    std::fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&private, Some(USER), Some(USER)).unwrap();
    let watch = ["run", "--", "unshare", "-Ur", "auditctl", "-w"];
    let path = private.join("file");
    let words = [&watch[..], &[path.to_str().unwrap(), "-p", "w"]].concat();
    let outcome = supervisor.auditns_as(USER, &words);
    assert_eq!((outcome.code(), outcome.stderr.as_str()), (0, ""), "{outcome:?}");
}

/// Needs the capability to write into memory of others.
#[test]
fn calls_on_audit_sockets_of_users_are_answered() {
    let supervisor =
        Supervisor::with_policy(&format!("[[namespace]]\nuser = '{USER}'\nbacklog-limit = 64\n"));
    let script = "endpoint = audit()\nendpoint.bind((0, 0))\nexpect(endpoint.getsockname()[0], os.getpid())\n\
                  print('ready', flush=True)\ninput()";
    supervisor.member(USER, &[], script).finish().succeeded();
}

fn limits_are_mounted(supervisor: &Supervisor) -> bool {
    let folder = supervisor.run_folder().join("proc");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    mounts.contains(&format!(" {} fuse ", folder.display())) && std::fs::read_dir(&folder).is_ok()
}

fn filters(pid: u32) -> usize {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

//! What a benchmark keeps is given back, also when whoever runs it is killed.

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use std::fs;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_auditns-bench");
const LIMIT: Duration = Duration::from_secs(30);

/// Whoever runs a benchmark: a shell that starts the program and lives on.
fn start(arguments: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let script = format!("\"$0\" {arguments} & echo $!; read forever");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let out = BufReader::new(shell.stdout.take().unwrap());
    (shell, out)
}

fn line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn pid(text: &str) -> Pid {
    Pid::from_raw(text.parse().unwrap()).unwrap()
}

fn until(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Whether a process runs; one that has ended and that nobody has waited for does not.
fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !stat.contains(") Z ")
}

#[test]
fn everything_on_a_leash_ends_with_the_parent() {
    // A child in another session, one that ignores signals, and one that has lost its parent.
    let inside = "trap \"\" TERM; (setsid sh -c \"echo \\$\\$; sleep 1000\" &) ; echo $$; while :; do sleep 1000; done";
    let (mut shell, mut out) = start(&format!("leash --parent $$ -- sh -c '{inside}'"));
    let pids = [line(&mut out), line(&mut out), line(&mut out)].map(|text| pid(&text));
    assert!(pids.iter().all(|pid| runs(*pid)), "{pids:?}");
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(until(|| !pids.iter().any(|pid| runs(*pid))), "{pids:?} live on");
}

#[test]
fn the_kernels_audit_and_the_folder_are_given_back() {
    if !geteuid().is_root() || Command::new("auditctl").arg("-v").output().is_err() {
        eprintln!("not root, or no auditctl: the kernel's audit cannot be kept");
        return;
    }
    let before = status();
    let (mut shell, mut out) = start("host --parent $$");
    let words = [line(&mut out), line(&mut out)];
    let (first, ready) = if words[0].starts_with("ready ") { (1, 0) } else { (0, 1) };
    let host = pid(&words[first]);
    let folder = words[ready].strip_prefix("ready ").unwrap().to_owned();
    fs::write(Path::new(&folder).join("something"), "").unwrap();
    let set = Command::new("auditctl").args(["-e", "1"]).stdout(Stdio::null()).status().unwrap();
    assert!(set.success());
    let text = Command::new("auditctl").arg("-s").output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&text).contains("backlog_limit 8192"));
    kill_process(Pid::from_child(&shell), Signal::KILL).unwrap();
    shell.wait().unwrap();
    assert!(until(|| !runs(host)), "{host:?} lives on");
    assert!(!Path::new(&folder).exists());
    assert_eq!(status(), before);
}

/// What can be set of the kernel's audit, while no other test has it.
fn status() -> String {
    let lock = File::create("/run/lock/auditns-kernel-audit.lock").unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let output = Command::new("auditctl").arg("-s").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let set = ["enabled ", "failure ", "pid ", "rate_limit ", "backlog_limit ", "backlog_wait_time "];
    text.lines().filter(|line| set.iter().any(|name| line.starts_with(name))).collect::<Vec<_>>().join("\n")
}

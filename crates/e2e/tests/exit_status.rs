//! `auditns run` is transparent: exit status, signals, outputs, surroundings of the command are its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;
use std::time::Duration;

use auditns_e2e::auditns::{Served, program};
use auditns_e2e::process::{Finished, run};
use auditns_e2e::workdir::RunDir;

const LIMIT: Duration = Duration::from_secs(20);

fn served(words: &[&str]) -> Finished {
    let dir = RunDir::new("exit");
    run(Served::new("exit", &dir.folder("log")).command().args(words), LIMIT)
}

#[test]
fn exit_status_of_the_command() {
    for status in [0, 1, 3, 77, 125, 255] {
        let finished = served(&["sh", "-c", &format!("exit {status}")]);
        assert_eq!(finished.code(), Some(status), "{}", finished.report());
    }
}

#[test]
fn signals_count_128_and_more() {
    for (signal, status) in [("HUP", 129), ("INT", 130), ("KILL", 137), ("USR1", 138), ("TERM", 143)] {
        // Whoever runs the tests in the background may ignore some.
        let finished = served(&["env", "--default-signal", "sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(finished.code(), Some(status), "{signal}: {}", finished.report());
        assert!(
            finished.status.is_some_and(|ended| ended.code().is_some()),
            "auditns itself must exit, not die"
        );
    }
}

#[test]
fn outputs_arguments_and_surroundings() {
    let dir = RunDir::new("transparent");
    let mut command = Served::new("transparent", &dir.folder("log")).command();
    command.args([
        "sh",
        "-c",
        "pwd; echo \"$MARK\"; printf '<%s>' \"$@\"; echo problem >&2; exit 9",
        "sh",
        "--",
        "a b",
        "",
    ]);
    let finished = run(command.current_dir("/usr").env("MARK", "kept"), LIMIT);
    assert_eq!(finished.code(), Some(9), "{}", finished.report());
    assert_eq!(
        finished.stdout, "/usr\nkept\n<--><a b><>",
        "nothing but the command's output on standard output"
    );
    assert_eq!(finished.stderr, "problem\n", "nothing to tell, nothing told");
}

#[test]
fn a_command_that_cannot_run() {
    for (command, code) in
        [("/nonexistent/program", 127), ("no-such-program-anywhere", 127), ("/etc/passwd", 126)]
    {
        let finished = served(&[command]);
        assert_eq!(finished.code(), Some(code), "{}", finished.report());
        assert!(finished.stderr.contains(command), "{}", finished.report());
    }
}

#[test]
fn a_log_directory_that_cannot_be_used() {
    let dir = RunDir::new("unusable");
    let marker = dir.path().join("ran");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("the run directory is writable");
    for log_dir in [file.as_path(), "/proc/nowhere".as_ref()] {
        let finished = run(Served::new("unusable", log_dir).command().arg("touch").arg(&marker), LIMIT);
        assert_eq!(finished.code(), Some(125), "{}", finished.report());
        assert!(finished.stderr.contains(&*log_dir.to_string_lossy()), "{}", finished.report());
        assert!(!marker.exists(), "the command ran although its records cannot be kept");
    }
}

#[test]
fn an_ordinary_user() {
    let dir = RunDir::new("user");
    let binary = dir.path().join("auditns");
    fs::copy(program(), &binary).expect("the program can be copied");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("the copy is ours");
    let logs = dir.folder("log");
    chown(&logs, Some(54321), Some(54321)).expect("root may change owners");
    let user = ["--reuid=54321", "--regid=54321", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
    let mut command = Command::new("setpriv");
    command
        .args(user)
        .arg("--")
        .arg(&binary)
        .args(["run", "--name", "user", "--log-dir"])
        .arg(&logs)
        .arg("--");
    command.args(["unshare", "-Urpf", "--mount-proc"]);
    command.args(["sh", "-c", "PATH=$PATH:/usr/sbin; auditctl -m 'from a user'; auditctl -s"]);
    let finished = run(&mut command, LIMIT);
    assert_eq!(finished.code(), Some(0), "{}", finished.report());
    for line in ["enabled 1\n", "failure 1\n", "pid 0\n", "lost 0\n"] {
        assert!(finished.stdout.contains(line), "{line:?}: {}", finished.report());
    }
    let served = Served::new("user", &logs);
    let log = served.log();
    let record =
        log.of("USER").find(|record| record.has("from a user")).unwrap_or_else(|| panic!("{}", log.report()));
    assert_eq!(record.field("uid"), Some("54321"), "the host's log has the host's ids: {record:?}");
    let mode = served.log_path().metadata().expect("the log was just read").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "only the owner reads the log");
}

/// A shell script that stops what it started: its signal comes from the process group that auditns is in.
#[test]
fn a_signal_to_auditns_reaches_the_command() {
    let dir = RunDir::new("signal");
    let served = Served::new("signal", &dir.folder("log"));
    for (signal, command, code) in [
        ("TERM", ": >\"$MARK\"; exec sleep 15", 143),
        ("HUP", ": >\"$MARK\"; exec sleep 15", 129),
        ("TERM", "trap 'echo asked; exit 5' TERM; : >\"$MARK\"; while :; do sleep 0.05; done", 5),
    ] {
        let script = format!(
            "rm -f \"$MARK\"; \"$@\" & served=$!; until [ -e \"$MARK\" ]; do sleep 0.05; done; \
             kill -{signal} $served; wait $served; echo $?"
        );
        // Whoever runs the tests may ignore a signal, as `nohup` does, and a shell then cannot let it take effect.
        let mut shell = Command::new("env");
        let inner = served.command();
        shell
            .arg("--default-signal=HUP,TERM")
            .env("MARK", dir.path().join("mark"))
            .args(["sh", "-c", &script, "sh"])
            .arg(inner.get_program())
            .args(inner.get_args())
            .args(["sh", "-c", command]);
        let finished = run(&mut shell, LIMIT);
        assert!(finished.took < Duration::from_secs(10), "{signal} to {command}: {}", finished.report());
        assert_eq!(
            finished.stdout.lines().last(),
            Some(&*code.to_string()),
            "{command}: {}",
            finished.report()
        );
    }
}

#[test]
fn auditns_in_auditns_says_why_not() {
    let dir = RunDir::new("nested");
    let logs = dir.folder("log");
    let inner = Served::new("inner", &logs).command();
    let mut outer = Served::new("outer", &logs).command();
    outer.arg(inner.get_program()).args(inner.get_args()).arg("true");
    let finished = run(&mut outer, LIMIT);
    assert_eq!(finished.code(), Some(125), "{}", finished.report());
    assert!(finished.stderr.contains("seccomp"), "{}", finished.report());
}

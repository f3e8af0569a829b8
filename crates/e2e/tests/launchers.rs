//! Programs that make containers, started by `auditns run`. Whole systems that systemd-nspawn boots are in `journald.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use auditns_e2e::auditns::Served;
use auditns_e2e::container::Mode;
use auditns_e2e::process::{self, Finished};
use auditns_e2e::workdir::RunDir;
use auditns_e2e::{auditns, rootfs};

const LIMIT: Duration = Duration::from_secs(60);

/// What came of each system call in a container of systemd-nspawn that a command starts.
fn calls(dir: &RunDir, launcher: &[&std::ffi::OsStr]) -> BTreeMap<u32, String> {
    let mut command = process::apart(&[], "nspawn-calls.sh");
    command.arg(rootfs::roots().of(Mode::Init)).arg(dir.path()).args(launcher).env_remove("SYSTEMD_SECCOMP");
    dir.folder("box");
    let finished = process::run(&mut command, LIMIT);
    assert!(finished.stdout.trim_end().ends_with("all"), "{}", finished.report());
    let lines = finished.stdout.lines().filter_map(|line| line.trim().split_once(' '));
    lines.map(|(number, result)| (number.parse().expect("a number"), result.to_owned())).collect()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_list_of_calls_is_that_of_systemd_nspawn() {
    let dir = RunDir::new("nspawn-calls");
    let stock = calls(&dir, &["env".as_ref()]);
    let served = Served::new("calls", &dir.folder("log"));
    let command = served.command();
    let words: Vec<&std::ffi::OsStr> =
        [command.get_program()].into_iter().chain(command.get_args()).collect();
    let ours = calls(&dir, &words);
    assert!(stock.len() > 400 && stock.values().filter(|result| *result == "1").count() > 30, "{stock:?}");
    let differences: Vec<_> = stock
        .iter()
        .filter(|(number, result)| ours.get(number) != Some(result))
        .map(|(number, result)| (*number, result.as_str(), ours.get(number).map(String::as_str)))
        .collect();
    // io_uring_setup: a ring would open audit sockets that no filter sees.
    assert_eq!(differences, [(425, "14", Some("1"))]);
}

/// Runs a command in a namespace served by `auditns run` itself, and expects its one message in the log.
fn speaks(name: &str, uid: Option<u32>, container: &[&str]) -> Finished {
    let dir = RunDir::new(name);
    let logs = dir.folder("log");
    let mut words: Vec<String> = Vec::new();
    if let Some(uid) = uid {
        std::os::unix::fs::chown(&logs, Some(uid), Some(uid)).expect("root gives folders away");
        let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
        words.extend(["setpriv".to_owned()].into_iter().chain(ids));
        words.extend(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"].map(str::to_owned));
    }
    let program = shared(&dir, auditns::program());
    words.extend([program, "run".to_owned(), "--embedded".to_owned(), "--name".to_owned(), name.to_owned()]);
    words.extend(["--log-dir".to_owned(), logs.display().to_string(), "--".to_owned()]);
    words.extend(container.iter().map(|word| (*word).to_owned()));
    words.extend(["sh", "-c", "auditctl -m spoken && auditctl -s"].map(str::to_owned));
    let mut command = Command::new(&words[0]);
    let finished = process::run(command.args(&words[1..]).current_dir("/"), LIMIT);
    assert_eq!(finished.code(), Some(0), "{}", finished.report());
    assert!(finished.stdout.contains("enabled 1\n"), "{}", finished.report());
    let log = auditns_e2e::log::Log::read(&logs.join(name).join("audit.log"));
    assert_eq!(log.records.iter().filter(|record| record.has("text=spoken ")).count(), 1, "{}", log.report());
    finished
}

/// Others than root can execute it there.
fn shared(dir: &RunDir, program: &Path) -> String {
    let copy = dir.path().join("auditns");
    std::fs::copy(program, &copy).expect("the folder of this run is writable");
    copy.display().to_string()
}

const USER: u32 = 54321;
const BWRAP: &[&str] = &["bwrap", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all"];

#[test]
fn bubblewrap() {
    let root = rootfs::roots().of(Mode::Init).display().to_string();
    let other = ["bwrap", "--ro-bind", &root, "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all"];
    speaks("bwrap", None, &[&other[..], &["--cap-add", "ALL"]].concat());
    // In its own user namespace, as root there.
    speaks(
        "bwrap-user",
        Some(USER),
        &[
            BWRAP,
            &["--uid", "0", "--gid", "0", "--cap-add", "CAP_AUDIT_WRITE", "--cap-add", "CAP_AUDIT_CONTROL"],
        ]
        .concat(),
    );
}

#[test]
fn unshare() {
    speaks("unshare", None, &["unshare", "--pid", "--fork", "--mount-proc"]);
    speaks(
        "unshare-user",
        Some(USER),
        &["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"],
    );
}

#[test]
fn nspawn_without_what_the_list_is_made_of_is_not_started() {
    let dir = RunDir::new("nspawn-none");
    // A PATH in which systemd-nspawn is and systemd-analyze is not.
    let bin = dir.folder("bin");
    std::os::unix::fs::symlink("/usr/bin/systemd-nspawn", bin.join("systemd-nspawn"))
        .expect("it can be linked");
    let mut command = Command::new(auditns::program());
    command.args(["run", "--embedded", "--log-dir"]).arg(dir.folder("log"));
    command.args(["--", "systemd-nspawn", "--version"]).env("PATH", &bin);
    let finished = process::run(&mut command, LIMIT);
    assert_eq!(finished.code(), Some(125), "{}", finished.report());
    assert!(finished.stderr.contains("systemd-analyze cannot be run"), "{}", finished.report());
    command.env("SYSTEMD_SECCOMP", "0");
    let finished = process::run(&mut command, LIMIT);
    assert_eq!(finished.code(), Some(0), "who decides for themselves is not held up: {}", finished.report());
}

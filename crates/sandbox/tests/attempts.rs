//! What a process in the sandbox can and cannot do. All of these tests need root.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// `CAP_DAC_READ_SEARCH`, `CAP_NET_ADMIN`, `CAP_SYS_PTRACE`, `CAP_SYS_ADMIN`.
const ALL: u64 = 1 << 2 | 1 << 12 | 1 << 19 | 1 << 21;
/// `CAP_DAC_OVERRIDE`, which is permitted and not effective.
const FOR_STEPS: u64 = 1 << 1;
/// `CAP_AUDIT_WRITE`.
const AUDIT_WRITE: u64 = 1 << 29;

fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/sandboxed")
}

struct Tried {
    output: Output,
    folder: TempDir,
}

impl Tried {
    fn said(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }
}

fn run(mut command: Command, task: &str, attempt: &str) -> Tried {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("file")).unwrap();
    let output = command.args([task, attempt]).arg(folder.path().join("file")).output().unwrap();
    // What an attempt has mounted.
    let _ = Command::new("umount").arg("-lq").arg(folder.path().join("file")).status();
    Tried { output, folder }
}

fn attempt(task: &str, attempt: &str) -> Tried {
    run(Command::new(program()), task, attempt)
}

#[test]
fn hostile_calls_end_the_process() {
    for name in ["execute", "mount", "chroot", "become-another"] {
        let tried = attempt("", name);
        assert_eq!(tried.output.status.signal(), Some(31), "{name}: {}", tried.said());
    }
}

#[test]
fn a_child_executes_nothing_either() {
    let said = attempt("", "fork-and-execute").said();
    assert!(said.starts_with("signal: 31"), "{said}");
}

#[test]
fn calls_that_are_not_on_the_list_are_not_permitted() {
    for name in [
        "unmount-at-once",
        "chown",
        "chmod",
        "symlink",
        "kill",
        "inet",
        "route",
        "audit",
        "new-user-namespace",
        "executable-memory",
        "limits-of-another",
    ] {
        let tried = attempt("", name);
        assert!(tried.output.status.success(), "{name}: {:?}", tried.output);
        assert_eq!(tried.said(), "Operation not permitted (os error 1)\n", "{name}");
    }
}

#[test]
fn calls_that_are_on_the_list_work() {
    for (task, name) in [
        ("", "nothing"),
        ("", "unix"),
        ("", "new-network-namespace"),
        ("", "look-at-another"),
        ("", "mount-unsealed"),
        ("forward", "audit"),
    ] {
        let tried = attempt(task, name);
        assert_eq!(tried.said(), "done\n", "{name}: {:?}", tried.output);
    }
}

#[test]
fn the_capabilities_are_those_of_the_table() {
    for (task, wanted) in [("", ALL), ("forward", ALL | AUDIT_WRITE)] {
        let said = attempt(task, "status").said();
        for (name, value) in
            [("CapInh", 0), ("CapPrm", wanted | FOR_STEPS), ("CapEff", wanted), ("CapBnd", 0), ("CapAmb", 0)]
        {
            assert!(said.contains(&format!("{name}:\t{value:016x}\n")), "{name} {value:x}: {said}");
        }
        assert!(said.contains("NoNewPrivs:\t1\n") && said.contains("Seccomp:\t2\n"), "{said}");
    }
}

#[test]
fn files_of_others_cannot_be_written() {
    let script = "chown 54321 \"$3\" && chmod 700 \"$3\" && exec \"$0\" \"$1\" write \"$3/x\"";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(program());
    let tried = run(command, "task", "write");
    assert_eq!(tried.said(), "Permission denied (os error 13)\n", "{:?}", tried.output);
    assert!(!tried.folder.path().join("file/x").exists());
}

#[test]
fn a_confined_thread_has_open_descriptors_and_nothing_else() {
    for name in ["confined-reads", "confined-looks-at-another"] {
        assert_eq!(attempt("forward", name).said(), "Permission denied (os error 13)\n", "{name}");
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg("exec \"$0\" \"$1\" \"$2\" \"$3/x\"").arg(program());
    assert_eq!(run(command, "forward", "confined-writes-to-what-is-open").said(), "done\n");
}

#[test]
fn less_than_the_table_is_said_and_is_no_failure() {
    let mut command = Command::new("setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-sys_ptrace,-setpcap"]).arg(program());
    let tried = run(command, "", "nothing");
    assert_eq!(
        tried.said(),
        "the sandbox cannot clear the bounding set of capabilities without CAP_SETPCAP, and goes on without\n\
         the supervisor was started without CAP_SYS_PTRACE; see docs/security.md\ndone\n",
        "{:?}",
        tried.output
    );
}

#[test]
fn who_asks_the_kernel_about_tasks_makes_the_calls_for_that_and_ends_at_others() {
    // There are no attributes, which is found out by the kernel itself.
    assert_eq!(attempt("membership", "look-up").said(), "Invalid argument (os error 22)\n");
    for name in
        ["load-program", "write", "execute", "look-at-another", "unix", "kill", "mount", "become-another"]
    {
        let tried = attempt("membership", name);
        assert_eq!(tried.output.status.signal(), Some(31), "{name}: {}", tried.said());
    }
}

#[test]
fn it_is_entered_before_the_first_thread() {
    let said = attempt("", "late").said();
    assert!(said.contains("before the first thread, and there are 2"), "{said}");
}

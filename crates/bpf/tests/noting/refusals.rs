//! Processes that may not load the program are told why.

use crate::world::program;
use std::process::Command;

fn load(steps: &[&str]) -> String {
    says(&[steps, &["load"]].concat())
}

fn says(steps: &[&str]) -> String {
    let output = Command::new(program()).args(steps).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn root_may() {
    assert_eq!(load(&[]), "loaded\n");
}

#[test]
fn another_user_may_not() {
    let expected =
        "loading the BPF program needs CAP_BPF and CAP_PERFMON; give this process that capability\n";
    assert_eq!(load(&["uid=65534"]), expected);
    assert_eq!(load(&["no-capabilities"]), expected);
}

/// It has the capabilities, but not towards the first user namespace.
#[test]
fn root_of_a_user_namespace_may_not() {
    let text = load(&["new-user-namespace"]);
    assert!(
        text.starts_with("the BPF program could not be prepared") || text.starts_with("the kernel refused"),
        "{text}"
    );
}

#[test]
fn processes_with_other_numbers_may_not() {
    let output =
        Command::new("unshare").args(["--pid", "--fork", "--mount-proc"]).arg(program()).arg("load").output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.ends_with("this process is in another; start it outside of containers\n"), "{text}");
}

#[test]
fn what_root_has_loaded_anybody_attaches() {
    assert_eq!(says(&["load-then-attach-as=65534"]), "Some(65534)\n");
}

//! The committed object is what the committed source compiles to.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Other versions of the compiler give other instructions, so there is nothing to compare with them: `cargo xtask bpf`
/// installs the right one and compares.
#[test]
fn the_object_is_made_from_the_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recorded = fs::read_to_string(folder.join("program/compiler.txt")).unwrap();
    let installed = Command::new("clang-14").arg("--version").output();
    let installed = installed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = installed.ok().and_then(|text| text.lines().next().map(str::to_owned));
    if version.as_deref() != Some(recorded.trim()) {
        println!("not compared: {} is not installed", recorded.trim());
        return;
    }
    let object = tempfile::NamedTempFile::new().unwrap();
    let arguments = fs::read_to_string(folder.join("program/arguments.txt")).unwrap();
    let status = Command::new("clang-14")
        .args(arguments.split_whitespace())
        .arg("-o")
        .arg(object.path())
        .current_dir(folder.join("program"))
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let committed = fs::read(folder.join("src/auditns.bpf.o")).unwrap();
    assert!(fs::read(object.path()).unwrap() == committed, "run `cargo xtask bpf` and commit what changes");
}

//! Licences and sources of dependencies.

use crate::command::{Failure, cargo, command, run, step, target};
use std::process::Stdio;

/// What looks at them, if nobody has installed another one. Releases are built in the same way for everybody by `--locked`.
const VERSION: &str = "0.20.2";

/// What does not depend on what was published since: advisories do.
const CHECKS: &[&str] = &["check", "licenses", "bans", "sources"];

pub(crate) fn check() -> Result<(), Failure> {
    step("licences, duplicates and sources of dependencies");
    let installed =
        command("cargo-deny", &["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if installed.is_ok_and(|status| status.success()) {
        return run(command("cargo-deny", CHECKS));
    }
    let folder = target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        let folder = folder.to_string_lossy();
        // Built without optimisation, which takes longer than all that it does.
        let which = ["install", "--quiet", "cargo-deny", "--version", VERSION, "--locked", "--debug"];
        cargo(&[&which[..], &["--no-default-features", "--root", &folder]].concat())?;
    }
    run(command(program, CHECKS))
}

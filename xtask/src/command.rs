//! Running programs.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a task stopped, as a sentence.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Says what comes next.
pub(crate) fn step(what: &str) {
    println!("\n== {what}");
}

/// A command in the repository's folder.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs it to success.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{command:?} ended with {status}"))),
        Err(error) => {
            Err(Failure::new(format!("{command:?} could not be started ({error}); is it installed?")))
        }
    }
}

/// Runs cargo to success.
pub(crate) fn cargo(arguments: &[&str]) -> Result<(), Failure> {
    run(command(env!("CARGO"), arguments))
}

/// What a program prints.
pub(crate) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut command = command(program, arguments);
    match command.output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(Failure::new(format!("{command:?} ended with {}", output.status))),
        Err(error) => Err(Failure::new(format!("{command:?} could not be started ({error})"))),
    }
}

/// Builds a program of this repository as it is shipped.
pub(crate) fn release_program(name: &str) -> Result<PathBuf, Failure> {
    cargo(&["build", "--quiet", "--release", "--package", name])?;
    Ok(target().join("release").join(name))
}

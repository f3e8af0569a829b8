//! What people install: a Debian package, and a tarball of the same files for everybody else.
//!
//! The same commit, program and tools give the same bytes: every time is that of the last commit (`SOURCE_DATE_EPOCH`).

mod archive;
mod control;
mod copyright;
mod project;
mod tree;

use crate::command::{self, Failure};
use crate::packages;
use clap::Args;
use project::Project;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to make.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Version of the package [default: the workspace's]
    #[arg(long, value_name = "VERSION", value_parser = project::version)]
    version: Option<String>,
    /// Program to package [default: a release build]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Folder for what is made [default: dist in the build folder]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Makes both archives and prints their paths.
pub(crate) fn run(options: Options) -> Result<(), Failure> {
    packages::install(packages::DIST)?;
    let project = Project::read(options.version)?;
    let program = if let Some(program) = options.program {
        program
    } else {
        progress("release build");
        command::release_program("auditns")?
    };
    let output = options.output.unwrap_or_else(|| command::target().join("dist"));
    fs::create_dir_all(&output).map_err(|error| unusable(&output, &error))?;
    let output = output.canonicalize().map_err(|error| unusable(&output, &error))?;
    let staged = output.join("tree");
    progress("the tree of files");
    tree::stage(&project, &program, &staged)?;
    progress("what the package needs");
    let control = control::Control::of(&project, &staged)?;
    for made in
        [archive::tarball(&project, &staged, &output)?, archive::deb(&project, &control, &staged, &output)?]
    {
        println!("{}", made.display());
    }
    Ok(())
}

/// Says what comes next. Standard output is for the paths of what was made.
fn progress(what: &str) {
    eprintln!("== {what}");
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "{} cannot be made or used ({error}); check its parent's owner and mode",
        path.display()
    ))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(format!("{} cannot be read ({error})", path.display())))
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(path, bytes)
        .map_err(|error| Failure::new(format!("{} cannot be written ({error})", path.display())))
}

/// Runs a program to success with nothing on standard output.
fn tool(
    program: impl AsRef<OsStr>,
    arguments: &[&OsStr],
    folder: &Path,
    project: &Project,
) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command.env("SOURCE_DATE_EPOCH", project.epoch.to_string()).env("LC_ALL", "C").env("TZ", "UTC");
    command.stdout(std::io::stderr());
    command::run(command)
}

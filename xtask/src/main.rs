//! `cargo xtask`: everything that is done with this repository, each as one command.

mod bench;
mod command;
mod demo;
mod packages;
mod test;

use clap::{Parser, Subcommand};
use command::{Failure, step};
use std::process::ExitCode;

/// Everything that is done with this repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Task {
    /// Show what auditns does, beside what the same commands do without it (root; installs auditd if missing)
    Demo,
    /// Install what tests need and run everything (root)
    Test,
    /// Format check, lints and unit tests
    Unit,
    /// The kernel and a namespace, asked the same things
    Conformance,
    /// Real programs in a Debian root file system
    E2e,
    /// What audit sockets cost, in ratio to the kernel's own (root)
    Bench(bench::Options),
    /// Short fuzzing of every decoder (needs cargo-fuzz)
    Fuzz,
    /// Licences and sources of all dependencies (needs cargo-deny)
    Deny,
    /// Write man page and completions to target/dist
    Dist,
}

fn main() -> ExitCode {
    let result = match Xtask::parse().task {
        Task::Demo => demo::run(),
        Task::Test => test::all(),
        Task::Unit => test::unit(),
        Task::Conformance => test::conformance(),
        Task::E2e => test::end_to_end(),
        Task::Bench(options) => bench::run(options),
        Task::Fuzz => test::fuzz(),
        Task::Deny => test::deny(),
        Task::Dist => dist(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dist() -> Result<(), Failure> {
    let program = test::release_build()?;
    let folder = command::root().join("target/dist");
    let made = |error| Failure::new(format!("{} cannot be made ({error})", folder.display()));
    std::fs::create_dir_all(&folder).map_err(made)?;
    step("man page and completions");
    for (arguments, file) in [
        (&["man"][..], "auditns.8"),
        (&["completions", "bash"][..], "auditns.bash"),
        (&["completions", "zsh"][..], "_auditns"),
        (&["completions", "fish"][..], "auditns.fish"),
    ] {
        let text = command::output(&program, arguments)?;
        std::fs::write(folder.join(file), text).map_err(made)?;
    }
    println!("{}", folder.display());
    Ok(())
}

//! `auditns`: audit namespaces for Linux containers, on stock kernels.

mod commands;
mod line_writer;
mod options;
mod terminal;

use clap::Parser;
use options::{Auditns, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Auditns::parse().command {
        Command::Run(run) => commands::run::run(&run),
        Command::Probe(probe) => commands::probe::run(&probe),
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Man => commands::man::run(),
    }
}

//! A supervisor that serves for a long time.

use crate::command::{Failure, command, run as run_command, step};
use crate::test::{END_TO_END, release_build};
use clap::Args;

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Options {
    /// For how many minutes
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
}

pub(crate) fn run(Options { minutes }: Options) -> Result<(), Failure> {
    let program = release_build()?;
    step(&format!("{minutes} min of a supervisor that serves"));
    let minutes = minutes.to_string();
    let words = ["run", "--quiet", "--package", END_TO_END, "--bin", "soak", "--", "--minutes", &minutes];
    let mut soak = command(env!("CARGO"), &words);
    soak.env("AUDITNS_BIN", program);
    run_command(soak)
}

/// What `cargo xtask test` runs.
pub(crate) fn check() -> Result<(), Failure> {
    run(Options { minutes: 1 })
}

//! The simulator, which is quick only when it is optimised.

use crate::command::{Failure, cargo, step};
use clap::Args;

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How many histories to play; 10000 take some 20 seconds
    #[arg(long, default_value_t = SEEDS)]
    seeds: u64,
    /// The seed of the first history. A failure names its seed: `--seeds 1 --first SEED` plays it again
    #[arg(long, default_value_t = 0)]
    first: u64,
}

/// Histories, if nothing is said.
const SEEDS: u64 = 10_000;

pub(crate) fn run(Options { seeds, first }: Options) -> Result<(), Failure> {
    step(&format!("{seeds} histories of audit namespaces"));
    let (seeds, first) = (seeds.to_string(), first.to_string());
    let program = ["run", "--quiet", "--profile", "simulation", "--package", "auditns-sim", "--"];
    cargo(&[&program[..], &["--seeds", &seeds, "--first", &first]].concat())
}

/// What `cargo xtask test` runs.
pub(crate) fn check() -> Result<(), Failure> {
    run(Options { seeds: SEEDS, first: 0 })
}

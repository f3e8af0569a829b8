//! Fuzzing: decoders with libFuzzer, and a namespace beside the kernel.

use crate::command::{self, Failure, command, release_program, run, step};
use clap::Args;
use std::process::Command;

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Random sequences of requests to the kernel and to a namespace, instead (root)
    #[arg(long)]
    kernel: bool,
    /// How many sequences to play; one takes some three seconds
    #[arg(long, default_value_t = 100, requires = "kernel")]
    seeds: u64,
    /// The seed of the first sequence. A failure names its seed: `--seeds 1 --first SEED` plays it again
    #[arg(long, default_value_t = 1, requires = "kernel")]
    first: u64,
}

/// Seconds of fuzzing a target.
const SECONDS: u32 = 20;

pub(crate) fn fuzz(options: Options) -> Result<(), Failure> {
    if options.kernel { beside_the_kernel(options) } else { decoders() }
}

fn decoders() -> Result<(), Failure> {
    let list = cargo_fuzz(&["list"]).output();
    let list = list.map_err(|error| Failure::new(format!("cargo fuzz: {error}")))?;
    if !list.status.success() {
        return Err(Failure::new("cargo fuzz is not here; get it with: cargo install cargo-fuzz"));
    }
    for name in String::from_utf8_lossy(&list.stdout).lines() {
        step(&format!("fuzzing {name} for {SECONDS} s"));
        // What is found goes to the first folder; seeds are only read.
        let (found, seeds) = (format!("corpus/{name}"), format!("seeds/{name}"));
        let folder = command::root().join("fuzz").join(&found);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())))?;
        run(cargo_fuzz(&["run", name, &found, &seeds, "--", &format!("-max_total_time={SECONDS}")]))?;
    }
    Ok(())
}

fn cargo_fuzz(arguments: &[&str]) -> Command {
    let mut fuzz = command(env!("CARGO"), &["fuzz"]);
    // Sanitizer flags of the compiler are unstable; the code under test is not.
    fuzz.args(arguments).current_dir(command::root().join("fuzz")).env("RUSTC_BOOTSTRAP", "1");
    fuzz
}

fn beside_the_kernel(Options { seeds, first, .. }: Options) -> Result<(), Failure> {
    let (auditns, player) = (release_program("auditns")?, release_program("auditns-conformance")?);
    step(&format!("{seeds} sequences of requests, to the kernel and to a namespace"));
    let folder = command::target().join("differential");
    let mut play = command(player, &["differential", "--seeds", &seeds.to_string()]);
    play.args(["--first", &first.to_string(), "--auditns"]).arg(auditns).arg("--folder").arg(folder);
    run(play)
}

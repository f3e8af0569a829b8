//! The `auditns-sim` program.

use auditns_sim::{Tally, families, run};
use clap::Parser;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What `cargo xtask sim` runs: random histories of audit namespaces, until one fails
#[derive(Debug, Parser)]
#[command(name = "auditns-sim")]
struct Options {
    /// How many histories
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The seed of the first
    #[arg(long, default_value_t = 0)]
    first: u64,
}

/// How often long work says where it is.
const PROGRESS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let Options { seeds, first } = Options::parse();
    // A panic of a namespace is caught and told as a failure, and shrinking meets it again and again.
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let (mut sum, mut told) = (Tally::default(), started);
    let mut of_families = families::Count::default();
    for done in 0..seeds {
        match families::run(first.wrapping_add(done)) {
            Ok(count) => of_families.add(&count),
            Err(failure) => {
                print!("{failure}");
                return ExitCode::FAILURE;
            }
        }
        match run(first.wrapping_add(done)) {
            Ok(tally) => sum.add(&tally),
            Err(failure) => {
                print!("{failure}");
                return ExitCode::FAILURE;
            }
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            eprintln!("{} of {seeds} seeds, {} events", done + 1, sum.events());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{seeds} seeds from {first}: {sum}");
    println!("families: {of_families:?}");
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = sum.events() as f64 / seconds / 1000.0;
    println!("{seconds:.1} s, {rate:.0} thousand events a second");
    ExitCode::SUCCESS
}

//! The `auditns-bench` program.

use auditns_bench::host::{self, Audit};
use auditns_bench::measure;
use clap::{Parser, Subcommand};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures what audit clients wait for; `cargo xtask bench` runs it
#[derive(Debug, Parser)]
#[command(name = "auditns-bench")]
struct Bench {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Print, as JSON, what calls on an audit socket and on another one take here
    Measure {
        /// Messages in a batch
        #[arg(long, default_value_t = 200)]
        count: u32,
    },
    /// Keep the kernel's audit in a state until standard input ends, then restore it (root)
    Host {
        /// Write the records to this file, as an audit daemon does; without it auditing is off
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Bench::parse().task {
        Task::Measure { count } => measure::run(count).and_then(|report| {
            serde_json::to_writer(io::stdout(), &report)?;
            writeln!(io::stdout())
        }),
        Task::Host { log } => {
            let audit = log.map_or(Audit::Off, Audit::Written);
            host::hold(&audit, io::stdin(), || writeln!(io::stdout(), "ready"))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("auditns-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

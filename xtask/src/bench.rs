//! What audit sockets cost: `auditns-bench` on the kernel and in audit namespaces, in turns.

mod summary;
mod way;

use crate::command::{Failure, release_program, root, step};
use auditns_bench::report::Report;
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use summary::Summary;
use way::{Setting, WAYS, Way};

/// How to measure.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Rounds; in each everything is measured once, beginning with another way each time
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Messages in a batch, of 21 in each measurement
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Let everything run on this processor alone
    #[arg(long, value_name = "NUMBER")]
    cpu: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The share of processor time that others may take, and how long it is looked at.
const QUIET: f64 = 0.05;
const LOOK: Duration = Duration::from_secs(1);

/// What was measured in a round.
type Round = BTreeMap<Way, Report>;

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let setting = build(options)?;
    let busy = busy();
    let summary = measure(&setting, options.rounds)?;
    if options.json {
        let text = serde_json::to_string_pretty(&summary);
        println!("{}", text.map_err(|error| Failure::new(error.to_string()))?);
    } else {
        print!("{summary}");
    }
    if let Some(busy) = busy.filter(|busy| *busy > QUIET) {
        let percent = busy * 100.0;
        eprintln!("xtask: others took {percent:.0} % of the processors before; measure on a quiet machine");
    }
    Ok(())
}

/// Sees that everything can be measured. How long anything takes is not looked at.
pub(crate) fn check() -> Result<(), Failure> {
    step("what audit sockets cost can be measured");
    let setting = build(Options { rounds: 1, count: 1, cpu: None, json: false })?;
    measure(&setting, 1).map(|summary| drop(summary.to_string()))
}

fn build(options: Options) -> Result<Setting, Failure> {
    Ok(Setting {
        auditns: release_program("auditns")?,
        bench: release_program("auditns-bench")?,
        folder: root().join("target/bench"),
        count: options.count,
        cpu: options.cpu,
    })
}

fn measure(setting: &Setting, rounds: u32) -> Result<Summary, Failure> {
    let rounds = (0..rounds).map(|number| round(number, setting)).collect::<Result<Vec<_>, _>>()?;
    Ok(Summary::of(&rounds))
}

fn round(number: u32, setting: &Setting) -> Result<Round, Failure> {
    let first = number as usize % WAYS.len();
    let turns = WAYS[first..].iter().chain(&WAYS[..first]);
    turns.map(|way| Ok((*way, way.measure(setting)?))).collect()
}

/// The share of all processors' time that is in use while we do nothing.
fn busy() -> Option<f64> {
    let (idle, all) = processor_time()?;
    std::thread::sleep(LOOK);
    let (idle_then, all_then) = processor_time()?;
    Some(1.0 - (idle_then - idle) / (all_then - all))
}

/// Idle and all, since boot: the words after `cpu` are user, nice, system, idle, waiting for a disk, ...
fn processor_time() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let words = text.lines().next()?.split_ascii_whitespace().skip(1);
    let times: Vec<f64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    Some((times.get(3)? + times.get(4)?, times.iter().sum()))
}

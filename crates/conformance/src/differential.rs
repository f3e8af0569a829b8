//! Random sequences on both sides: the kernel says what is right, and of a difference only the steps that it needs are left.

use crate::compare::{self, Difference};
use crate::files;
use crate::random::{steps, trace};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Steps of a sequence, if nothing is said.
pub(crate) const STEPS: usize = 60;

/// Where timing plays a part a play may come out differently on a busy machine, natively too. A difference counts if
/// no round is without one.
const ROUNDS: u32 = 3;
/// The same for each attempt to leave steps out, of which there are many.
const ROUNDS_SHRINKING: u32 = 2;
/// Sequences that are played in a row: whoever else wants the kernel waits meanwhile, but we wait once for them all.
const TOGETHER: u64 = 10;

/// The two sides that are compared.
pub(crate) struct Sides {
    /// This program.
    own: PathBuf,
    /// The program that makes namespaces.
    auditns: String,
    /// For transcripts and logs.
    folder: PathBuf,
}

impl Sides {
    pub(crate) fn new(auditns: String, folder: String) -> Result<Sides, String> {
        let own = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
        std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make the folder {folder}: {e}"))?;
        Ok(Sides { own, auditns, folder: folder.into() })
    }

    /// Plays on both sides and compares. A play that ends early, as on a busy machine, is made again.
    fn play(&self, arguments: &[String], seed: u64) -> Result<Vec<Difference>, String> {
        let mut last = self.play_once(arguments, seed);
        for _ in 1..ROUNDS {
            if last.is_ok() {
                break;
            }
            last = self.play_once(arguments, seed);
        }
        last
    }

    fn play_once(&self, arguments: &[String], seed: u64) -> Result<Vec<Difference>, String> {
        let file = |side: &str| self.folder.join(format!("seed-{seed}.{side}.jsonl"));
        let (native, inside) = (file("native"), file("namespace"));
        let mut command = Command::new(&self.own);
        succeed(command.args(arguments).arg(&native))?;
        let mut command = Command::new(&self.auditns);
        command.arg("run").arg("--log-dir").arg(self.folder.join("log"));
        // The referee looks at addresses and control messages, as no libaudit client does.
        command.args(["--strict-client", "auditns-conformance", "--"]).arg(&self.own);
        succeed(command.args(arguments).arg(&inside))?;
        let load = |path: PathBuf| files::load(&path.to_string_lossy());
        Ok(compare::cases(&load(native)?, &load(inside)?))
    }

    /// The differences of the last of some rounds, none if one round has none.
    fn differences(
        &self,
        seed: u64,
        steps: usize,
        drop: &BTreeSet<usize>,
        rounds: u32,
    ) -> Result<Vec<Difference>, String> {
        let mut found = Vec::new();
        for _ in 0..rounds {
            found = self.play(&one(seed, steps, drop), seed)?;
            if found.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}

/// The arguments of a play of one sequence; the name of the transcript comes after them.
fn one(seed: u64, steps: usize, drop: &BTreeSet<usize>) -> Vec<String> {
    let mut line = format!("random --seed {seed} --steps {steps}");
    if !drop.is_empty() {
        line.push_str(" --drop ");
        line.push_str(&steps::show(drop));
    }
    line.push_str(" --out");
    line.split(' ').map(str::to_owned).collect()
}

/// The same of several sequences.
fn several(first: u64, seeds: u64, steps: usize) -> Vec<String> {
    let line = format!("random --seed {first} --seeds {seeds} --steps {steps} --out");
    line.split(' ').map(str::to_owned).collect()
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("cannot run {command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}: {}", output.status, said.trim_end()))
}

/// Plays `seeds` sequences from `first` on. Returns whether none shows a difference.
pub(crate) fn run(sides: &Sides, first: u64, seeds: u64, steps: usize) -> Result<bool, String> {
    let mut different = Vec::new();
    let mut played = 0;
    while played < seeds {
        let (from, count) = (first.saturating_add(played), TOGETHER.min(seeds - played));
        let found = sides.play(&several(from, count, steps), from)?;
        played += count;
        let suspects = (from..from + count)
            .filter(|seed| found.iter().any(|difference| difference.case == format!("random.{seed}")));
        for seed in suspects {
            if sides.differences(seed, steps, &BTreeSet::new(), ROUNDS)?.is_empty() {
                continue;
            }
            println!("seed {seed}: DIFFERENT, looking for what it needs");
            report(sides, seed, steps)?;
            different.push(seed.to_string());
        }
        println!(
            "seeds {from} to {}: {played} of {seeds} played, {} different",
            from + count - 1,
            different.len()
        );
    }
    if !different.is_empty() {
        println!("seeds that show differences: {}", different.join(", "));
    }
    Ok(different.is_empty())
}

/// Prints the fewest steps on which the sides still differ.
fn report(sides: &Sides, seed: u64, steps: usize) -> Result<(), String> {
    let differs = |drop: &BTreeSet<usize>| {
        sides.differences(seed, steps, drop, ROUNDS_SHRINKING).map(|found| !found.is_empty())
    };
    let drop = steps::needless(steps, differs)?;
    println!("--seed {seed} --steps {steps} --drop {}", steps::show(&drop));
    print!("{}", trace::show(seed, steps, &drop));
    let found = sides.differences(seed, steps, &drop, ROUNDS)?;
    if found.is_empty() {
        println!("  once more, these steps show no difference: timing plays a part");
    }
    for Difference { step, note, text, .. } in found {
        println!("  {step}: {note}: {text}");
    }
    Ok(())
}

/// Finds a small set of steps on which two commands still differ; the result is what to leave out.
pub(crate) fn minimise(seed: u64, steps: usize, want: &str, have: &str) -> Result<String, String> {
    let dir = std::env::temp_dir();
    let file = |side: &str| dir.join(format!("conformance-{}-{side}.jsonl", std::process::id()));
    let differs = |drop: &BTreeSet<usize>| -> Result<bool, String> {
        let args = format!("--seed {seed} --steps {steps} --drop {}", steps::show(drop));
        let args = if drop.is_empty() { args.replace(" --drop ", "") } else { args };
        let mut files = Vec::new();
        for (side, command) in [("want", want), ("have", have)] {
            let out = file(side).to_string_lossy().into_owned();
            let line = command.replace("ARGS", &args).replace("FILE", &out);
            let done = Command::new("sh").args(["-c", &line]).status();
            if !done.map_err(|e| format!("cannot run {line}: {e}"))?.success() {
                return Err(format!("{line} failed"));
            }
            files.push(out);
        }
        files::differ(&files[0], &files[1])
    };
    if !differs(&BTreeSet::new())? {
        return Err(format!("seed {seed} with {steps} steps shows no difference"));
    }
    steps::needless(steps, differs).map(|drop| steps::show(&drop))
}

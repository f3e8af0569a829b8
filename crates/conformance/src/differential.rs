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

    /// Plays on both sides and compares.
    fn play(&self, seed: u64, steps: usize, drop: &BTreeSet<usize>) -> Result<Vec<Difference>, String> {
        let file = |side: &str| self.folder.join(format!("seed-{seed}.{side}.jsonl"));
        let (native, inside) = (file("native"), file("namespace"));
        let mut command = Command::new(&self.own);
        succeed(random(&mut command, seed, steps, drop).arg(&native))?;
        let mut command = Command::new(&self.auditns);
        command.arg("run").arg("--log-dir").arg(self.folder.join("log"));
        // The referee looks at addresses and control messages, as no libaudit client does.
        command.args(["--strict-client", "auditns-conformance", "--"]).arg(&self.own);
        succeed(random(&mut command, seed, steps, drop).arg(&inside))?;
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
            found = self.play(seed, steps, drop)?;
            if found.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}

/// The arguments of a play; the name of the transcript comes last.
fn random<'c>(command: &'c mut Command, seed: u64, steps: usize, drop: &BTreeSet<usize>) -> &'c mut Command {
    command.args(["random", "--seed", &seed.to_string(), "--steps", &steps.to_string()]);
    if !drop.is_empty() {
        command.args(["--drop", &steps::show(drop)]);
    }
    command.arg("--out")
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
    for (played, seed) in (first..).take(usize::try_from(seeds).unwrap_or(usize::MAX)).enumerate() {
        let found = sides.differences(seed, steps, &BTreeSet::new(), ROUNDS)?;
        if found.is_empty() {
            println!("seed {seed}: no difference ({} of {seeds})", played + 1);
            continue;
        }
        println!("seed {seed}: DIFFERENT ({} of {seeds}), looking for what it needs", played + 1);
        report(sides, seed, steps)?;
        different.push(seed.to_string());
    }
    if !different.is_empty() {
        println!("{} of {seeds} seeds show differences: {}", different.len(), different.join(", "));
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

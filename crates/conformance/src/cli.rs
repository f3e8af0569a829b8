//! The command line.

use crate::random::{self, steps};
use crate::{cases, compare, differential, expected, files, guard, play};
use std::process::ExitCode;

const USAGE: &str = "\
usage: auditns-conformance COMMAND
  list                                     the cases
  play --out FILE [--case PATTERN]... [--guide FILE | --blind] [--no-restore]
                                           plays the cases against whatever audit subsystem answers
  random --seed N --steps K --out FILE [--seeds N | --drop A,B-C] [--no-restore]
                                           plays a random sequence, or more; --drop leaves steps out
  normalise RAW OUT                        makes a transcript comparable
  compare WANT HAVE [-v] [--expected-differences FILE]
                                           exit code 1 on a difference that is not in the list, or an entry that is
                                           not needed
  differential --auditns PROGRAM --folder FOLDER --seeds N [--first N] [--steps K]
                                           plays random sequences against the kernel and in a namespace; what a
                                           difference needs is printed
  minimise --seed N --steps K --want COMMAND --have COMMAND
                                           the shortest random sequence on which two commands still differ; FILE and
                                           ARGS in a command become the transcript and the arguments of `random`";

/// Runs the program; the exit code is 0, 1 for differences and failures, 2 for a command line it does not understand.
pub fn main(args: &[String]) -> ExitCode {
    let mut args = Arguments { list: args.to_vec() };
    let Some(command) = args.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match command.as_str() {
        "list" => args.end().map(|()| list()),
        "play" => play_command(args),
        "random" => random_command(args),
        "differential" => differential_command(args),
        "minimise" => minimise_command(args),
        "normalise" => normalise_command(&mut args),
        "compare" => compare_command(args),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(Failure::Usage(format!("{other} is not a command"))),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure::Run(e)) => {
            eprintln!("auditns-conformance: {e}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(e)) => {
            eprintln!("auditns-conformance: {e}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

enum Failure {
    Usage(String),
    Run(String),
}

impl From<String> for Failure {
    fn from(e: String) -> Self {
        Self::Run(e)
    }
}

struct Arguments {
    list: Vec<String>,
}

impl Arguments {
    fn next(&mut self) -> Option<String> {
        (!self.list.is_empty()).then(|| self.list.remove(0))
    }

    fn flag(&mut self, name: &str) -> bool {
        let at = self.list.iter().position(|a| a == name);
        at.map(|i| self.list.remove(i)).is_some()
    }

    fn value(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let Some(at) = self.list.iter().position(|a| a == name) else { return Ok(None) };
        self.list.remove(at);
        if at < self.list.len() {
            Ok(Some(self.list.remove(at)))
        } else {
            Err(Failure::Usage(format!("{name} needs a value")))
        }
    }

    fn required(&mut self, name: &str) -> Result<String, Failure> {
        self.value(name)?.ok_or_else(|| Failure::Usage(format!("{name} is missing")))
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        self.optional(name)?.ok_or_else(|| Failure::Usage(format!("{name} is missing")))
    }

    fn optional<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Failure::Usage(format!("{name} {text} is not a number")))
    }

    fn end(&self) -> Result<(), Failure> {
        match self.list.first() {
            Some(rest) => Err(Failure::Usage(format!("{rest} is not understood"))),
            None => Ok(()),
        }
    }
}

fn list() -> bool {
    for case in cases::all() {
        println!("{:28} {}", case.id, case.about);
    }
    true
}

fn play_command(mut args: Arguments) -> Result<bool, Failure> {
    let mut only = Vec::new();
    while let Some(pattern) = args.value("--case")? {
        only.push(pattern);
    }
    let options = play::Options {
        out: args.required("--out")?,
        only,
        guide: args.value("--guide")?,
        blind: args.flag("--blind"),
    };
    let restore = !args.flag("--no-restore");
    args.end()?;
    guard::guarded(restore, |surroundings| play::run(&options, surroundings))?;
    Ok(true)
}

fn random_command(mut args: Arguments) -> Result<bool, Failure> {
    let options = random::Options {
        seed: args.number("--seed")?,
        seeds: args.optional("--seeds")?.unwrap_or(1),
        steps: args.number("--steps")?,
        out: args.required("--out")?,
        drop: match args.value("--drop")? {
            Some(text) => steps::parse(&text).map_err(Failure::Usage)?,
            None => Vec::new(),
        },
    };
    let restore = !args.flag("--no-restore");
    args.end()?;
    guard::guarded(restore, |_| random::run(&options))?;
    Ok(true)
}

fn differential_command(mut args: Arguments) -> Result<bool, Failure> {
    let sides = differential::Sides::new(args.required("--auditns")?, args.required("--folder")?)?;
    let seeds = args.number("--seeds")?;
    let first = args.optional("--first")?.unwrap_or(1);
    let steps = args.optional("--steps")?.unwrap_or(differential::STEPS);
    args.end()?;
    Ok(differential::run(&sides, first, seeds, steps)?)
}

fn minimise_command(mut args: Arguments) -> Result<bool, Failure> {
    let (seed, steps) = (args.number("--seed")?, args.number("--steps")?);
    let (want, have) = (args.required("--want")?, args.required("--have")?);
    args.end()?;
    let drop = differential::minimise(seed, steps, &want, &have)?;
    println!("--seed {seed} --steps {steps} --drop {drop}");
    Ok(true)
}

fn normalise_command(args: &mut Arguments) -> Result<bool, Failure> {
    let (Some(raw), Some(out)) = (args.next(), args.next()) else {
        return Err(Failure::Usage("normalise needs two files".into()));
    };
    args.end()?;
    files::save(&out, &files::load(&raw)?)?;
    Ok(true)
}

fn compare_command(mut args: Arguments) -> Result<bool, Failure> {
    let verbose = args.flag("-v");
    let entries = match args.value("--expected-differences")? {
        Some(path) => expected::load(&path)?,
        None => Vec::new(),
    };
    let (Some(want), Some(have)) = (args.next(), args.next()) else {
        return Err(Failure::Usage("compare needs two files".into()));
    };
    args.end()?;
    let (mut want, have) = (files::load(&want)?, files::load(&have)?);
    // What the native side cannot show because its kernel holds nothing, the fixture of one that does says.
    if have.iter().any(|c| c.holds) && !want.iter().any(|c| c.holds) {
        want = files::prefer_audit1(want)?;
    }
    let differences = compare::cases(&want, &have);
    let played: Vec<&str> = have.iter().map(|c| c.case.as_str()).collect();
    let verdict = expected::judge(&differences, &entries, cases::is_whole(&played));
    for d in &verdict.unexpected {
        println!("{}: {}: {}: {}", d.case, d.step, d.note, d.text);
    }
    if verbose {
        for d in differences.iter().filter(|d| !verdict.unexpected.contains(d)) {
            println!("known: {}: {}: {}: {}", d.case, d.step, d.note, d.text);
        }
    }
    for e in &verdict.needless {
        println!("not needed any more: {} {} {} ({})", e.case, e.step, e.text, e.reason);
    }
    println!(
        "{} cases compared, {} differences not in the list, {} known, {} entries not needed",
        played.len(),
        verdict.unexpected.len(),
        verdict.covered,
        verdict.needless.len()
    );
    Ok(verdict.unexpected.is_empty() && verdict.needless.is_empty())
}

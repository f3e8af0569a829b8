//! What audit costs, natively and in audit namespaces, measured in turns.

mod cases;
mod goals;
mod log;
mod markdown;
mod native;
mod outcome;
mod plot;
mod process;
mod quiet;
mod round;
mod supervised;
mod table;
mod world;

use crate::command::{self, Failure, release_program, run as run_command, step};
use crate::packages::{self, Package};
use cases::{CASES, Case};
use clap::Args;
use outcome::{CaseOutcome, Outcome};
use quiet::Patience;
use round::Rounds;
use std::fs;
use std::path::{Path, PathBuf};

/// What is measured against, and what builds its clients.
const PACKAGES: &[Package] =
    &[("auditd", "/usr/sbin/auditd"), ("gcc", "/usr/bin/gcc"), ("libc6-dev", "/usr/include/stdio.h")];

/// Rounds, if nothing is said.
const ROUNDS: u32 = 9;
const QUICK_ROUNDS: u32 = 2;

/// How to measure.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// Measure little, within 90 seconds: whether everything works, not what it costs
    #[arg(long)]
    quick: bool,
    /// Rounds; in each everything is measured once, beginning with another way each time [default: 9, 2 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Only this case. May be given several times
    #[arg(long = "case", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(CASES.iter().map(|case| case.name)))]
    cases: Vec<String>,
    /// Write everything into this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write tables into this file, for the documentation
    #[arg(long, value_name = "FILE.md")]
    markdown: Option<PathBuf>,
    /// Draw ratios into this file
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Measure this program instead of a release build of the repository
    #[arg(long, value_name = "PROGRAM")]
    auditns: Option<PathBuf>,
}

/// What is run, and how much.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) auditns: PathBuf,
    pub(crate) bench: PathBuf,
    /// A client with the real libaudit.
    pub(crate) libaudit: PathBuf,
    /// A process that does nothing.
    pub(crate) pause: PathBuf,
    /// Where programs are built.
    pub(crate) outputs: PathBuf,
    pub(crate) quick: bool,
}

impl Setting {
    /// A number of operations: the first for figures, the other where only function counts.
    pub(crate) fn count(&self, full: u32, quick: u32) -> u32 {
        if self.quick { quick } else { full }
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let setting = build(options)?;
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|case| {
            let named = options.cases.iter().any(|name| name == case.name);
            named || options.cases.is_empty() && (case.is_quick || !setting.quick)
        })
        .collect();
    step("measuring");
    let rounds = options.rounds.unwrap_or(if setting.quick { QUICK_ROUNDS } else { ROUNDS });
    let cases = chosen.into_iter().map(|case| measure(case, &setting, rounds)).collect();
    let outcome = Outcome { kernel: kernel(), processors: processors(), cases };
    println!("{outcome}");
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&outcome).map_err(|error| Failure::new(error.to_string()))?;
        write(path, &(text + "\n"))?;
    }
    if let Some(path) = &options.markdown {
        write(path, &markdown::page(&outcome, &machine()))?;
    }
    if let Some(path) = &options.plot {
        write(path, &plot::svg(&outcome))?;
    }
    let failed: Vec<&str> =
        outcome.cases.iter().filter(|case| case.failed.is_some()).map(|case| case.name).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("these cases could not be measured: {}", failed.join(", "))))
    }
}

/// Sees that everything can be measured and nothing is lost. How long anything takes is not looked at.
pub(crate) fn check() -> Result<(), Failure> {
    step("what audit costs can be measured");
    run(&Options { quick: true, ..Options::default() })
}

fn measure(case: &Case, setting: &Setting, rounds: u32) -> CaseOutcome {
    let busy = quiet::wait(if setting.quick { Patience::NONE } else { Patience::LONG });
    eprintln!("{}", case.name);
    let mut rounds = Rounds::new(rounds);
    let failed = (case.measure)(setting, &mut rounds).err().map(|failure| failure.to_string());
    let rows = match failed {
        // What was measured before is not what was asked for.
        Some(_) => Vec::new(),
        None => outcome::rows(case.name, case.compared, &rounds),
    };
    CaseOutcome {
        name: case.name,
        about: case.about,
        failed,
        busy,
        rounds: rounds.done.len(),
        remarks: rounds.remarks,
        rows,
    }
}

fn build(options: &Options) -> Result<Setting, Failure> {
    packages::install(PACKAGES)?;
    step("release build");
    let outputs = command::target().join("bench");
    fs::create_dir_all(&outputs)
        .map_err(|error| Failure::new(format!("{} cannot be made ({error})", outputs.display())))?;
    let clients = command::root().join("crates/bench/clients");
    let compile = |name: &str, flags: &[&str]| {
        let program = outputs.join(name);
        let mut compiler = command::command("cc", &["-O2", "-Wall", "-Wextra", "-o"]);
        compiler.arg(&program).arg(clients.join(format!("{name}.c"))).args(flags);
        run_command(compiler).map(|()| program)
    };
    Ok(Setting {
        auditns: match &options.auditns {
            Some(program) => std::path::absolute(program).map_err(|error| Failure::new(error.to_string()))?,
            None => release_program("auditns")?,
        },
        bench: release_program("auditns-bench")?,
        libaudit: compile("libaudit", &["-l:libaudit.so.1"])?,
        pause: compile("pause", &["-static"])?,
        outputs,
        quick: options.quick,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written ({error})", path.display())))
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
}

/// What its processors are called.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches(['\t', ' ', ':']).to_owned()))
    };
    let virtual_one = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let kind = if virtual_one { "a virtual machine" } else { "a machine" };
    format!("{kind} ({})", field("model name").unwrap_or_else(|| "unknown processors".to_owned()))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

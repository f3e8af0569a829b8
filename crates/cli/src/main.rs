//! `auditns`: audit namespaces for Linux containers, on stock kernels.

mod commands;
mod line_writer;
mod options;
mod records;
mod since;
mod terminal;

use clap::Parser;
use options::{Auditns, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Container managers know a runtime by its path alone.
    if let Some(code) = commands::runtime::run_as_named(std::env::args_os()) {
        return code;
    }
    match Auditns::parse().command {
        Command::Run(run) => commands::run::run(&run),
        Command::Exec(exec) => commands::exec::run(&exec),
        Command::Runtime(runtime) => commands::runtime::run(&runtime),
        Command::Supervise(supervise) => commands::supervise::run(&supervise),
        Command::List(list) => commands::views::list(&list),
        Command::Show(show) => commands::views::show(&show),
        Command::Set(set) => commands::views::set(&set),
        Command::Logs(logs) => commands::logs::logs(&logs),
        Command::Events(events) => commands::logs::events(&events),
        Command::Top(top) => commands::top::run(&top),
        Command::Profile(profile) => commands::profile::run(&profile),
        Command::Probe(probe) => commands::probe::run(&probe),
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Membership { serve } => commands::membership::run(serve),
        Command::Man { dir } => commands::man::run(dir.as_deref()),
    }
}

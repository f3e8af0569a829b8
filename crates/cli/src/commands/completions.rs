//! `auditns completions`.

use crate::options::Auditns;
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

pub(crate) fn run(shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Auditns::command(), "auditns", &mut std::io::stdout());
    ExitCode::SUCCESS
}

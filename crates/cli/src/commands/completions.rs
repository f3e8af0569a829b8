//! `auditns completions`.

use crate::options::Auditns;
use crate::terminal::line;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) fn run(shell: Shell) -> ExitCode {
    // Not straight to stdout: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Auditns::command(), "auditns", &mut script);
    match io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            line(&format!("the script could not be written ({error}); check where stdout leads"));
            ExitCode::from(125)
        }
    }
}

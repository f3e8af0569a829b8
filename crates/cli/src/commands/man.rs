//! `auditns man`.

use crate::options::Auditns;
use crate::terminal::line;
use clap::CommandFactory;
use clap_mangen::Man;
use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    match write(&mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            line(&format!("the manual page could not be written ({error}); check where stdout leads"));
            ExitCode::from(125)
        }
    }
}

/// One page for all: the program, then each command.
fn write(out: &mut impl Write) -> io::Result<()> {
    let mut command = Auditns::command();
    command.build();
    Man::new(command.clone()).section("8").render(out)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let page = Man::new(sub.clone());
        writeln!(out, ".SH \"COMMAND {}\"", sub.get_name().to_uppercase())?;
        page.render_description_section(out)?;
        page.render_options_section(out)?;
        page.render_extra_section(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_names_every_command_and_flag() {
        let mut page = Vec::new();
        super::write(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace('\\', "");
        for word in
            ["auditns", "COMMAND RUN", "COMMAND PROBE", "--log-dir", "--loginuid", "--json", "Exit status"]
        {
            assert!(page.contains(word), "{word} is missing");
        }
    }
}

//! `auditns man`.

use crate::options::Auditns;
use crate::terminal::line;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The section of manual pages in which commands of administrators stand.
const SECTION: &str = "8";

pub(crate) fn run(folder: Option<&Path>) -> ExitCode {
    if let Some(folder) = folder {
        return match write_each(folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err((path, error)) => {
                line(&format!(
                    "the manual page {} could not be written ({error}); check its folder",
                    path.display()
                ));
                ExitCode::from(125)
            }
        };
    }
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

fn built() -> Command {
    let mut command = Auditns::command().disable_help_subcommand(true);
    command.build();
    command
}

/// The commands that are for people.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set())
}

/// One page for all: the program, then each command.
fn write(out: &mut impl Write) -> io::Result<()> {
    let command = built();
    Man::new(command.clone()).section(SECTION).render(out)?;
    for sub in shown(&command) {
        let page = Man::new(sub.clone());
        writeln!(out, ".SH \"COMMAND {}\"", sub.get_name().to_uppercase())?;
        page.render_description_section(out)?;
        page.render_options_section(out)?;
        page.render_extra_section(out)?;
    }
    Ok(())
}

/// A page for the program, and one for each command, which it names.
fn write_each(folder: &Path) -> Result<(), (PathBuf, io::Error)> {
    let command = built();
    for command in std::iter::once(&command).chain(shown(&command)) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.{SECTION}"));
        let written = File::create(&path).and_then(|file| {
            let mut file = BufWriter::new(file);
            Man::new(command.clone()).title(name).section(SECTION).render(&mut file)?;
            file.flush()
        });
        written.map_err(|error| (path, error))?;
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

    #[test]
    fn every_page_that_is_named_exists() {
        let folder = tempfile::tempdir().unwrap();
        super::write_each(folder.path()).unwrap();
        let page = std::fs::read_to_string(folder.path().join("auditns.8")).unwrap().replace('\\', "");
        let named: Vec<&str> = page.lines().filter_map(|line| line.strip_suffix("(8)")).collect();
        assert!(named.contains(&"auditns-run") && named.contains(&"auditns-supervise"), "{page}");
        for name in &named {
            let page = std::fs::read_to_string(folder.path().join(format!("{name}.8"))).unwrap();
            assert!(page.contains(&format!(".TH {name} 8")), "{page}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), named.len() + 1);
        let nowhere = folder.path().join("nowhere");
        assert_eq!(super::write_each(&nowhere).unwrap_err().0, nowhere.join("auditns.8"));
    }
}

//! Which records of a log are printed, and printing them.

use super::client::{Failure, exit_code};
use crate::options::LogOptions;
use crate::records::{Buffer, Form, LINE_MAX, Tail};
use crate::terminal::line;
use auditns_search::{Expression, Search};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Exit status when a search has found nothing, as grep and ausearch use it.
const NOTHING_FOUND: u8 = 1;
/// Exit status for wrong usage.
const USAGE: u8 = 2;
/// From this many bytes on, what was found is written.
const OUTPUT: usize = 1 << 16;

/// Prints what is searched for.
#[derive(Debug)]
pub(super) struct Printer {
    search: Search,
    form: Form,
    buffer: Buffer,
    output: Vec<u8>,
    has_found: bool,
}

/// Does something with a printer, and says how it went: 0; 1 if nothing was found of what `--search` asks for; 125.
pub(super) fn printing(
    options: &LogOptions,
    types: &[String],
    print: impl FnOnce(&mut Printer) -> Result<(), Failure>,
) -> ExitCode {
    let search = match search_of(options, types) {
        Ok(search) => search,
        Err(text) => {
            line(&text);
            return ExitCode::from(USAGE);
        }
    };
    let form = if options.json { Form::Json } else { Form::Text };
    let mut printer = Printer { search, form, buffer: Buffer::new(), output: Vec::new(), has_found: false };
    match print(&mut printer) {
        Ok(()) if !options.search.is_empty() && !printer.has_found => ExitCode::from(NOTHING_FOUND),
        result => exit_code(result),
    }
}

fn search_of(options: &LogOptions, types: &[String]) -> Result<Search, String> {
    let mut expressions = options.search.clone();
    if !types.is_empty() {
        let types: Result<Expression, _> = format!("type={}", types.join(",")).parse();
        expressions.push(types.map_err(|error| format!("--type: {error}"))?);
    }
    let (since, until) = (options.since.map(|time| time.0), options.until.map(|time| time.0));
    Search::new(expressions, since, until).map_err(|error| format!("--search: {error}"))
}

impl Printer {
    /// Prints what has come since the last time.
    pub(super) fn print_new(&mut self, tail: &mut Tail, path: &Path, name: &str) -> Result<(), Failure> {
        while let Some(text) = tail.next(&mut self.buffer).map_err(|error| unreadable(path, error))? {
            for line in self.search.lines_of(text) {
                self.has_found = true;
                self.form.write(line, name, &mut self.output);
                if self.output.len() >= OUTPUT {
                    write(&mut self.output)?;
                }
            }
            write(&mut self.output)?;
        }
        match tail.take_too_long() {
            0 => {}
            count => {
                let path = path.display();
                line(&format!("{count} lines of {path} are left out, they are longer than {LINE_MAX} bytes"));
            }
        }
        Ok(())
    }
}

pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    Failure::Read { path: path.display().to_string(), error }
}

fn write(output: &mut Vec<u8>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let result = stdout.write_all(output).and_then(|()| stdout.flush()).map_err(Failure::Write);
    output.clear();
    result
}

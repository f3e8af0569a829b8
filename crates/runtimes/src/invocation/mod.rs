//! Command lines of OCI runtimes.
//!
//! runc takes options as Go programs do: `-root` is `--root`, and options of `create`, `run` and `restore` may follow the
//! container. crun takes them as `getopt_long` does: short ones are joined, long ones shortened; youki joins them too.
//! Here the three are read at once. What they would read differently is left alone.

mod options;
mod scan;

use options::{CREATE, EXEC, GLOBAL, Known, RESTORE, RUN, START};
use scan::{Operands, Scanned, scan};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What a runtime is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Make a container and leave it waiting.
    Create,
    /// Make a container and start it.
    Run,
    /// Start a process in a container.
    Exec,
    /// Start a container that was made.
    Start,
    /// Bring a container back from a checkpoint.
    Restore,
    /// Anything else, and what is not understood.
    #[default]
    Other,
}

impl Verb {
    fn of(name: &OsStr) -> Option<Verb> {
        match name.to_str()? {
            "create" => Some(Verb::Create),
            "run" => Some(Verb::Run),
            "exec" => Some(Verb::Exec),
            "start" => Some(Verb::Start),
            "restore" => Some(Verb::Restore),
            _ => None,
        }
    }

    fn options(self) -> &'static [Known] {
        match self {
            Verb::Create => CREATE,
            Verb::Run => RUN,
            Verb::Exec => EXEC,
            Verb::Restore => RESTORE,
            Verb::Start | Verb::Other => START,
        }
    }

    /// What follows the container of `exec` is the command's.
    fn operands(self) -> Operands {
        if self == Verb::Exec { Operands::First } else { Operands::All }
    }
}

/// How lines of a runtime's log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object each.
    Json,
}

/// What a runtime is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// What to do. [`Verb::Other`] is to be passed on untouched.
    pub verb: Verb,
    /// The container's id. `None` if it is absent, empty or not UTF-8, or the verb is another one.
    pub container: Option<String>,
    /// Folder of the bundle, as it was given. `None` is the working directory.
    pub bundle: Option<PathBuf>,
    /// The configuration's file within the bundle, where it is another one than `config.json` (`--config` of crun).
    pub configuration: Option<PathBuf>,
    /// Folder where the runtime keeps its containers. `None` is the runtime's own.
    pub root: Option<PathBuf>,
    /// The file in which the runtime logs, if it logs in one.
    pub log: Option<PathBuf>,
    /// How it logs there.
    pub log_format: LogFormat,
    /// The argument that made the verb [`Verb::Other`] although it may be one of the others: an option that is not known,
    /// lacks its value or asks for help, or an argument too many. Not escaped.
    pub not_understood: Option<OsString>,
}

impl Invocation {
    /// Reads the arguments of a runtime, the program's own name left out.
    pub fn parse(arguments: &[OsString]) -> Invocation {
        let global = match scan(arguments, GLOBAL, Operands::First) {
            Ok(global) => global,
            Err(unclear) => return Invocation::default().unclear(unclear),
        };
        let begun = Invocation {
            root: global.root.map(PathBuf::from),
            log: global.log.and_then(log_file),
            log_format: match global.log_format {
                Some(format) if format == "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            ..Invocation::default()
        };
        let Some(verb) = global.operands.first().and_then(|name| Verb::of(name)) else { return begun };
        match scan(global.rest, verb.options(), verb.operands()) {
            Ok(scanned) => begun.with(verb, &scanned),
            Err(unclear) => begun.unclear(unclear),
        }
    }

    fn with(self, verb: Verb, scanned: &Scanned<'_>) -> Invocation {
        if let Some(surplus) = scanned.operands.get(1) {
            return self.unclear(surplus);
        }
        let container = scanned.operands.first().and_then(|id| id.to_str()).filter(|id| !id.is_empty());
        Invocation {
            verb,
            container: container.map(str::to_owned),
            bundle: scanned.bundle.map(PathBuf::from),
            configuration: scanned.configuration.map(PathBuf::from),
            ..self
        }
    }

    fn unclear(self, argument: &OsStr) -> Invocation {
        Invocation { not_understood: Some(argument.to_owned()), ..self }
    }
}

/// The file of a log; crun names other places as well.
fn log_file(log: &OsStr) -> Option<PathBuf> {
    let bytes = log.as_bytes();
    let elsewhere = [&b"journald:"[..], b"syslog:"].iter().any(|place| bytes.starts_with(place));
    let path = bytes.strip_prefix(b"file:").unwrap_or(bytes);
    (!elsewhere && !path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests;

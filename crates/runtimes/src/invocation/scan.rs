//! Telling options, their values and operands apart.

use super::options::{Known, Meaning};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Where options end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operands {
    /// At the first operand: what follows is somebody else's.
    First,
    /// Nowhere but at `--`.
    All,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Scanned<'a> {
    pub(super) bundle: Option<&'a OsStr>,
    pub(super) configuration: Option<&'a OsStr>,
    pub(super) root: Option<&'a OsStr>,
    pub(super) log: Option<&'a OsStr>,
    pub(super) log_format: Option<&'a OsStr>,
    pub(super) operands: Vec<&'a OsStr>,
    /// What follows the first operand where options end there.
    pub(super) rest: &'a [OsString],
}

impl<'a> Scanned<'a> {
    fn keep(&mut self, meaning: Meaning, value: &'a OsStr) {
        match meaning {
            Meaning::Bundle => self.bundle = Some(value),
            Meaning::Configuration => self.configuration = Some(value),
            Meaning::Root => self.root = Some(value),
            Meaning::Log => self.log = Some(value),
            Meaning::LogFormat => self.log_format = Some(value),
            Meaning::Flag | Meaning::Value | Meaning::JoinedValue | Meaning::Information => {}
        }
    }
}

/// The argument that is not understood is the error.
pub(super) fn scan<'a>(
    arguments: &'a [OsString],
    known: &[Known],
    operands: Operands,
) -> Result<Scanned<'a>, &'a OsStr> {
    let mut scanned = Scanned::default();
    let mut left = arguments;
    let mut options_ended = false;
    while let Some((argument, following)) = left.split_first() {
        left = following;
        let bytes = argument.as_bytes();
        if !options_ended && bytes == b"--" {
            options_ended = true;
        } else if !options_ended && bytes.len() > 1 && bytes.starts_with(b"-") {
            let taken = option(argument, known).ok_or(argument.as_os_str())?;
            match taken {
                Taken::Alone => {}
                Taken::Joined(meaning, value) => scanned.keep(meaning, value),
                Taken::Next(meaning) => {
                    let (value, following) = left.split_first().ok_or(argument.as_os_str())?;
                    scanned.keep(meaning, value);
                    left = following;
                }
            }
        } else {
            scanned.operands.push(argument);
            if operands == Operands::First {
                scanned.rest = left;
                break;
            }
        }
    }
    Ok(scanned)
}

/// What an option takes with it.
enum Taken<'a> {
    Alone,
    Joined(Meaning, &'a OsStr),
    Next(Meaning),
}

fn option<'a>(argument: &'a OsStr, known: &[Known]) -> Option<Taken<'a>> {
    let bytes = argument.as_bytes();
    if let Some(long) = bytes.strip_prefix(b"--") {
        let (name, value) = split_value(long);
        return take(exact(name, known).or_else(|| shortened(name, known))?, value);
    }
    let joined = bytes.strip_prefix(b"-")?;
    let (name, value) = split_value(joined);
    match exact(name, known) {
        Some(meaning) => take(meaning, value),
        None => cluster(joined, known),
    }
}

fn split_value(option: &[u8]) -> (&[u8], Option<&OsStr>) {
    let mut parts = option.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next().map(OsStr::from_bytes))
}

fn take(meaning: Meaning, value: Option<&OsStr>) -> Option<Taken<'_>> {
    match (meaning, value) {
        (Meaning::Information, _) => None,
        (Meaning::Flag | Meaning::JoinedValue, _) => Some(Taken::Alone),
        (_, Some(value)) => Some(Taken::Joined(meaning, value)),
        (_, None) => Some(Taken::Next(meaning)),
    }
}

fn exact(name: &[u8], known: &[Known]) -> Option<Meaning> {
    known.iter().find(|option| option.long.as_bytes() == name).map(|option| option.meaning)
}

/// Several options may begin alike, as long as it makes no difference here which of them is meant.
fn shortened(name: &[u8], known: &[Known]) -> Option<Meaning> {
    let mut meant =
        known.iter().filter(|option| !name.is_empty() && option.long.as_bytes().starts_with(name));
    let first = meant.next()?.meaning;
    meant.all(|option| option.meaning == first).then_some(first)
}

fn short(letter: u8, known: &[Known]) -> Option<Meaning> {
    known.iter().find(|option| option.short.contains(&letter)).map(|option| option.meaning)
}

/// Short options that are joined, the last one perhaps with its value.
fn cluster<'a>(letters: &'a [u8], known: &[Known]) -> Option<Taken<'a>> {
    let mut left = letters;
    while let Some((letter, following)) = left.split_first() {
        left = following;
        match short(*letter, known)? {
            Meaning::Information => return None,
            Meaning::Flag if following.starts_with(b"=") => return Some(Taken::Alone),
            Meaning::Flag => {}
            Meaning::JoinedValue => return (!ambiguous(following, known)).then_some(Taken::Alone),
            meaning if following.is_empty() => return Some(Taken::Next(meaning)),
            meaning => {
                let value = following.strip_prefix(b"=").unwrap_or(following);
                return Some(Taken::Joined(meaning, OsStr::from_bytes(value)));
            }
        }
    }
    Some(Taken::Alone)
}

/// Whether what is joined to an option is its value to one runtime, and to another one options that take values.
fn ambiguous(joined: &[u8], known: &[Known]) -> bool {
    let meanings: Option<Vec<Meaning>> = joined.iter().map(|letter| short(*letter, known)).collect();
    meanings.is_some_and(|all| all.iter().any(|meaning| *meaning != Meaning::Flag))
}

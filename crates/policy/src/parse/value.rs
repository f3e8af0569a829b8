//! Values, each with what may stand there.

use super::source::Source;
use crate::bounds::{LOG_FOLDER_BYTES, PATTERN_BYTES, STRICT_CLIENT_BYTES, STRICT_CLIENTS};
use crate::error::PolicyError;
use crate::pattern::Pattern;
use crate::size;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeValue;

/// The value of a key.
#[derive(Debug)]
pub(super) struct Value<'s> {
    pub(super) source: &'s Source<'s>,
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) written: &'s Spanned<DeValue<'s>>,
}

impl Value<'_> {
    pub(super) fn wrong(&self, expected: String) -> PolicyError {
        let span = self.written.span();
        PolicyError::Value {
            path: self.source.path.to_owned(),
            line: self.source.line(&span),
            section: self.section,
            key: self.key,
            value: self.source.excerpt(&span),
            expected,
        }
    }

    fn unsigned(&self) -> Option<u64> {
        let integer = self.written.get_ref().as_integer()?;
        u64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    fn text(&self) -> Option<&str> {
        self.written.get_ref().as_str()
    }

    /// A whole number.
    pub(super) fn number<T>(&self, range: RangeInclusive<T>) -> Result<T, PolicyError>
    where
        T: TryFrom<u64> + PartialOrd + Display,
    {
        let number = self.unsigned().and_then(|number| T::try_from(number).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.wrong(format!("a whole number from {} to {}", range.start(), range.end())))
    }

    /// A number of bytes, or a string of digits with a unit.
    pub(super) fn size<T>(&self, range: RangeInclusive<T>) -> Result<T, PolicyError>
    where
        T: TryFrom<u64> + TryInto<u64> + PartialOrd + Copy,
    {
        let bytes = self.unsigned().or_else(|| self.text().and_then(size::parse));
        let bytes = bytes.and_then(|bytes| T::try_from(bytes).ok()).filter(|bytes| range.contains(bytes));
        bytes.ok_or_else(|| {
            let [least, most] = [*range.start(), *range.end()]
                .map(|bound| bound.try_into().map_or_else(|_| String::new(), size::show));
            self.wrong(format!(
                "a size from \"{least}\" to \"{most}\", in bytes or with the suffix K, M or G"
            ))
        })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, PolicyError> {
        self.written.get_ref().as_bool().ok_or_else(|| self.wrong("true or false".to_owned()))
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, PolicyError> {
        let found = words.iter().find(|(word, _)| self.text() == Some(word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let quoted: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.wrong(quoted.join(" or "))
        })
    }

    /// An absolute path.
    pub(super) fn absolute_path(&self) -> Result<PathBuf, PolicyError> {
        let is_path = |text: &&str| {
            text.len() <= LOG_FOLDER_BYTES
                && Path::new(text).is_absolute()
                && !text.contains(char::is_control)
        };
        self.text().filter(is_path).map(PathBuf::from).ok_or_else(|| {
            self.wrong(format!(
                "a path that begins with /, without control characters, of at most {LOG_FOLDER_BYTES} bytes"
            ))
        })
    }

    /// A pattern with `*`.
    pub(super) fn pattern(&self) -> Result<Pattern, PolicyError> {
        let is_pattern =
            |text: &&str| (1..=PATTERN_BYTES).contains(&text.len()) && !text.contains(char::is_control);
        self.text().filter(is_pattern).map(Pattern::new).ok_or_else(|| {
            self.wrong(format!(
                "a string of 1 to {PATTERN_BYTES} bytes without control characters, in which * stands for anything"
            ))
        })
    }

    /// File names of programs.
    pub(super) fn programs(&self) -> Result<Vec<String>, PolicyError> {
        let programs = self.written.get_ref().as_array().filter(|items| items.len() <= STRICT_CLIENTS);
        let programs = programs.and_then(|items| {
            let names = items.iter().map(|item| item.get_ref().as_str().filter(|name| is_program(name)));
            names.map(|name| name.map(str::to_owned)).collect()
        });
        programs.ok_or_else(|| {
            self.wrong(format!(
                "an array of at most {STRICT_CLIENTS} file names of programs, without folder, each of at most \
                 {STRICT_CLIENT_BYTES} bytes and with * at the end or nowhere"
            ))
        })
    }
}

fn is_program(name: &str) -> bool {
    let stem = name.strip_suffix('*').unwrap_or(name);
    let is_bad = |character: char| character.is_control() || matches!(character, '/' | '*');
    !name.is_empty() && name.len() <= STRICT_CLIENT_BYTES && !stem.contains(is_bad)
}

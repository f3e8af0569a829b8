//! A file with its lines.

use crate::error::PolicyError;
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;

/// Characters of a file that an error shows at most.
const SHOWN: usize = 60;

/// The text of a file.
#[derive(Debug)]
pub(super) struct Source<'t> {
    pub(super) path: &'t Path,
    text: &'t str,
}

impl<'t> Source<'t> {
    pub(super) fn new(path: &'t Path, content: &'t [u8]) -> Result<Source<'t>, PolicyError> {
        match str::from_utf8(content) {
            Ok(text) => Ok(Source { path, text }),
            Err(error) => {
                let line = line(content, error.valid_up_to());
                Err(PolicyError::NotText { path: path.to_owned(), line })
            }
        }
    }

    pub(super) fn document(&self) -> Result<DeTable<'t>, PolicyError> {
        DeTable::parse(self.text).map(toml::Spanned::into_inner).map_err(|error| PolicyError::Syntax {
            path: self.path.to_owned(),
            line: self.line(&error.span().unwrap_or_default()),
            reason: printable(error.message()),
        })
    }

    /// Where something begins, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        line(self.text.as_bytes(), span.start)
    }

    /// How something is written.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> String {
        printable(self.text.get(span.clone()).unwrap_or_default())
    }
}

fn line(content: &[u8], at: usize) -> usize {
    1 + content.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// Without control characters, and not too long.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(escaped).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

fn escaped(character: char) -> Box<dyn Iterator<Item = char>> {
    match character {
        '"' | '\'' | '\\' => Box::new(std::iter::once(character)),
        _ => Box::new(character.escape_debug()),
    }
}

//! A table of a file, of which all keys are known.

use super::source::{Source, printable};
use super::value::Value;
use crate::error::PolicyError;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'s> {
    source: &'s Source<'s>,
    name: &'static str,
    table: &'s DeTable<'s>,
}

impl<'s> Section<'s> {
    /// # Errors
    /// The first key that is not known.
    pub(super) fn new(
        source: &'s Source<'s>,
        name: &'static str,
        table: &'s DeTable<'s>,
        known: &[&'static str],
    ) -> Result<Section<'s>, PolicyError> {
        let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(Section { source, name, table }),
            Some(key) => Err(PolicyError::UnknownKey {
                path: source.path.to_owned(),
                line: source.line(&key.span()),
                section: name,
                key: printable(key.get_ref()),
                known: known.to_vec(),
            }),
        }
    }

    fn find(&self, key: &str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.table.iter().find(|(known, _)| known.get_ref() == key).map(|(_, value)| value)
    }

    fn value(&self, key: &'static str, written: &'s Spanned<DeValue<'s>>) -> Value<'s> {
        Value { source: self.source, section: self.name, key, written }
    }

    /// What the file has for a key, if anything.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&Value<'s>) -> Result<T, PolicyError>,
    ) -> Result<Option<T>, PolicyError> {
        self.find(key).map(|value| parse(&self.value(key, value))).transpose()
    }

    /// A table below this one, if the file has it.
    pub(super) fn table(
        &self,
        key: &'static str,
        name: &'static str,
        known: &[&'static str],
    ) -> Result<Option<Section<'s>>, PolicyError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        let expected = || format!("a table, as begun by the line {name}");
        let table = found.get_ref().as_table().ok_or_else(|| self.value(key, found).wrong(expected()))?;
        Section::new(self.source, name, table, known).map(Some)
    }

    /// The tables of an array below this one, with where they begin.
    pub(super) fn tables(
        &self,
        key: &'static str,
        name: &'static str,
        known: &[&'static str],
    ) -> Result<Vec<(Range<usize>, Section<'s>)>, PolicyError> {
        let Some(found) = self.find(key) else { return Ok(Vec::new()) };
        let expected = || format!("an array of tables, each begun by the line {name}");
        let items = found.get_ref().as_array().ok_or_else(|| self.value(key, found).wrong(expected()))?;
        let section = |item: &'s Spanned<DeValue<'s>>| {
            let table = item.get_ref().as_table().ok_or_else(|| self.value(key, item).wrong(expected()))?;
            Ok((item.span(), Section::new(self.source, name, table, known)?))
        };
        items.iter().map(section).collect()
    }
}

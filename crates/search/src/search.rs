//! Conditions that must all hold.

use crate::expression::Expression;
use crate::needle::Needles;
use crate::record::Record;
use crate::scan::Lines;

/// Most expressions of a search.
pub const EXPRESSIONS_MAX: usize = 64;

/// A search has more than [`EXPRESSIONS_MAX`] expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} expressions are given and {EXPRESSIONS_MAX} may be; give several values to one, for example pid=12,13"
)]
pub struct TooManyExpressions(usize);

/// Conditions on records: expressions and a range of time, all of which must hold.
#[derive(Clone, Debug)]
pub struct Search {
    expressions: Vec<Expression>,
    since: Option<u64>,
    until: Option<u64>,
    needles: Option<Needles>,
}

impl Search {
    /// A search for records that were made in a second from `since` to `until`, both included, in seconds since 1970.
    ///
    /// # Errors
    /// If there are more than [`EXPRESSIONS_MAX`] expressions.
    pub fn new(
        expressions: Vec<Expression>,
        since: Option<u64>,
        until: Option<u64>,
    ) -> Result<Search, TooManyExpressions> {
        if expressions.len() > EXPRESSIONS_MAX {
            return Err(TooManyExpressions(expressions.len()));
        }
        let needles = Needles::of(&expressions);
        Ok(Search { expressions, since, until, needles })
    }

    /// Whether there is no condition, so that every line matches, also those that are no records.
    pub fn is_unconditional(&self) -> bool {
        self.expressions.is_empty() && self.since.is_none() && self.until.is_none()
    }

    /// Whether a line matches, without its end.
    pub fn matches(&self, line: &[u8]) -> bool {
        self.is_unconditional()
            || Record::parse(line).is_some_and(|record| {
                self.since.is_none_or(|since| record.seconds >= since)
                    && self.until.is_none_or(|until| record.seconds <= until)
                    && self.expressions.iter().all(|expression| expression.holds(&record))
            })
    }

    /// The matching lines of a text, in order, without their ends: `\n` or `\r\n`. What follows the last `\n` is a line, too.
    pub fn lines_of<'s, 't>(&'s self, text: &'t [u8]) -> Lines<'s, 't> {
        Lines::new(self, self.needles.as_ref(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_time_includes_its_ends() {
        let line = b"type=X msg=audit(100.999:1): a=b";
        let matches = |since, until| Search::new(Vec::new(), since, until).unwrap().matches(line);
        assert!(matches(None, None) && matches(Some(100), Some(100)) && matches(Some(99), Some(101)));
        assert!(!matches(Some(101), None) && !matches(None, Some(99)));
    }

    #[test]
    fn lines_that_are_no_records_match_only_without_conditions() {
        let search = |texts: &[&str]| {
            Search::new(texts.iter().map(|text| text.parse().unwrap()).collect(), None, None).unwrap()
        };
        assert!(search(&[]).is_unconditional() && search(&[]).matches(b"hello"));
        assert!(!search(&["pid=1"]).matches(b"pid=1") && !search(&["pid!=1"]).matches(b"hello"));
        assert!(!Search::new(Vec::new(), Some(0), None).unwrap().matches(b"hello"));
    }

    #[test]
    fn expressions_are_bounded() {
        let expressions = |count| vec!["pid=1".parse::<Expression>().unwrap(); count];
        assert!(Search::new(expressions(EXPRESSIONS_MAX), None, None).is_ok());
        let error = Search::new(expressions(EXPRESSIONS_MAX + 1), None, None).unwrap_err();
        assert_eq!(error, TooManyExpressions(65));
    }
}

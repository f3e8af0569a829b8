//! Patterns with `*`.

use std::fmt;

/// A text in which `*` stands for any characters, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that is written so.
    pub fn new(text: &str) -> Pattern {
        Pattern(text.to_owned())
    }

    /// Whether the pattern stands for the whole text.
    ///
    /// Compares bytes; each `*` is tried in one pass, so the work is at most the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut at_pattern, mut at_text) = (0, 0);
        let mut last_star = None;
        while let Some(byte) = text.get(at_text) {
            match pattern.get(at_pattern) {
                Some(b'*') => {
                    last_star = Some((at_pattern, at_text));
                    at_pattern += 1;
                }
                Some(same) if same == byte => {
                    at_pattern += 1;
                    at_text += 1;
                }
                _ => {
                    let Some((star, from)) = last_star else { return false };
                    last_star = Some((star, from + 1));
                    at_pattern = star + 1;
                    at_text = from + 1;
                }
            }
        }
        pattern.iter().skip(at_pattern).all(|byte| *byte == b'*')
    }

    /// Whether this is a number, which no name of a user is.
    pub(crate) fn is_number(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in [
            ("web", "web"),
            ("*", ""),
            ("*", "web"),
            ("web-*", "web-"),
            ("web-*", "web-1"),
            ("*-1", "web-1"),
            ("w*b*1", "web-b-1"),
            ("**", "x"),
            ("a*a", "aa"),
            ("*ab*ab*", "ababab"),
        ] {
            assert!(Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn everything_else_stands_for_itself() {
        for (pattern, text) in [
            ("web", "web1"),
            ("web", "we"),
            ("web-*", "web"),
            ("a*a", "a"),
            ("?", "x"),
            ("[a]", "a"),
            ("W", "w"),
        ] {
            assert!(!Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_cost_little() {
        let pattern = Pattern::new(&"*a".repeat(128));
        assert!(!pattern.matches(&"a".repeat(127)));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(10_000))));
    }

    /// The definition.
    fn matches_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|from| matches_by_definition(rest, &text[from..])),
            Some((byte, rest)) => text.first() == Some(byte) && matches_by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
            let expected = matches_by_definition(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
        }
    }
}

//! Values, and the forms in which records show them.

use crate::record::number;
use std::fmt::Write as _;

/// What separates the keys of a rule that has several.
const KEY_SEPARATOR: u8 = 1;

/// A value that is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    bare: Vec<u8>,
    quoted: Option<Vec<u8>>,
    /// In the digits that the kernel and libaudit write. Nothing tells a number from such digits, so that a number is never
    /// looked for in this form.
    hexadecimal: Option<Vec<u8>>,
}

impl Value {
    pub(crate) fn new(text: &str) -> Value {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        Value {
            bare: text.as_bytes().to_vec(),
            quoted: Some(format!("\"{text}\"").into_bytes()),
            hexadecimal: (!is_number).then(|| hexadecimal(text.as_bytes())),
        }
    }

    /// A number, which has one form.
    pub(crate) fn of_number(number: u64) -> Value {
        Value { bare: number.to_string().into_bytes(), quoted: None, hexadecimal: None }
    }

    pub(crate) fn bare(&self) -> &[u8] {
        &self.bare
    }

    /// What a record that has it holds somewhere: one of these.
    pub(crate) fn traces(&self, is_key: bool) -> impl Iterator<Item = Vec<u8>> {
        let digits = self.hexadecimal.clone().or_else(|| is_key.then(|| hexadecimal(&self.bare)));
        std::iter::once(self.bare.clone()).chain(digits)
    }

    /// Whether a value that begins there is this one.
    pub(crate) fn begins(&self, text: &[u8]) -> bool {
        let is = |form: &[u8]| {
            text.strip_prefix(form).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b' '))
        };
        is(&self.bare) || [&self.quoted, &self.hexadecimal].into_iter().flatten().any(|form| is(form))
    }

    /// As [`Value::begins`] for a rule's keys, one of which is enough.
    pub(crate) fn begins_among_keys(&self, text: &[u8]) -> bool {
        self.begins(text) || {
            let word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            let keys = decoded(word).unwrap_or_default();
            keys.contains(&KEY_SEPARATOR)
                && keys.split(|byte| *byte == KEY_SEPARATOR).any(|key| key == self.bare)
        }
    }

    /// Whether a number is this one.
    pub(crate) fn is_number(&self, found: u64) -> bool {
        number(&self.bare) == Some(found)
    }
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.into_bytes()
}

fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_value_is_known() {
        let web = Value::new("web");
        for form in ["web", "\"web\"", "776562", "web x=y", "\"web\" "] {
            assert!(web.begins(form.as_bytes()), "{form}");
        }
        for other in ["webs", "\"webs\"", "\"web", "we", "", " web", "7765620", "WEB", "web'", "web\0"] {
            assert!(!web.begins(other.as_bytes()), "{other}");
        }
        assert!(Value::new("my key").begins(b"6D79206B6579 list=4"));
        assert!(Value::new("my key").begins(b"\"my key\""));
    }

    #[test]
    fn numbers_are_no_digits_of_texts() {
        assert!(!Value::new("1").begins(b"31") && !Value::of_number(1).begins(b"31"));
        assert!(Value::new("1").begins(b"\"1\"") && Value::of_number(31).begins(b"31"));
        assert!(!Value::of_number(31).begins(b"\"31\""));
        assert!(Value::of_number(7).is_number(7) && !Value::new("x").is_number(7));
    }

    #[test]
    fn one_of_several_keys_is_enough() {
        let keys = b"6B31016B32 list=4";
        for (key, is) in [("k1", true), ("k2", true), ("k", false), ("k1\u{1}k2", true), ("1", false)] {
            assert_eq!(Value::new(key).begins_among_keys(keys), is, "{key}");
        }
        assert!(Value::new("1").begins_among_keys(b"310132"));
        assert!(!Value::new("k1").begins_among_keys(b"\"k2\"") && !Value::new("").begins_among_keys(b"6B"));
    }
}

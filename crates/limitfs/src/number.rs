//! Numbers as callers write them: names of processes and new limits.

use std::ffi::OsStr;

/// The longest text of a new limit, in bytes, its newline included.
pub(crate) const LONGEST_LIMIT: usize = 16;

/// The process that `name` stands for, as `/proc` spells it: decimal, from 1, without leading zeros.
pub(crate) fn process_of_name(name: &OsStr) -> Option<u32> {
    let digits = name.to_str()?;
    if digits.starts_with('0') { None } else { decimal(digits) }
}

/// The limit that was written: decimal digits with at most one newline behind them.
pub(crate) fn limit_of_text(text: &[u8]) -> Option<u32> {
    if text.len() > LONGEST_LIMIT {
        return None;
    }
    decimal(std::str::from_utf8(text.strip_suffix(b"\n").unwrap_or(text)).ok()?)
}

// The standard parser also takes a plus sign.
fn decimal(digits: &str) -> Option<u32> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_proc() {
        assert_eq!(process_of_name(OsStr::new("1")), Some(1));
        assert_eq!(process_of_name(OsStr::new("4294967295")), Some(u32::MAX));
        for name in ["", "0", "01", "+1", "-1", "1 ", "self", "4294967296", "١", "1\n"] {
            assert_eq!(process_of_name(OsStr::new(name)), None, "{name:?}");
        }
    }

    #[test]
    fn limits_are_decimal_with_one_newline_at_most() {
        for (text, limit) in [("0", 0), ("64", 64), ("64\n", 64), ("0064\n", 64), ("4294967295\n", u32::MAX)]
        {
            assert_eq!(limit_of_text(text.as_bytes()), Some(limit), "{text:?}");
        }
        for text in
            ["", "\n", "64\n\n", "+64", "-1", " 64", "64 ", "0x40", "64\0", "6 4", "4294967296", "\u{661}"]
        {
            assert_eq!(limit_of_text(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(limit_of_text(b"\xff"), None);
    }

    #[test]
    fn a_text_of_sixteen_bytes_is_the_longest() {
        assert_eq!(limit_of_text(b"000000000000064\n"), Some(64));
        assert_eq!(limit_of_text(b"0000000000000064\n"), None);
    }
}

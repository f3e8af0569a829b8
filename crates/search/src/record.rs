//! The frame of a record, and where its parts are.

use memchr::{memchr, memrchr};

/// What stands between the text of a record and the names that auditd has added to it.
const ENRICHMENT: u8 = 0x1d;
/// Numbers of so many digits always fit.
const SAFE_DIGITS: usize = 19;

/// A line that has the frame of a record: `type=KIND msg=audit(SECONDS.MILLISECONDS:SERIAL): BODY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its type, for example `USER_LOGIN`.
    pub kind: &'a [u8],
    /// Seconds since 1970 with three decimals, as written: digits and one dot.
    pub time: &'a [u8],
    /// The same in whole seconds.
    pub seconds: u64,
    /// The number of its event.
    pub serial: u64,
    /// What follows the stamp and a blank.
    pub body: &'a [u8],
}

/// The parts of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// What the kernel, or whoever stands for it, says; after it, ` msg='` and what a program says.
    pub(crate) text: &'a [u8],
    /// What auditd has added.
    pub(crate) enrichment: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record of a line without its end; `None` if it has not the frame of one.
    pub fn parse(line: &'a [u8]) -> Option<Record<'a>> {
        let rest = line.strip_prefix(b"type=")?;
        let (kind, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
        let rest = rest.strip_prefix(b" msg=audit(")?;
        let (stamp, rest) = rest.split_at_checked(memchr(b')', rest)?)?;
        let body = rest.strip_prefix(b"):")?;
        let (time, serial) = split(stamp, b':')?;
        let (seconds, milliseconds) = split(time, b'.')?;
        number(milliseconds)?;
        Some(Record {
            kind,
            time,
            seconds: number(seconds)?,
            serial: number(serial)?,
            body: body.strip_prefix(b" ").unwrap_or(body),
        })
    }

    /// The value of a field of the record's own, as written: never what a program says in `msg='...'`.
    pub fn own_field(&self, name: &str) -> Option<&'a [u8]> {
        crate::field::Fields::own(self.body)
            .find(|field| field.name == name.as_bytes())
            .map(|field| field.value.split(|byte| *byte == b' ').next().unwrap_or_default())
    }

    pub(crate) fn parts(&self) -> Parts<'a> {
        // A text that ends a message is the program's, who could have written the mark into it.
        let mark = if self.body.ends_with(b"'") { None } else { memrchr(ENRICHMENT, self.body) };
        match mark.and_then(|at| self.body.split_at_checked(at)) {
            Some((text, enrichment)) => Parts { text, enrichment: enrichment.get(1..).unwrap_or_default() },
            None => Parts { text: self.body, enrichment: &[] },
        }
    }
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, after) = bytes.split_at_checked(memchr(at, bytes)?)?;
    Some((before, after.get(1..)?))
}

/// A number in digits alone.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = |digit: &u8| u64::from(digit - b'0');
    if digits.len() <= SAFE_DIGITS {
        return Some(digits.iter().fold(0, |sum, digit| sum * 10 + value(digit)));
    }
    digits.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(value(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_apart() {
        let record =
            Record::parse(b"type=USER_LOGIN msg=audit(1700000000.123:45): contid=77 pid=1 msg='pid=2'");
        let record = record.unwrap();
        assert_eq!((record.kind, record.time), (&b"USER_LOGIN"[..], &b"1700000000.123"[..]));
        assert_eq!((record.seconds, record.serial), (1_700_000_000, 45));
        assert_eq!(record.body, b"contid=77 pid=1 msg='pid=2'");
        assert_eq!(record.own_field("contid"), Some(&b"77"[..]));
        assert_eq!((record.own_field("pid"), record.own_field("uid")), (Some(&b"1"[..]), None));
        assert_eq!(Record::parse(b"type=EOE msg=audit(1.000:2):").unwrap().body, b"");
    }

    #[test]
    fn other_lines_are_no_records() {
        for wrong in [
            "",
            "hello",
            "type=",
            "type=X",
            "type=X msg=audit(",
            "type=X msg=audit(1.0:x): y",
            "type=X msg=audit(1:1): y",
            "type=X msg=audit(.0:1): y",
            "type=X msg=audit(1.0:): y",
            "type=X msg=audit(1.0:1) y",
            "type=X msg=audit(1.0:18446744073709551616): y",
            " type=X msg=audit(1.0:1): y",
            "type=X  msg=audit(1.0:1): y",
        ] {
            assert_eq!(Record::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        for (digits, value) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("9999999999999999999", Some(9_999_999_999_999_999_999)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("000000000000000000000001", Some(1)),
            ("", None),
            ("-1", None),
            ("1x", None),
        ] {
            assert_eq!(number(digits.as_bytes()), value, "{digits}");
        }
    }

    #[test]
    fn only_what_auditd_has_added_is_enrichment() {
        let parts = |body: &'static str| {
            let parts =
                Record { kind: b"X", time: b"1.0", seconds: 1, serial: 1, body: body.as_bytes() }.parts();
            (parts.text, parts.enrichment)
        };
        assert_eq!(parts("pid=1 msg='x'\u{1d}UID=\"root\""), (&b"pid=1 msg='x'"[..], &b"UID=\"root\""[..]));
        assert_eq!(
            parts("msg='x'\u{1d}UID=\"a\"'\u{1d}UID=\"b\"").1,
            b"UID=\"b\"",
            "the program's mark comes before auditd's"
        );
        assert_eq!(parts("msg='x'\u{1d}UID=\"a\"'").1, b"", "the program's mark alone");
        assert_eq!(parts("pid=1").1, b"");
    }
}

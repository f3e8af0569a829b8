//! Bytes as hexadecimal text in JSON, and a readable short form for fixtures.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt::Write as _;

/// Bytes that serialise as a hexadecimal string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len() * 2);
        for b in &self.0 {
            let _ = write!(text, "{b:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |c: u8| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
        text.as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .map(Hex)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not hexadecimal")))
    }
}

/// Runs shorter than this are written out.
const RUN: usize = 8;

fn runs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunk_by(|a, b| a == b)
}

/// Hexadecimal with long runs of one byte as `(00x1024)`.
pub(crate) fn short_hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for run in runs(bytes) {
        if run.len() >= RUN {
            let _ = write!(out, "({:02x}x{})", run[0], run.len());
        } else {
            for b in run {
                let _ = write!(out, "{b:02x}");
            }
        }
    }
    out
}

/// Text with bytes outside printable ASCII as `\xNN` and long runs of one byte as `A{8000}`.
pub(crate) fn short_text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for run in runs(bytes) {
        let mut one = String::new();
        if (0x20..0x7f).contains(&run[0]) && run[0] != b'\\' {
            one.push(run[0] as char);
        } else {
            let _ = write!(one, "\\x{:02x}", run[0]);
        }
        if run.len() >= RUN {
            let _ = write!(out, "{one}{{{}}}", run.len());
        } else {
            out.push_str(&one.repeat(run.len()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_survives_json_and_rejects_odd_text() {
        let one = Hex(vec![0, 0xff, 0x10]);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(text, "\"00ff10\"");
        assert_eq!(serde_json::from_str::<Hex>(&text).unwrap(), one);
        assert!(serde_json::from_str::<Hex>("\"0\"").is_err());
        assert!(serde_json::from_str::<Hex>("\"0g\"").is_err());
    }

    #[test]
    fn short_forms_keep_what_differs() {
        assert_eq!(short_hex(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 2]), "01(00x8)02");
        assert_eq!(short_hex(&[0; 7]), "00000000000000");
        assert_eq!(short_text(b"a\\\x01AAAAAAAAA"), "a\\x5c\\x01A{9}");
    }
}

//! Strings of containers in records, logs and terminals.

use std::fmt::Write as _;

/// The kernel's form of an untrusted string: between double quotes, or in upper-case hexadecimal digits when a
/// byte is a double quote, below 0x21 or above 0x7e. Source: `audit_log_n_untrustedstring`.
pub fn untrusted(bytes: &[u8]) -> String {
    if bytes.iter().any(|byte| *byte == b'"' || !(0x21..=0x7e).contains(byte)) {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            let _ = write!(text, "{byte:02X}");
        }
        text
    } else {
        // Every byte is printable ASCII here.
        format!("\"{}\"", String::from_utf8_lossy(bytes))
    }
}

/// Makes bytes of a container safe for a line of a log or a terminal.
///
/// Printable UTF-8 stays as it is. Control characters (C0, DEL, C1), line and paragraph separators, direction
/// overrides and bytes that are not UTF-8 become `\xNN`, one per byte. A backslash becomes `\x5c` only in front of
/// `x` and two hexadecimal digits, so that the escape can be undone and ordinary backslashes stay readable.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    escape_into(bytes, &mut text);
    text
}

/// Appends what [`escape`] makes of bytes.
pub(crate) fn escape_into(bytes: &[u8], text: &mut String) {
    // Nearly all of nearly every text.
    let mut at = plain_length(bytes);
    text.push_str(str::from_utf8(&bytes[..at]).unwrap_or_default());
    for chunk in bytes[at..].utf8_chunks() {
        for character in chunk.valid().chars() {
            let length = character.len_utf8();
            if is_hostile(character) || (character == '\\' && looks_like_escape(&bytes[at..])) {
                hex_bytes(text, &bytes[at..at + length]);
            } else {
                text.push(character);
            }
            at += length;
        }
        hex_bytes(text, chunk.invalid());
        at += chunk.invalid().len();
    }
}

/// How many bytes there are before the first one that is no printable ASCII or a backslash.
fn plain_length(bytes: &[u8]) -> usize {
    /// Looked at together, without a branch for each.
    const TOGETHER: usize = 32;
    let plain = |byte: &u8| (0x20..=0x7e).contains(byte) && *byte != b'\\';
    let all = |chunk: &&[u8]| chunk.iter().fold(true, |all, byte| all & plain(byte));
    let clean = TOGETHER * bytes.chunks_exact(TOGETHER).take_while(all).count();
    let rest = &bytes[clean..];
    clean + rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len())
}

fn hex_bytes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
}

fn looks_like_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Characters that move a cursor, end a line or reorder what stands around them.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescape(text: &str) -> Vec<u8> {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if looks_like_escape(&bytes[at..]) {
                out.push(u8::from_str_radix(&text[at + 2..at + 4], 16).unwrap());
                at += 4;
            } else {
                out.push(bytes[at]);
                at += 1;
            }
        }
        out
    }

    #[test]
    fn untrusted_strings_are_quoted_or_hexadecimal() {
        assert_eq!(untrusted(b"abc"), "\"abc\"");
        assert_eq!(untrusted(b"a b"), "612062");
        assert_eq!(untrusted(b"a\"b"), "612262");
        assert_eq!(untrusted(b"\x7f\x80\xff"), "7F80FF");
        assert_eq!(untrusted(b"a'b~!"), "\"a'b~!\"");
        assert_eq!(untrusted(b""), "\"\"");
    }

    #[test]
    fn what_could_forge_a_line_or_drive_a_terminal_is_escaped() {
        assert_eq!(escape(b"a\nb\x1b[2Jc"), "a\\x0ab\\x1b[2Jc");
        assert_eq!(escape("\u{9b}31m".as_bytes()), "\\xc2\\x9b31m");
        assert_eq!(escape(b"\xff\xfe"), "\\xff\\xfe");
        assert_eq!(escape("\u{202e}txt".as_bytes()), "\\xe2\\x80\\xaetxt");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["op=login acct=\"root\" res=success", "DOM\\user", "héllo 世", "it's \\xyz"] {
            assert_eq!(escape(text.as_bytes()), text);
        }
        assert_eq!(escape(b"\\x41"), "\\x5cx41");
    }

    proptest! {
        #[test]
        fn an_escape_can_be_undone_and_is_one_printable_line(bytes: Vec<u8>) {
            let text = escape(&bytes);
            prop_assert!(!text.chars().any(is_hostile));
            prop_assert_eq!(unescape(&text), bytes);
        }

        #[test]
        fn whatever_stands_behind_plain_text_is_found(before in 0_usize..100, bytes: Vec<u8>) {
            let all = [&vec![b'a'; before][..], &bytes].concat();
            prop_assert_eq!(escape(&all), "a".repeat(before) + &escape(&bytes));
        }

        #[test]
        fn backslashes_are_unambiguous(text in r"[\\x0-9a-c]{0,24}") {
            prop_assert_eq!(unescape(&escape(text.as_bytes())), text.as_bytes());
        }

        #[test]
        fn an_untrusted_string_is_one_word(bytes: Vec<u8>) {
            prop_assert!(untrusted(&bytes).bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        }
    }
}

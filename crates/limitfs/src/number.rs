//! Numbers in names and contents of files.

/// Most bytes of one write.
const WRITTEN_MAX: usize = 16;

/// The number of a process from the name of a folder, which has no other name.
pub(crate) fn pid(name: &[u8]) -> Option<u32> {
    let is_canonical = name.first().is_some_and(|first| *first != b'0');
    digits(name).filter(|_| is_canonical)
}

/// The limit that was written.
pub(crate) fn limit(written: &[u8]) -> Option<u32> {
    let number = written.strip_suffix(b"\n").unwrap_or(written);
    digits(number).filter(|_| written.len() <= WRITTEN_MAX)
}

fn digits(text: &[u8]) -> Option<u32> {
    let all = text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| all)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_digits_and_at_most_one_newline() {
        for (written, number) in [
            (&b"0"[..], 0),
            (b"64", 64),
            (b"64\n", 64),
            (b"4294967295\n", u32::MAX),
            (b"0000000000000064", 64),
            (b"000000000000064\n", 64),
        ] {
            assert_eq!(limit(written), Some(number), "{written:?}");
        }
        for written in [
            &b""[..],
            b"\n",
            b"64\n\n",
            b" 64",
            b"64 ",
            b"+64",
            b"-1",
            b"0x40",
            b"4294967296",
            b"6 4",
            b"64\0",
            b"\xff",
            "٦٤".as_bytes(),
            b"00000000000000064",
            b"0000000000000064\n",
        ] {
            assert_eq!(limit(written), None, "{written:?}");
        }
    }

    #[test]
    fn a_process_has_one_name() {
        assert_eq!(pid(b"1"), Some(1));
        assert_eq!(pid(b"4194304"), Some(4_194_304));
        for name in [&b""[..], b"0", b"01", b"+1", b"-1", b"1\n", b"self", b"4294967296", b"1 "] {
            assert_eq!(pid(name), None, "{name:?}");
        }
    }
}

//! What is written into `/proc/PID/loginuid`.

use crate::Errno;

/// Bytes of what is written that the kernel looks at (`kstrtou32_from_user`).
pub const LOOKED_AT: usize = 34;

/// The number that is written: decimal, after an optional `+`, before an optional end of line, up to a zero or the end. All
/// ones is a number like others, and means "unset". Kernel: `kstrtou32_from_user` with base 10.
///
/// # Errors
/// `EINVAL` for what is no such number, `ERANGE` for one of more than 32 bits.
pub fn parse(written: &[u8]) -> Result<u32, Errno> {
    let written = &written[..written.len().min(LOOKED_AT)];
    let text = written.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let mut number = Some(0_u64);
    for digit in digits {
        let digit = u64::from(digit - b'0');
        number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit));
    }
    // More than 64 bits are seen before what follows is.
    let number = number.ok_or(Errno::ERANGE)?;
    if digits.is_empty() || !matches!(rest, b"" | b"\n") {
        return Err(Errno::EINVAL);
    }
    u32::try_from(number).map_err(|_| Errno::ERANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_the_kernel_takes_them() {
        for (text, number) in [
            ("1000", 1000),
            ("1001\n", 1001),
            ("+5", 5),
            ("010", 10),
            ("0", 0),
            ("1\0", 1),
            ("7\0junk", 7),
            ("7\n\0junk", 7),
            ("4294967295", u32::MAX),
            ("0000000000000000000000000000000012", 12),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(number), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "\n", " 5", "5 ", "-1", "0x10", "abc", "12abc", "5\n\n", "++5", "+", "\0", "4294967296x"]
        {
            assert_eq!(parse(text.as_bytes()), Err(Errno::EINVAL), "{text:?}");
        }
        for text in ["4294967296", "18446744073709551615", "18446744073709551616", "99999999999999999999999x"]
        {
            assert_eq!(parse(text.as_bytes()), Err(Errno::ERANGE), "{text:?}");
        }
    }

    #[test]
    fn no_more_is_looked_at_than_the_kernel_does() {
        let long = [&[b'0'; LOOKED_AT - 1][..], b"5x"].concat();
        assert_eq!(parse(&long), Ok(5));
    }
}

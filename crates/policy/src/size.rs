//! Sizes: whole numbers of bytes, or numbers with the suffix K, M or G.

const UNITS: [(char, u32); 3] = [('G', 30), ('M', 20), ('K', 10)];

/// The bytes that a text like `16M` stands for.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find(|(suffix, _)| text.ends_with(*suffix));
    let (digits, shift) = unit.map_or((text, 0), |(suffix, shift)| (text.trim_end_matches(*suffix), *shift));
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_one_suffix = text.len() - digits.len() <= 1;
    if !is_number || !has_one_suffix {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The shortest text that [`parse`] understands as this number.
pub(crate) fn show(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, shift)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| bytes.to_string(), |(suffix, shift)| format!("{}{suffix}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_powers_of_1024() {
        for (text, bytes) in
            [("0", 0), ("17", 17), ("1K", 1024), ("16M", 16 << 20), ("3G", 3 << 30), ("007K", 7168)]
        {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_sizes() {
        let huge = format!("{}G", u64::MAX);
        for text in ["", "K", "1KK", "1k", "1T", "1 K", "-1", "+1", "1.5M", "0x10", "K1", "١", huge.as_str()]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn shown_sizes_are_understood_again() {
        for bytes in [0, 1, 1023, 1024, 65_536, 1_000_000, 16 << 20, 5 << 30, u64::MAX] {
            assert_eq!(parse(&show(bytes)), Some(bytes));
        }
        assert_eq!(show(16 << 20), "16M");
    }
}

//! `struct audit_rule_data`, taken apart and put together.

use super::{BITMASK_WORDS, FIXED_LEN, MAX_FIELDS};

/// A payload is shorter than the fixed part of `struct audit_rule_data`; the kernel answers `EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort {
    /// Bytes that were there, less than [`FIXED_LEN`].
    pub len: usize,
}

impl std::fmt::Display for TooShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule payload has {} bytes, send struct audit_rule_data of at least {FIXED_LEN}", self.len)
    }
}

impl std::error::Error for TooShort {}

/// The words and the string buffer of a `struct audit_rule_data`, unjudged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleData<'a> {
    /// List number, with or without [`super::PREPEND`].
    pub flags: u32,
    /// Action number.
    pub action: u32,
    /// Fields in use, 0..=64 in a good rule.
    pub field_count: u32,
    /// Syscalls, bit `n % 32` of word `n / 32`; the top sixteen bits stand for classes.
    pub mask: [u32; BITMASK_WORDS],
    /// Field numbers, see [`super::field`].
    pub fields: [u32; MAX_FIELDS],
    /// Values, or the lengths of strings.
    pub values: [u32; MAX_FIELDS],
    /// Operator codes.
    pub fieldflags: [u32; MAX_FIELDS],
    /// What the sender says of the buffer's length. The kernel ignores it in requests.
    pub buflen: u32,
    /// Strings, back to back, without terminators.
    pub buf: &'a [u8],
}

impl<'a> RuleData<'a> {
    /// Takes a payload apart; everything after the fixed part is buffer.
    pub fn decode(payload: &'a [u8]) -> Result<Self, TooShort> {
        let Some((fixed, buf)) = payload.split_at_checked(FIXED_LEN) else {
            return Err(TooShort { len: payload.len() });
        };
        let mut words = fixed.as_chunks::<4>().0.iter().map(|bytes| u32::from_ne_bytes(*bytes));
        // The split above guarantees the count; the default only spares a panic path.
        let mut next = || words.next().unwrap_or_default();
        Ok(Self {
            flags: next(),
            action: next(),
            field_count: next(),
            mask: std::array::from_fn(|_| next()),
            fields: std::array::from_fn(|_| next()),
            values: std::array::from_fn(|_| next()),
            fieldflags: std::array::from_fn(|_| next()),
            buflen: next(),
            buf,
        })
    }

    /// The payload: [`FIXED_LEN`] bytes and the buffer, without padding.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(FIXED_LEN + self.buf.len());
        let head = [self.flags, self.action, self.field_count];
        let words = [&head[..], &self.mask, &self.fields, &self.values, &self.fieldflags, &[self.buflen]];
        for word in words.into_iter().flatten() {
            payload.extend_from_slice(&word.to_ne_bytes());
        }
        payload.extend_from_slice(self.buf);
        payload
    }
}

impl Default for RuleData<'_> {
    /// All words zero: a rule of list user, action never, without fields.
    fn default() -> Self {
        Self {
            flags: 0,
            action: 0,
            field_count: 0,
            mask: [0; BITMASK_WORDS],
            fields: [0; MAX_FIELDS],
            values: [0; MAX_FIELDS],
            fieldflags: [0; MAX_FIELDS],
            buflen: 0,
            buf: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layout_is_the_kernels() {
        assert_eq!(FIXED_LEN, 1040);
        let mut data =
            RuleData { flags: 4, action: 2, field_count: 1, buflen: 3, buf: b"key", ..Default::default() };
        data.mask[63] = 0x8000_0000;
        data.fields[0] = 210;
        data.values[0] = 3;
        data.fieldflags[0] = 0x4000_0000;
        let payload = data.encode();
        assert_eq!(payload.len(), 1043);
        for (offset, word) in
            [(0, 4), (4, 2), (8, 1), (264, 0x8000_0000), (268, 210), (524, 3), (780, 0x4000_0000), (1036, 3)]
        {
            assert_eq!(payload[offset..offset + 4], u32::to_ne_bytes(word), "word at {offset}");
        }
        assert_eq!(&payload[1040..], b"key");
        assert_eq!(payload[..1040].chunks(4).filter(|word| *word != [0; 4]).count(), 8);
    }

    #[test]
    fn short_payloads_say_their_length() {
        for len in [0, 1, 12, 1036, 1039] {
            assert_eq!(RuleData::decode(&vec![0; len]), Err(TooShort { len }));
        }
        assert_eq!(RuleData::decode(&[0; 1040]), Ok(RuleData::default()));
        assert!(TooShort { len: 7 }.to_string().contains("has 7 bytes"));
    }

    proptest! {
        #[test]
        fn decoding_and_encoding_are_inverse(payload in proptest::collection::vec(any::<u8>(), 1040..1400)) {
            let data = RuleData::decode(&payload).unwrap();
            prop_assert_eq!(data.encode(), payload);
        }
    }
}

//! The comparison operators of a rule field.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// How a field's value is compared with what the kernel finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum Operator {
    /// `=` (`AUDIT_EQUAL`)
    Equal = 0x4000_0000,
    /// `!=` (`AUDIT_NOT_EQUAL`)
    NotEqual = 0x3000_0000,
    /// `&`, any bit of the value is set (`AUDIT_BIT_MASK`)
    BitMask = 0x0800_0000,
    /// `&=`, all bits of the value are set (`AUDIT_BIT_TEST`)
    BitTest = 0x4800_0000,
    /// `<` (`AUDIT_LESS_THAN`)
    Less = 0x1000_0000,
    /// `>` (`AUDIT_GREATER_THAN`)
    Greater = 0x2000_0000,
    /// `<=` (`AUDIT_LESS_THAN_OR_EQUAL`)
    LessOrEqual = 0x5000_0000,
    /// `>=` (`AUDIT_GREATER_THAN_OR_EQUAL`)
    GreaterOrEqual = 0x6000_0000,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 8] = [
        Self::Equal,
        Self::NotEqual,
        Self::BitMask,
        Self::BitTest,
        Self::Less,
        Self::Greater,
        Self::LessOrEqual,
        Self::GreaterOrEqual,
    ];

    /// The operator with exactly this code in the `fieldflags` word; any other bit makes it unknown.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.code() == code)
    }

    /// The code in the `fieldflags` word.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Whether this is `=` or `!=`, all that strings and flags can be compared with.
    pub const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// Whether this looks at bits, which only plain numbers have.
    pub const fn is_bitwise(self) -> bool {
        matches!(self, Self::BitMask | Self::BitTest)
    }

    /// Compares unsigned numbers: `found OPERATOR value`. Kernel: `audit_comparator`.
    pub fn compare(self, found: u32, value: u32) -> bool {
        match self {
            Self::BitMask => found & value != 0,
            Self::BitTest => found & value == value,
            _ => self.accepts(found.cmp(&value)),
        }
    }

    /// Compares user or group ids: as numbers, but an id has no bits. Kernel: `audit_uid_comparator`.
    pub fn compare_ids(self, found: u32, value: u32) -> bool {
        !self.is_bitwise() && self.compare(found, value)
    }

    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::Greater => ordering.is_gt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::BitMask | Self::BitTest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_kernels() {
        for operator in Operator::ALL {
            assert_eq!(Operator::from_code(operator.code()), Some(operator));
        }
        for code in [0, 0x7800_0000, 0x8000_0000, 0x4000_0001, 0x3800_0000, u32::MAX] {
            assert_eq!(Operator::from_code(code), None, "{code:#x}");
        }
    }

    #[test]
    fn comparison_table() {
        // Columns: 1 against 2, 2 against 2, 3 against 2, 4 against 3.
        let table = [
            (Operator::Equal, [false, true, false, false]),
            (Operator::NotEqual, [true, false, true, true]),
            (Operator::BitMask, [false, true, true, false]),
            (Operator::BitTest, [false, true, true, false]),
            (Operator::Less, [true, false, false, false]),
            (Operator::Greater, [false, false, true, true]),
            (Operator::LessOrEqual, [true, true, false, false]),
            (Operator::GreaterOrEqual, [false, true, true, true]),
        ];
        for (operator, expected) in table {
            let found = [(1, 2), (2, 2), (3, 2), (4, 3)].map(|(a, b)| operator.compare(a, b));
            assert_eq!(found, expected, "{operator:?}");
        }
        assert!(Operator::BitMask.compare(2, 3), "one common bit is enough for &");
        assert!(!Operator::BitTest.compare(2, 3), "&= wants all bits");
        assert!(Operator::BitTest.compare(5, 0), "&= of no bits always holds");
        assert!(Operator::Greater.compare(u32::MAX, 1), "numbers are unsigned");
    }

    #[test]
    fn ids_have_no_bits() {
        assert!(!Operator::BitMask.compare_ids(3, 3));
        assert!(!Operator::BitTest.compare_ids(3, 3));
        assert!(Operator::LessOrEqual.compare_ids(3, 3));
    }
}

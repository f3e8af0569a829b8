//! How seccomp profiles compare an argument.

/// libseccomp compares all 64 bits, of most of which the kernel knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    NotEqual,
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
    /// The first value is the mask, the second one what is compared with.
    MaskedEqual,
}

const NAMES: [(Operator, &str); 7] = [
    (Operator::NotEqual, "SCMP_CMP_NE"),
    (Operator::Less, "SCMP_CMP_LT"),
    (Operator::LessOrEqual, "SCMP_CMP_LE"),
    (Operator::Equal, "SCMP_CMP_EQ"),
    (Operator::GreaterOrEqual, "SCMP_CMP_GE"),
    (Operator::Greater, "SCMP_CMP_GT"),
    (Operator::MaskedEqual, "SCMP_CMP_MASKED_EQ"),
];

impl Operator {
    /// `None` for what runtimes refuse.
    pub(crate) fn named(name: &str) -> Option<Operator> {
        NAMES.into_iter().find(|(_, known)| *known == name).map(|(operator, _)| operator)
    }

    /// As profiles call it.
    pub(crate) fn name(self) -> &'static str {
        NAMES.into_iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }

    /// Whether it holds for an argument and its values.
    pub(crate) fn holds(self, argument: u64, value: u64, second: u64) -> bool {
        match self {
            Operator::NotEqual => argument != value,
            Operator::Less => argument < value,
            Operator::LessOrEqual => argument <= value,
            Operator::Equal => argument == value,
            Operator::GreaterOrEqual => argument >= value,
            Operator::Greater => argument > value,
            Operator::MaskedEqual => argument & value == second & value,
        }
    }
}

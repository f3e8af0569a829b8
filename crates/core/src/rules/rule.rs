//! One rule, as the namespace keeps it.

use super::path::{FileId, PathAnswer};
use auditns_wire::rule::{
    Action, BITMASK_WORDS, FIXED_LEN, FilterList, Operator, PREPEND, RuleData, UNSET_ID, field,
};
use serde::{Deserialize, Serialize};

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Value {
    /// A number or an id.
    Number(u32),
    /// A string without NUL: the kernel keeps C strings, what follows a NUL is lost.
    Text(Vec<u8>),
}

/// One test of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) operator: Operator,
    pub(super) value: Value,
}

/// How the look-up of a watched path went. It counts when the rule is added, not before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Watched {
    Nothing,
    File(PathAnswer),
    Tree(Vec<u8>, PathAnswer),
}

/// An audit rule that passed the kernel's checks.
///
/// [`Rule::parse`] makes one, from a request to add or to delete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    pub(super) list: FilterList,
    pub(super) prepend: bool,
    pub(super) action: Action,
    #[serde(with = "super::mask")]
    pub(super) mask: [u32; BITMASK_WORDS],
    pub(super) fields: Vec<Field>,
    /// Some field was given as `loginuid = -1`, the old way to ask for [`field::LOGINUID_SET`]. The kernel keeps one
    /// flag a rule and lists every such field the old way.
    pub(super) legacy_loginuid: bool,
    pub(super) exe: Option<FileId>,
    pub(super) watched: Watched,
}

impl Rule {
    /// The list the rule is for.
    pub fn list(&self) -> FilterList {
        self.list
    }

    /// What the rule does when it matches.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whether the rule is to go to the head of its list. False for every stored rule.
    pub fn is_prepend(&self) -> bool {
        self.prepend
    }

    /// The key, up to 256 bytes; empty if it began with NUL.
    pub fn key(&self) -> Option<&[u8]> {
        self.text(field::FILTERKEY)
    }

    /// The path of the executable that the rule names.
    pub(super) fn exe_path(&self) -> Option<&[u8]> {
        self.text(field::EXE)
    }

    /// Whether both are the same rule in the kernel's eyes (kernel: `audit_compare_rule`). Where the paths lead does not
    /// matter.
    pub fn is_same(&self, other: &Self) -> bool {
        self.prepend == other.prepend
            && self.legacy_loginuid == other.legacy_loginuid
            && self.list == other.list
            && self.action == other.action
            && self.fields == other.fields
            && self.mask == other.mask
    }

    /// The payload of a `AUDIT_LIST_RULES` reply: `struct audit_rule_data` without padding (kernel:
    /// `audit_krule_to_data`).
    pub fn payload(&self) -> Vec<u8> {
        let mut buf = Vec::with_capacity(self.text_len());
        let mut data = RuleData {
            flags: self.list.number() | if self.prepend { PREPEND } else { 0 },
            action: self.action.number(),
            mask: self.mask,
            ..RuleData::default()
        };
        let slots = data.fields.iter_mut().zip(&mut data.values).zip(&mut data.fieldflags);
        for (field, ((number, value), operator)) in self.fields.iter().zip(slots) {
            data.field_count += 1;
            *operator = field.operator.code();
            (*number, *value) = match &field.value {
                Value::Number(0) if self.legacy_loginuid && field.number == field::LOGINUID_SET => {
                    (field::LOGINUID, UNSET_ID)
                }
                Value::Number(plain) => (field.number, *plain),
                Value::Text(text) => {
                    buf.extend_from_slice(text);
                    (field.number, u32::try_from(text.len()).unwrap_or(u32::MAX))
                }
            };
        }
        data.buflen = u32::try_from(buf.len()).unwrap_or(u32::MAX);
        data.buf = &buf;
        data.encode()
    }

    /// Bytes of [`Rule::payload`].
    pub fn payload_len(&self) -> usize {
        FIXED_LEN + self.text_len()
    }

    fn text_len(&self) -> usize {
        self.fields
            .iter()
            .map(|field| if let Value::Text(text) = &field.value { text.len() } else { 0 })
            .sum()
    }

    fn text(&self, number: u32) -> Option<&[u8]> {
        self.fields.iter().find_map(|field| match &field.value {
            Value::Text(text) if field.number == number => Some(text.as_slice()),
            _ => None,
        })
    }
}

//! `struct audit_rule_data` as bytes: 1040 bytes and the strings.

use crate::messages::words;

pub(crate) const EQUAL: u32 = 0x4000_0000;
pub(crate) const GREATER: u32 = 0x2000_0000;

pub(crate) const USER: u32 = 0;
pub(crate) const TASK: u32 = 1;
pub(crate) const EXIT: u32 = 4;
pub(crate) const EXCLUDE: u32 = 5;
pub(crate) const FS: u32 = 6;
pub(crate) const IO_URING: u32 = 7;
pub(crate) const PREPEND: u32 = 0x10;

pub(crate) const NEVER: u32 = 0;
pub(crate) const ALWAYS: u32 = 2;

pub(crate) const PID: u32 = 0;
pub(crate) const UID: u32 = 1;
pub(crate) const LOGINUID: u32 = 9;
pub(crate) const ARCH: u32 = 11;
pub(crate) const MSGTYPE: u32 = 12;
pub(crate) const LOGINUID_SET: u32 = 24;
pub(crate) const FSTYPE: u32 = 26;
pub(crate) const EXIT_CODE: u32 = 103;
pub(crate) const WATCH: u32 = 105;
pub(crate) const PERM: u32 = 106;
pub(crate) const DIR: u32 = 107;
pub(crate) const EXE: u32 = 112;
pub(crate) const KEY: u32 = 210;

/// A rule under construction: list (with flags), action, then fields.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    list: u32,
    action: u32,
    mask: [u32; 64],
    fields: Vec<(u32, u32, u32)>,
    count: Option<u32>,
    strings: Vec<u8>,
}

impl Rule {
    pub(crate) fn new(list: u32, action: u32) -> Self {
        Self { list, action, mask: [0; 64], fields: Vec::new(), count: None, strings: Vec::new() }
    }

    /// Adds a numeric field compared for equality.
    pub(crate) fn field(self, field: u32, value: u32) -> Self {
        self.compare(field, EQUAL, value)
    }

    /// Adds a numeric field with any operator.
    pub(crate) fn compare(mut self, field: u32, op: u32, value: u32) -> Self {
        self.fields.push((field, op, value));
        self
    }

    /// Adds a string field; its value is the string's length.
    pub(crate) fn string(mut self, field: u32, text: &[u8]) -> Self {
        self.strings.extend(text);
        self.field(field, u32::try_from(text.len()).unwrap_or(u32::MAX))
    }

    /// Bytes after the fixed part that no field accounts for.
    pub(crate) fn buffer(mut self, bytes: &[u8]) -> Self {
        self.strings.extend(bytes);
        self
    }

    /// Names one system call.
    pub(crate) fn syscall(mut self, number: u32) -> Self {
        self.mask[(number / 32) as usize % 64] |= 1 << (number % 32);
        self
    }

    /// Names every system call.
    pub(crate) fn all_syscalls(mut self) -> Self {
        self.mask = [u32::MAX; 64];
        self
    }

    /// Claims another number of fields than there are.
    pub(crate) fn claim_fields(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// The payload of `ADD_RULE` and `DEL_RULE`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = self.count.unwrap_or(u32::try_from(self.fields.len()).unwrap_or(u32::MAX));
        let column = |pick: fn(&(u32, u32, u32)) -> u32| {
            let mut out = [0_u32; 64];
            for (slot, field) in out.iter_mut().zip(&self.fields) {
                *slot = pick(field);
            }
            words(&out)
        };
        let mut out = words(&[self.list, self.action, count]);
        out.extend(words(&self.mask));
        out.extend(column(|f| f.0));
        out.extend(column(|f| f.2));
        out.extend(column(|f| f.1));
        out.extend(words(&[u32::try_from(self.strings.len()).unwrap_or(u32::MAX)]));
        out.extend(&self.strings);
        out
    }
}

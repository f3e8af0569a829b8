//! From a request's payload to a rule: the kernel's checks in the kernel's order.

use super::classes;
use super::ids::{AllIds, IdMap};
use super::path::{PathAnswer, PathAnswers, PathKind, PathQuestion};
use super::rule::{Field, Rule, Value, Watched};
use super::valid::check_field;
use auditns_wire::Errno;
use auditns_wire::rule::{
    Action, FilterList, MAX_FIELDS, MAX_KEY_LEN, MAX_STRING_LEN, Operator, PREPEND, RuleData, UNSET_ID, field,
};

/// The paths that must be looked up before the request with this payload can be judged.
///
/// At most two, each of at most 4096 bytes; none if the request fails before it comes to paths. The answers for
/// watches and trees count only when the rule is added, so a request to delete may leave them out.
pub fn path_questions(payload: &[u8]) -> Vec<PathQuestion> {
    let mut questions = Vec::new();
    let Ok(data) = RuleData::decode(payload) else { return questions };
    let record = |kind, path: &[u8]| {
        questions.push(PathQuestion { path: path.to_vec(), kind });
        Ok(None)
    };
    // Every id is taken for mapped: a question too many does no harm. The result does not matter, only what was asked
    // on the way to it.
    let _ = Parser::new(&data, record).and_then(|parser| parser.fields(&AllIds));
    questions
}

impl Rule {
    /// Judges the payload of an `AUDIT_ADD_RULE` or `AUDIT_DEL_RULE` message (kernel: `audit_data_to_entry`).
    ///
    /// `answers` holds what became of [`path_questions`], `ids` which ids the owner's user namespace has.
    ///
    /// # Errors
    /// `EINVAL` for a payload below 1040 bytes, an unknown list, action, field or operator, more than 64 fields, an
    /// unmapped id, a misplaced or malformed string, a second key, executable or watched object; `ENAMETOOLONG` for a
    /// string above 4096 bytes that lies within the payload; for an executable, the errno of its look-up. Watched paths
    /// are not judged here but when the rule is added.
    pub fn parse(payload: &[u8], answers: &PathAnswers, ids: &impl IdMap) -> Result<Self, Errno> {
        let data = RuleData::decode(payload).map_err(|_| Errno::EINVAL)?;
        Parser::new(&data, |kind, path: &[u8]| answers.get(kind, path))?.fields(ids)
    }
}

struct Parser<'a, L> {
    data: &'a RuleData<'a>,
    /// What is left of the string buffer.
    rest: &'a [u8],
    lookup: L,
    rule: Rule,
    has_inode: bool,
}

impl<'a, L: FnMut(PathKind, &[u8]) -> PathAnswer> Parser<'a, L> {
    /// List, action and count (kernel: `audit_to_entry_common`).
    fn new(data: &'a RuleData<'a>, lookup: L) -> Result<Self, Errno> {
        let list = FilterList::from_number(data.flags & !PREPEND).ok_or(Errno::EINVAL)?;
        let action = Action::from_number(data.action).ok_or(Errno::EINVAL)?;
        let count = usize::try_from(data.field_count).map_err(|_| Errno::EINVAL)?;
        if count > MAX_FIELDS {
            return Err(Errno::EINVAL);
        }
        let rule = Rule {
            list,
            prepend: data.flags & PREPEND != 0,
            action,
            mask: classes::expand(data.mask),
            fields: Vec::with_capacity(count),
            legacy_loginuid: false,
            exe: None,
            watched: Watched::Nothing,
        };
        Ok(Self { data, rest: data.buf, lookup, rule, has_inode: false })
    }

    /// The fields, one after the other; the first bad one decides.
    fn fields(mut self, ids: &impl IdMap) -> Result<Rule, Errno> {
        let words = self.data.fields.iter().zip(&self.data.values).zip(&self.data.fieldflags);
        for ((&number, &value), &operator) in words.take(self.rule.fields.capacity()) {
            let operator = Operator::from_code(operator).ok_or(Errno::EINVAL)?;
            let (number, value) = if number == field::LOGINUID && value == UNSET_ID {
                self.rule.legacy_loginuid = true;
                (field::LOGINUID_SET, 0)
            } else {
                (number, value)
            };
            check_field(self.rule.list, number, operator)?;
            let value = self.value(number, operator, value, ids)?;
            self.rule.fields.push(Field { number, operator, value });
        }
        Ok(self.rule)
    }

    fn value(
        &mut self,
        number: u32,
        operator: Operator,
        value: u32,
        ids: &impl IdMap,
    ) -> Result<Value, Errno> {
        let text = match number {
            field::WATCH => self.watch(operator, value)?,
            field::DIR => self.dir(operator, value)?,
            field::EXE => self.exe(value)?,
            field::FILTERKEY => self.key(value)?,
            // Without a security module that audits, the kernel keeps any string and compares nothing.
            _ if field::is_security(number) => c_string(self.string(value)?),
            _ if field::is_uid(number) && !(value != UNSET_ID && ids.has_uid(value)) => {
                return Err(Errno::EINVAL);
            }
            _ if field::is_gid(number) && !(value != UNSET_ID && ids.has_gid(value)) => {
                return Err(Errno::EINVAL);
            }
            field::INODE => {
                self.may_watch(operator.is_equality())?;
                self.has_inode = true;
                return Ok(Value::Number(value));
            }
            _ => return Ok(Value::Number(value)),
        };
        Ok(Value::Text(text.to_vec()))
    }

    /// Kernel: `audit_to_watch`.
    fn watch(&mut self, operator: Operator, len: u32) -> Result<&'a [u8], Errno> {
        let raw = self.string(len)?;
        self.may_watch(is_file_path(raw) && operator == Operator::Equal)?;
        let path = c_string(raw);
        self.rule.watched = Watched::File((self.lookup)(PathKind::Watch, path));
        Ok(path)
    }

    /// Kernel: `audit_make_tree`. A trailing slash is welcome here.
    fn dir(&mut self, operator: Operator, len: u32) -> Result<&'a [u8], Errno> {
        let path = c_string(self.string(len)?);
        self.may_watch(path.starts_with(b"/") && operator == Operator::Equal)?;
        self.rule.watched = Watched::Tree(path.to_vec(), (self.lookup)(PathKind::Dir, path));
        Ok(path)
    }

    /// Kernel: `audit_alloc_mark`. The look-up happens at once, so its error goes before those of later fields.
    fn exe(&mut self, len: u32) -> Result<&'a [u8], Errno> {
        if self.rule.exe_path().is_some() || exceeds(len, MAX_STRING_LEN) {
            return Err(Errno::EINVAL);
        }
        let raw = self.string(len)?;
        if !is_file_path(raw) {
            return Err(Errno::EINVAL);
        }
        let path = c_string(raw);
        self.rule.exe = (self.lookup)(PathKind::Exe, path)?;
        Ok(path)
    }

    fn key(&mut self, len: u32) -> Result<&'a [u8], Errno> {
        if self.rule.key().is_some() || exceeds(len, MAX_KEY_LEN) {
            return Err(Errno::EINVAL);
        }
        self.string(len).map(c_string)
    }

    /// A rule watches one object, and only in the lists that see files.
    fn may_watch(&self, well_formed: bool) -> Result<(), Errno> {
        let sees_files = matches!(self.rule.list, FilterList::Exit | FilterList::UringExit);
        let watches = self.has_inode || !matches!(self.rule.watched, Watched::Nothing);
        if well_formed && sees_files && !watches { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// The next string of the buffer, never empty (kernel: `audit_unpack_string`).
    fn string(&mut self, len: u32) -> Result<&'a [u8], Errno> {
        let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
        let (string, rest) = self.rest.split_at_checked(len).ok_or(Errno::EINVAL)?;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        if len > MAX_STRING_LEN {
            return Err(Errno::ENAMETOOLONG);
        }
        self.rest = rest;
        Ok(string)
    }
}

/// Judged with whatever follows a NUL, as the kernel does: `/tmp/` is refused, `/tmp/` and a NUL is not.
fn is_file_path(raw: &[u8]) -> bool {
    raw.starts_with(b"/") && !raw.ends_with(b"/")
}

fn exceeds(len: u32, limit: usize) -> bool {
    usize::try_from(len).map_or(true, |len| len > limit)
}

fn c_string(raw: &[u8]) -> &[u8] {
    raw.split(|byte| *byte == 0).next().unwrap_or_default()
}

//! The fields of a record: words of the form `name=value`, between blanks.

use crate::record::Record;
use memchr::memchr;

/// How the text of a program begins, which is always the last field.
const MESSAGE: &[u8] = b"msg='";
/// Names whose values nobody but the kernel, or whoever stands for it, may say.
const ATTESTED: [&[u8]; 5] = [b"contid", b"pid", b"uid", b"auid", b"ses"];

/// Where a field is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the record's own fields alone.
    Own,
    /// In the record's own fields, else in what auditd has added, else in what a program says.
    Anywhere,
    /// In what a program says alone.
    Message,
}

impl Place {
    /// Where a name is looked for when nothing else is said.
    pub(crate) fn of(name: &[u8]) -> Place {
        if ATTESTED.contains(&name) { Place::Own } else { Place::Anywhere }
    }

    /// Whether a field of that name has such a value, here.
    pub(crate) fn any(self, record: &Record<'_>, name: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> bool {
        let parts = record.parts();
        let mut own = Fields::own(parts.text);
        if self != Place::Message
            && let Some(answer) = answer(&mut own, name, &is_wanted)
        {
            return answer;
        }
        if self == Place::Anywhere
            && let Some(answer) = answer(&mut Fields::of(parts.enrichment), name, &is_wanted)
        {
            return answer;
        }
        self != Place::Own && answer(&mut own.message(), name, &is_wanted) == Some(true)
    }
}

/// `None` if there is no field of that name.
fn answer(fields: &mut Fields<'_>, name: &[u8], is_wanted: &impl Fn(&[u8]) -> bool) -> Option<bool> {
    let mut answers = fields.filter(|field| field.name == name).map(|field| is_wanted(field.value));
    let first = answers.next()?;
    Some(first || answers.any(|is| is))
}

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    /// Its value and everything behind it.
    pub(crate) value: &'a [u8],
}

/// Fields in order. Words of another form are left out.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    ends_at_message: bool,
}

impl<'a> Fields<'a> {
    /// All of a text.
    pub(crate) fn of(text: &'a [u8]) -> Fields<'a> {
        Fields { rest: text, ends_at_message: false }
    }

    /// The record's own: those before `msg='`. No value of theirs has a blank in it: the kernel writes such strings in
    /// hexadecimal digits.
    pub(crate) fn own(text: &'a [u8]) -> Fields<'a> {
        Fields { rest: text, ends_at_message: true }
    }

    /// What follows in `msg='...'`.
    fn message(mut self) -> Fields<'a> {
        while self.next().is_some() {}
        let text = self.rest.strip_prefix(MESSAGE).unwrap_or_default();
        Fields::of(text.strip_suffix(b"'").unwrap_or(text))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while !self.rest.is_empty() {
            let text = self.rest;
            if self.ends_at_message && text.starts_with(MESSAGE) {
                return None;
            }
            let end = memchr(b' ', text).unwrap_or(text.len());
            self.rest = text.get(end + 1..).unwrap_or_default();
            let equals = text.get(..end).and_then(|word| memchr(b'=', word));
            if let Some((name, value)) = equals.and_then(|at| text.split_at_checked(at)) {
                return Some(Field { name, value: value.get(1..).unwrap_or_default() });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: Fields<'_>) -> Vec<String> {
        fields.map(|field| String::from_utf8_lossy(field.name).into_owned()).collect()
    }

    #[test]
    fn the_records_own_fields_end_where_a_program_speaks() {
        let text = b"  pid=1 x avc: comm=\"a\" old-auid=2 msg='op=x auid=0 msg='pid=7' res=success'";
        assert_eq!(names(Fields::own(text)), ["pid", "comm", "old-auid"]);
        assert_eq!(names(Fields::own(text).message()), ["op", "auid", "msg", "res"]);
        assert_eq!(names(Fields::own(b"pid=1 exe=msg='x'").message()), [""; 0]);
        assert_eq!(names(Fields::own(b"msg='cut op=x").message()), ["op"]);
        assert_eq!(names(Fields::own(b"").message()), [""; 0]);
    }

    #[test]
    fn a_name_belongs_to_the_first_part_that_has_it() {
        let line = b"type=X msg=audit(1.000:1): pid=1 op=a msg='pid=2 op=b acct=c UID=d'\x1dUID=\"root\"";
        let record = Record::parse(line).unwrap();
        let has = |place: Place, name: &str, value: &str| {
            place.any(&record, name.as_bytes(), |found| found.starts_with(value.as_bytes()))
        };
        assert!(has(Place::Anywhere, "op", "a") && !has(Place::Anywhere, "op", "b"));
        assert!(has(Place::Message, "op", "b") && !has(Place::Message, "op", "a"));
        assert!(has(Place::Anywhere, "acct", "c") && !has(Place::Own, "acct", "c"));
        assert!(has(Place::Anywhere, "UID", "\"root\"") && !has(Place::Anywhere, "UID", "d"));
        assert!(has(Place::Message, "UID", "d") && !has(Place::Message, "pid", "1"));
        assert_eq!((Place::of(b"pid"), Place::of(b"acct")), (Place::Own, Place::Anywhere));
    }
}

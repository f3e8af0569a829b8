//! What people write: `NAME=VALUE[,VALUE]...` or `NAME!=VALUE[,VALUE]...`.

use crate::field::Place;
use crate::record::{Record, number};
use crate::value::Value;
use std::str::FromStr;

/// Longest expression in bytes.
pub const EXPRESSION_MAX: usize = 4096;

/// Before a name that is looked for only in what a program says.
const MESSAGE_PREFIX: &str = "msg.";
/// The number of a user, login or session that is not set.
const UNSET: u64 = 4_294_967_295;

/// A condition on records: a field has one of some values, or none of them.
///
/// Names are `type`, `serial`, and those of fields. A field is looked for among the record's own, else among those that
/// auditd has added, else in what a program says in `msg='...'`; `contid`, `pid`, `uid`, `auid` and `ses` are looked for
/// among the record's own alone, and names after `msg.` in what a program says alone. A value that holds a comma is written
/// with `\,`, a backslash with `\\`. `!=` holds where `=` does not, thus also for a record without such a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    subject: Subject,
    is_negated: bool,
    values: Vec<Value>,
}

/// What an expression is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Kind,
    Serial,
    Field { name: Vec<u8>, place: Place },
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Beyond [`EXPRESSION_MAX`].
    #[error("it has {0} bytes and may have {EXPRESSION_MAX}; search for fewer values at once")]
    TooLong(usize),
    /// No `=`.
    #[error("{0:?} names no value; write NAME=VALUE or NAME!=VALUE, for example auid=1000")]
    NoValue(String),
    /// Nothing before the `=`, or what no field is called.
    #[error(
        "{0:?} is no name of a field; write letters, digits, '_', '-' and '.', for example old-auid=1000"
    )]
    Name(String),
    /// Nothing between two commas.
    #[error(
        "{0:?} has an empty value; write {0}=VALUE, for example key=web, or {0}='\"\"' for an empty text"
    )]
    Empty(String),
    /// Something else than digits.
    #[error(
        "{name} is a number, not {value:?}; write for example {name}=1000, or {name}=unset for a uid, auid or ses"
    )]
    Number {
        /// Of the field.
        name: String,
        /// What was to be its value.
        value: String,
    },
    /// A type by number.
    #[error("records show types by name, not as {0:?}; write for example type=USER_LOGIN")]
    KindNumber(String),
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Expression, ExpressionError> {
        if text.len() > EXPRESSION_MAX {
            return Err(ExpressionError::TooLong(text.len()));
        }
        let (name, values) = text.split_once('=').ok_or_else(|| ExpressionError::NoValue(text.to_owned()))?;
        let (name, is_negated) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
        let subject = subject(name)?;
        let values = separated(values).into_iter().map(|value| subject.value(name, &value));
        Ok(Expression { values: values.collect::<Result<_, _>>()?, subject, is_negated })
    }
}

fn subject(name: &str) -> Result<Subject, ExpressionError> {
    let (bare, place) = match name.strip_prefix(MESSAGE_PREFIX) {
        Some(bare) => (bare, Place::Message),
        None => (name, Place::of(name.as_bytes())),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if bare.is_empty() || !bare.bytes().all(is_plain) {
        return Err(ExpressionError::Name(name.to_owned()));
    }
    Ok(match name {
        "type" => Subject::Kind,
        "serial" => Subject::Serial,
        _ => Subject::Field { name: bare.as_bytes().to_vec(), place },
    })
}

/// The values of a list, without the backslashes that protect commas.
fn separated(list: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        let protected =
            if character == '\\' { characters.next_if(|next| matches!(next, ',' | '\\')) } else { None };
        match (character, protected, values.last_mut()) {
            (',', ..) | (.., None) => values.push(String::new()),
            (character, protected, Some(value)) => value.push(protected.unwrap_or(character)),
        }
    }
    values
}

impl Subject {
    fn value(&self, name: &str, text: &str) -> Result<Value, ExpressionError> {
        if text.is_empty() {
            return Err(ExpressionError::Empty(name.to_owned()));
        }
        match self {
            Subject::Kind if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(ExpressionError::KindNumber(text.to_owned()))
            }
            Subject::Kind => Ok(Value::new(&text.to_ascii_uppercase())),
            Subject::Field { place: Place::Anywhere | Place::Message, .. } => Ok(Value::new(text)),
            Subject::Serial | Subject::Field { place: Place::Own, .. } => {
                let may_be_unset = matches!(name, "uid" | "auid" | "ses");
                let number = match text {
                    "unset" | "-1" if may_be_unset => Some(UNSET),
                    _ => number(text.as_bytes()),
                };
                let wrong = || ExpressionError::Number { name: name.to_owned(), value: text.to_owned() };
                number.map(Value::of_number).ok_or_else(wrong)
            }
        }
    }

    /// Whether this is a rule's key, of which a record can show several.
    pub(crate) fn is_key(&self) -> bool {
        matches!(self, Subject::Field { name, .. } if name == b"key")
    }
}

impl Expression {
    /// Whether it holds for a record.
    pub fn holds(&self, record: &Record<'_>) -> bool {
        let any = |is: &dyn Fn(&Value) -> bool| self.values.iter().any(is);
        let is = match &self.subject {
            Subject::Kind => any(&|value| value.bare() == record.kind),
            Subject::Serial => any(&|value| value.is_number(record.serial)),
            Subject::Field { name, place } => {
                let is_key = self.subject.is_key();
                place.any(record, name, |found| {
                    any(&|value| if is_key { value.begins_among_keys(found) } else { value.begins(found) })
                })
            }
        };
        is != self.is_negated
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The values of which a record must have one; none if it must have none of them.
    pub(crate) fn required(&self) -> Option<&[Value]> {
        (!self.is_negated).then_some(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Expression {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn holds(text: &str, line: &str) -> bool {
        expression(text).holds(&Record::parse(line.as_bytes()).unwrap())
    }

    const LINE: &str = "type=USER_CMD msg=audit(1700000000.123:45): contid=7 pid=12 uid=100000 auid=4294967295 ses=3 \
        msg='op=sudo auid=0 ses=9 cmd=6C73202D6C acct=\"a,b\" path=C:\\x exe=\"/bin/su\" res=failed'";

    #[test]
    fn values_of_one_expression_are_alternatives() {
        for yes in [
            "type=USER_CMD",
            "type=user_login,user_cmd",
            "serial=45",
            "contid=7",
            "auid=unset",
            "auid=-1",
            "auid=0,4294967295",
            "uid=0100000",
            "cmd=ls -l",
            "exe=/bin/su",
            "exe=\"/bin/su\"",
            "res=failed,no",
            r"acct=a\,b",
            r"path=C:\\x",
            r"path=C:\x",
            "msg.auid=0",
            "ses!=9",
            "key!=web",
            "type!=USER_LOGIN,LOGIN",
        ] {
            assert!(holds(yes, LINE), "{yes}");
        }
        for no in [
            "type=USER",
            "serial=4",
            "contid=8",
            "auid=0",
            "ses=9",
            "pid=1",
            "pid=12,13 ",
            "acct=a,b",
            "res=fail",
            "msg.pid=12",
            "key=web",
            "res!=success,failed",
            "cmd=ls",
        ] {
            assert!(no.parse::<Expression>().is_err() || !holds(no, LINE), "{no}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told_with_an_example() {
        for (wrong, said) in [
            ("auid", "\"auid\" names no value; write NAME=VALUE or NAME!=VALUE, for example auid=1000"),
            ("", "names no value"),
            ("=1", "\"\" is no name of a field"),
            ("a b=1", "is no name of a field"),
            ("a!!=1", "is no name of a field"),
            ("msg.=1", "is no name of a field"),
            ("key=", "\"key\" has an empty value; write"),
            ("key=a,,b", "empty value"),
            ("auid=root", "auid is a number, not \"root\"; write for example auid=1000"),
            ("pid=unset", "pid is a number"),
            ("contid=-1", "contid is a number"),
            ("serial=99999999999999999999", "serial is a number"),
            ("type=1112", "for example type=USER_LOGIN"),
        ] {
            let error = wrong.parse::<Expression>().unwrap_err().to_string();
            assert!(error.contains(said), "{wrong}: {error}");
        }
        let long = |length: usize| format!("key={}", "x".repeat(length - 4));
        assert!(long(EXPRESSION_MAX).parse::<Expression>().is_ok());
        let error = long(EXPRESSION_MAX + 1).parse::<Expression>().unwrap_err();
        assert_eq!(error, ExpressionError::TooLong(EXPRESSION_MAX + 1));
    }
}

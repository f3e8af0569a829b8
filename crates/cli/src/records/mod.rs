//! Records of log files, for people and programs.

mod listing;
mod tail;

pub(crate) use tail::{Buffer, LINE_MAX, Tail};

use auditns_search::Record;
use serde::Serialize;
use std::borrow::Cow;

/// A record for a program.
#[derive(Debug, Serialize)]
struct Object<'a> {
    namespace: &'a str,
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    time: f64,
    serial: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    contid: Option<u64>,
    text: Cow<'a, str>,
}

/// How lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they stand.
    Text,
    /// A JSON object for each.
    Json,
}

impl Form {
    /// Appends a line of the log of this namespace. Records are safe for a terminal; what somebody else has put into the
    /// file may not be.
    pub(crate) fn write(self, line: &[u8], namespace: &str, output: &mut Vec<u8>) {
        match Record::parse(line) {
            Some(record) if self == Form::Json => write_json(&record, namespace, output),
            _ => write_text(line, output),
        }
        output.push(b'\n');
    }
}

fn write_json(record: &Record<'_>, namespace: &str, output: &mut Vec<u8>) {
    let text = |bytes| String::from_utf8_lossy(bytes);
    let object = Object {
        namespace,
        kind: text(record.kind),
        time: text(record.time).parse().unwrap_or(0.0),
        serial: record.serial,
        contid: record.own_field("contid").and_then(|digits| text(digits).parse().ok()),
        text: text(record.body),
    };
    // Strings and numbers always become JSON, and memory can always be written to.
    let _ = serde_json::to_writer(output, &object);
}

/// Appends a line without what a terminal obeys.
fn write_text(line: &[u8], output: &mut Vec<u8>) {
    // Without a way out in between, many bytes are compared at once.
    let is_plain = line.iter().fold(true, |is_plain, byte| is_plain & (b' '..=b'~').contains(byte));
    if is_plain {
        output.extend_from_slice(line);
    } else {
        output.extend_from_slice(escaped(&String::from_utf8_lossy(line)).as_bytes());
    }
}

/// A text without what a terminal obeys.
pub(crate) fn escaped(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    let escape = |c: char| if c.is_control() { format!("\\x{:02x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, line: &[u8]) -> String {
        let mut output = Vec::new();
        form.write(line, "web", &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn programs_get_an_object_for_each_record() {
        let line = b"type=USER_LOGIN msg=audit(1700000000.123:45): contid=77 pid=1 uid=0";
        assert_eq!(
            written(Form::Json, line),
            "{\"namespace\":\"web\",\"type\":\"USER_LOGIN\",\"time\":1700000000.123,\"serial\":45,\"contid\":77,\
             \"text\":\"contid=77 pid=1 uid=0\"}\n"
        );
        let forged = written(Form::Json, b"type=X msg=audit(1.000:4): pid=1 msg='contid=5 \x1b\xff'");
        assert!(!forged.contains("\"contid\":5") && forged.contains("\\u001b\u{fffd}"), "{forged}");
        assert_eq!(written(Form::Json, b"no record"), "no record\n");
    }

    #[test]
    fn nothing_printed_is_obeyed_by_a_terminal() {
        let text = written(Form::Text, "a\u{1b}[31m\u{9b}\0\u{e4}".as_bytes());
        assert_eq!(text, "a\\x1b[31m\\x9b\\x00\u{e4}\n");
        assert_eq!(written(Form::Text, b"a\xffb"), "a\u{fffd}b\n");
    }
}

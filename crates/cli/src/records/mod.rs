//! Records of log files, for people and programs.

mod tail;

pub(crate) use tail::Tail;

use serde::Serialize;

/// A record, as far as its frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// The whole line.
    pub(crate) line: &'a str,
    pub(crate) kind: &'a str,
    /// Seconds since 1970 with three decimals, as written.
    pub(crate) time: &'a str,
    pub(crate) serial: u64,
    /// What follows the stamp.
    pub(crate) body: &'a str,
}

/// A record for a program.
#[derive(Debug, Serialize)]
struct Object<'a> {
    namespace: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    time: f64,
    serial: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    contid: Option<u64>,
    text: &'a str,
}

impl<'a> Record<'a> {
    /// The record of a line; `None` if it has not the frame of one.
    pub(crate) fn parse(line: &'a str) -> Option<Record<'a>> {
        let (kind, rest) = line.strip_prefix("type=")?.split_once(" msg=audit(")?;
        let (stamp, body) = rest.split_once("): ")?;
        let (time, serial) = stamp.split_once(':')?;
        Some(Record { line, kind, time, serial: serial.parse().ok()?, body })
    }

    /// When it was made, in whole seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.time.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
    }

    /// The line as it is to be printed. Records are safe for a terminal; what somebody else has put into the file may not be.
    pub(crate) fn text(&self) -> String {
        escaped(self.line)
    }

    /// A JSON object in one line.
    pub(crate) fn json(&self, namespace: &str) -> String {
        let contid = self.body.strip_prefix("contid=").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let object = Object {
            namespace,
            kind: self.kind,
            time: self.time.parse().unwrap_or(0.0),
            serial: self.serial,
            contid,
            text: self.body,
        };
        // Strings and numbers always become JSON.
        serde_json::to_string(&object).unwrap_or_default()
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

    const LINE: &str = "type=USER_LOGIN msg=audit(1700000000.123:45): contid=77 pid=1 uid=0";

    #[test]
    fn frames_are_parsed_and_others_refused() {
        let record = Record::parse(LINE).unwrap();
        assert_eq!((record.kind, record.seconds(), record.serial), ("USER_LOGIN", 1_700_000_000, 45));
        assert_eq!(
            record.json("web"),
            "{\"namespace\":\"web\",\"type\":\"USER_LOGIN\",\"time\":1700000000.123,\"serial\":45,\"contid\":77,\
             \"text\":\"contid=77 pid=1 uid=0\"}"
        );
        for wrong in ["", "type=X", "type=X msg=audit(1:x): y", "hello"] {
            assert_eq!(Record::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_printed_is_obeyed_by_a_terminal() {
        assert_eq!(escaped("a\u{1b}[31m\u{9b}"), "a\\x1b[31m\\x9b");
    }
}

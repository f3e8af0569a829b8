//! Reading audit logs as the format defines them, without the tools under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One line of an audit log: `type=NAME msg=audit(SECONDS.MILLIS:SERIAL): TEXT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The type's name, as in `USER_LOGIN`; `UNKNOWN[1234]` for a number without a name.
    pub kind: String,
    /// Seconds since 1970.
    pub seconds: u64,
    /// Milliseconds, 0..=999.
    pub millis: u16,
    /// The event's serial number.
    pub serial: u64,
    /// What follows the stamp, without the interpreted fields that an ENRICHED log appends after a group separator.
    pub text: String,
}

impl Record {
    /// Reads one line; the error says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{what}: {line:?}");
        let rest = line.strip_prefix("type=").ok_or_else(|| wrong("the line does not begin with type="))?;
        let (kind, rest) = rest.split_once(' ').ok_or_else(|| wrong("nothing follows the type"))?;
        let rest = rest.strip_prefix("msg=audit(").ok_or_else(|| wrong("no stamp follows the type"))?;
        let (stamp, text) = rest.split_once("):").ok_or_else(|| wrong("the stamp has no end"))?;
        let (time, serial) = stamp.split_once(':').ok_or_else(|| wrong("the stamp has no serial"))?;
        let (seconds, millis) = time.split_once('.').ok_or_else(|| wrong("the stamp has no milliseconds"))?;
        if millis.len() != 3 {
            return Err(wrong("the milliseconds have not three digits"));
        }
        let number = |digits: &str| digits.parse().map_err(|_| wrong("a number of the stamp is none"));
        let millis = millis.parse().map_err(|_| wrong("the milliseconds are no number"))?;
        let text = text.split('\x1d').next().unwrap_or_default();
        Ok(Self {
            kind: kind.to_owned(),
            seconds: number(seconds)?,
            millis,
            serial: number(serial)?,
            text: text.trim().to_owned(),
        })
    }

    /// The first value of a field that is a number.
    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.field(name)?.parse().ok()
    }

    /// The first value of a field, without quotes: `field("auid")` is `"1000"`, `field("acct")` is `"alice"`.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut rest = self.text.as_str();
        loop {
            let at = rest.find(name)?;
            let before = rest[..at].chars().next_back();
            let after = &rest[at + name.len()..];
            if before.is_none_or(|byte| byte == ' ' || byte == '\'')
                && let Some(value) = after.strip_prefix('=')
            {
                return Some(match value.strip_prefix('"') {
                    Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
                    None => value.split([' ', '\'']).next().unwrap_or(value),
                });
            }
            rest = after;
        }
    }

    /// Whether the text contains `part`.
    pub fn has(&self, part: &str) -> bool {
        self.text.contains(part)
    }
}

/// All records of a log, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In the order of the file.
    pub records: Vec<Record>,
}

impl Log {
    /// Reads a whole text; the error names the first malformed line.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.lines().map(Record::parse).collect::<Result<_, _>>().map(|records| Self { records })
    }

    /// The numbers of the records whose mark is `MARK-NUMBER`, in order.
    pub fn numbers(&self, mark: &str) -> Vec<usize> {
        let prefix = format!("{mark}-");
        self.records
            .iter()
            .filter_map(|record| record.field("mark")?.strip_prefix(&prefix)?.parse().ok())
            .collect()
    }

    /// Reads a log and what it was rotated to: `audit.log.N` ... `audit.log.1`, `audit.log`.
    ///
    /// # Panics
    /// When the log cannot be read or holds a malformed line.
    pub fn read(path: &Path) -> Self {
        let mut text = String::new();
        for number in (1..=99).rev() {
            text += &fs::read_to_string(rotated(path, number)).unwrap_or_default();
        }
        let newest = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        text += &String::from_utf8_lossy(&newest);
        Self::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The records of one type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |record| record.kind == kind)
    }

    /// Whether a record of this type contains all these parts.
    pub fn has(&self, kind: &str, parts: &[&str]) -> bool {
        self.of(kind).any(|record| parts.iter().all(|part| record.has(part)))
    }

    /// The position of the first record that contains `part`.
    pub fn position(&self, part: &str) -> Option<usize> {
        self.records.iter().position(|record| record.has(part))
    }

    /// One line a record, for messages of failed assertions.
    pub fn report(&self) -> String {
        self.records.iter().fold(String::new(), |text, record| {
            text + &format!("type={} serial={} {}\n", record.kind, record.serial, record.text)
        })
    }
}

/// `audit.log` -> `audit.log.N`.
fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{Log, Record};

    const LINE: &str = "type=USER_LOGIN msg=audit(1700000000.042:77): pid=9 uid=0 auid=1000 ses=3 msg='op=login \
                        id=1000 exe=\"/usr/sbin/sshd\" acct=\"a b\" terminal=ssh res=success'\x1dUID=\"root\"";

    #[test]
    fn a_line() {
        let record = Record::parse(LINE).unwrap();
        assert_eq!(
            (&*record.kind, record.seconds, record.millis, record.serial),
            ("USER_LOGIN", 1_700_000_000, 42, 77)
        );
        assert_eq!(record.field("uid"), Some("0"));
        assert_eq!(record.field("auid"), Some("1000"));
        assert_eq!(record.field("op"), Some("login"));
        assert_eq!(record.field("acct"), Some("a b"));
        assert_eq!(record.field("res"), Some("success"));
        assert_eq!(record.field("UID"), None);
        assert_eq!(record.field("none"), None);
    }

    #[test]
    fn malformed_lines() {
        for line in [
            "",
            "type=USER",
            "USER msg=audit(1.000:1): a",
            "type=USER audit(1.000:1): a",
            "type=USER msg=audit(1.000:1",
            "type=USER msg=audit(1.000): a",
            "type=USER msg=audit(1:1): a",
            "type=USER msg=audit(1.00:1): a",
            "type=USER msg=audit(x.000:1): a",
            "type=USER msg=audit(1.000:x): a",
        ] {
            assert!(Record::parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_log() {
        let log = Log::parse("type=A msg=audit(1.000:1): x=1\ntype=B msg=audit(1.000:2): x=2\n").unwrap();
        assert!(log.has("B", &["x=2"]) && !log.has("A", &["x=2"]));
        assert_eq!((log.position("x=2"), log.position("x=3")), (Some(1), None));
    }
}

//! Record text with everything replaced that differs from one play to the next.

use crate::hex::short_text;
use std::collections::BTreeMap;

/// The serial number of a record's stamp, and the text after the stamp.
pub(crate) fn stamp(text: &[u8]) -> Option<(u64, &[u8])> {
    let rest = text.strip_prefix(b"audit(")?;
    let end = rest.windows(3).position(|w| w == b"): ")?;
    let inner = std::str::from_utf8(&rest[..end]).ok()?;
    let (time, serial) = inner.split_once(':')?;
    let (seconds, millis) = time.split_once('.')?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(millis) || millis.len() != 3 {
        return None;
    }
    Some((serial.parse().ok()?, &rest[end + 3..]))
}

/// The time of a record's stamp, milliseconds since 1970.
pub(crate) fn time(text: &[u8]) -> Option<u64> {
    stamp(text)?;
    let end = text.iter().position(|b| *b == b':')?;
    let (seconds, millis) = std::str::from_utf8(text.get(6..end)?).ok()?.split_once('.')?;
    seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis.parse().ok()?)
}

/// The `pid=` of a record, which stands before any text of a user's.
pub(crate) fn pid(text: &[u8]) -> Option<i32> {
    tokens(text).find_map(|t| {
        t.strip_prefix(b"pid=")?.iter().try_fold(0_i32, |n, b| {
            (b.is_ascii_digit()).then(|| n.wrapping_mul(10).wrapping_add(i32::from(b - b'0')))
        })
    })
}

/// The blank-separated words before `msg=` or `data=`, after which the text is a user's.
fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b' ').take_while(|t| !t.starts_with(b"msg=") && !t.starts_with(b"data="))
}

/// A process id as the actor that had it.
pub(crate) fn actor(pids: &BTreeMap<String, i32>, pid: &str) -> String {
    let found = pid.parse().ok().and_then(|n: i32| pids.iter().find(|(_, p)| **p == n));
    found.map_or_else(|| pid.to_owned(), |(name, _)| format!("<{name}>"))
}

/// The whole text of a record in comparable form.
pub(crate) fn plain(text: &[u8], pids: &BTreeMap<String, i32>) -> String {
    let (mut out, body) = match stamp(text) {
        Some((_, body)) => (String::from("audit(T):"), body),
        None => (String::from("unstamped:"), text),
    };
    let of_pid = body.windows(10).any(|w| w == b"audit_pid=");
    let mut rest = body;
    for token in tokens(body) {
        rest = rest.get(token.len() + 1..).unwrap_or(&[]);
        let token = short_text(token);
        let Some((key, value)) = token.split_once('=') else {
            out.push(' ');
            out.push_str(&token);
            continue;
        };
        let number = value.bytes().all(|b| b.is_ascii_digit());
        let value = match key {
            // A label is the security module's, present on some machines and not on others.
            "subj" => continue,
            "pid" | "audit_pid" => actor(pids, value),
            "old" if of_pid => actor(pids, value),
            "ppid" => "<ppid>".into(),
            "ses" | "old-ses" if number && value != "4294967295" => "<ses>".into(),
            "comm" if value.starts_with('"') => "<comm>".into(),
            "exe" => "<exe>".into(),
            "proctitle" | "a0" | "a1" | "a2" | "a3" => "<x>".into(),
            _ => value.to_owned(),
        };
        out.push(' ');
        out.push_str(key);
        out.push('=');
        out.push_str(&value);
    }
    if !rest.is_empty() {
        out.push(' ');
        out.push_str(&short_text(rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pids() -> BTreeMap<String, i32> {
        BTreeMap::from([("a".to_owned(), 41), ("auditd".to_owned(), 42)])
    }

    #[test]
    fn a_user_record_loses_what_varies_and_keeps_its_message() {
        let text =
            b"audit(1700000000.123:45): pid=41 uid=0 auid=1000 ses=7 subj=unconfined msg='pid=41 subj=x'";
        assert_eq!(plain(text, &pids()), "audit(T): pid=<a> uid=0 auid=1000 ses=<ses> msg='pid=41 subj=x'");
        assert_eq!(pid(stamp(text).unwrap().1), Some(41));
        assert_eq!(time(text), Some(1_700_000_000_123));
    }

    #[test]
    fn registrations_name_both_ends() {
        let text = b"audit(1.000:1): op=set audit_pid=42 old=41 auid=4294967295 ses=4294967295 res=1";
        assert_eq!(
            plain(text, &pids()),
            "audit(T): op=set audit_pid=<auditd> old=<a> auid=4294967295 ses=4294967295 res=1"
        );
        let limit = b"audit(1.000:1): op=set audit_backlog_limit=42 old=41 res=1";
        assert_eq!(plain(limit, &pids()), "audit(T): op=set audit_backlog_limit=42 old=41 res=1");
    }

    #[test]
    fn a_wrong_stamp_is_visible() {
        for bad in [&b"audit(1.12:3): x"[..], b"audit(1.123:): x", b"x", b"audit(1.123:4) x"] {
            assert!(stamp(bad).is_none(), "{bad:?}");
            assert!(plain(bad, &pids()).starts_with("unstamped:"));
        }
    }

    #[test]
    fn blanks_survive() {
        assert_eq!(plain(b"audit(1.000:1):  ppid=1 pid=41", &pids()), "audit(T):  ppid=<ppid> pid=<a>");
        assert_eq!(plain(b"audit(1.000:1): ", &pids()), "audit(T): ");
        assert_eq!(plain(b"audit(1.000:1): pid=41 msg=''", &pids()), "audit(T): pid=<a> msg=''");
    }
}

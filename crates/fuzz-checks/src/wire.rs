//! What holds for any bytes that a decoder is given.

use auditns_wire::Errno;
use auditns_wire::equivalence::Equivalence;
use auditns_wire::header::{HEADER_LENGTH, Header, messages};
use auditns_wire::loginuid;
use auditns_wire::payload::{Features, Status, TtyStatus};
use auditns_wire::record::{Body, Ids, Stamp, UserText, Viewed, host_line, namespace_text};
use auditns_wire::reply::{Verdict, acknowledgement};
use auditns_wire::rule::{FIXED_LEN, RuleData};
use auditns_wire::text::{escape, untrusted};

/// Messages lie within the datagram, one after the other, and can be acknowledged.
pub fn header(bytes: &[u8]) {
    let mut end = 0;
    for message in messages(bytes) {
        let start = message.payload.as_ptr() as usize - bytes.as_ptr() as usize - HEADER_LENGTH;
        assert_eq!(start, end, "messages follow each other");
        assert_eq!(start % 4, 0, "messages are aligned");
        end = (start + message.header.length as usize).next_multiple_of(4);
        assert!(start + message.header.length as usize <= bytes.len());
        assert_eq!(message.header.length as usize, HEADER_LENGTH + message.payload.len());
        assert_eq!(Header::decode(&message.header.encode()), Some(message.header));
        for verdict in [Verdict::Success, Verdict::Count(7), Verdict::Failure(Errno::EINVAL)] {
            for capped in [false, true] {
                let frame = acknowledgement(&message, verdict, 1, capped);
                let header = Header::decode(&frame).expect("an acknowledgement has a header");
                assert_eq!(header.length as usize, frame.len());
                assert_eq!(header.sequence, message.header.sequence);
                assert_eq!(frame.len() % 4, 0);
                assert!(frame.len() <= 36 + message.payload.len() + 3);
            }
        }
    }
}

/// A payload reads the same with zeros behind it, and what it says survives encoding.
pub fn payload(bytes: &[u8]) {
    let padded = [bytes, &[0; 64]].concat();
    let status = Status::decode(bytes);
    assert_eq!(status, Status::decode(&padded));
    assert_eq!(status, Status::decode(&status.encode()));
    let tty = TtyStatus::decode(bytes);
    assert_eq!(tty, TtyStatus::decode(&padded));
    assert_eq!(tty, TtyStatus::decode(&tty.encode()));
    match Features::decode(bytes) {
        Some(features) => assert_eq!(Features::decode(&features.encode()), Some(features)),
        None => assert!(bytes.len() < Features::LENGTH),
    }
}

/// A rule that is long enough survives the round trip; so does one that zeros make long enough.
pub fn rule(bytes: &[u8]) {
    let mut long = bytes.to_vec();
    long.resize(bytes.len().max(FIXED_LEN), 0);
    let data = RuleData::decode(&long).expect("long enough");
    assert_eq!(data.encode(), long);
    assert_eq!(
        RuleData::decode(&[&long[..], b"/etc/shadow"].concat()).map(|more| more.fields),
        Ok(data.fields)
    );
    match RuleData::decode(bytes) {
        Ok(data) => assert_eq!(data.encode(), bytes),
        Err(short) => assert!(bytes.len() < FIXED_LEN && short.len == bytes.len()),
    }
}

/// Names are parts of the payload, without NUL.
pub fn equivalence(bytes: &[u8]) {
    match Equivalence::decode(bytes) {
        Ok(Equivalence { old, new }) => {
            assert!(8 + old.len() + new.len() <= bytes.len());
            assert!(bytes[8..].starts_with(&old));
            for name in [old, new] {
                assert!(!name.contains(&0) && name.len() <= 4096);
            }
        }
        Err(errno) => assert!(matches!(errno, Errno::EINVAL | Errno::ENAMETOOLONG)),
    }
}

/// What is taken for a login uid is that number, however it is written; the rest is refused for what it is.
pub fn login_uid(bytes: &[u8]) {
    let looked_at = &bytes[..bytes.len().min(loginuid::LOOKED_AT)];
    let whole = looked_at.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = whole.strip_suffix(b"\n").unwrap_or(whole);
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
    match loginuid::parse(bytes) {
        Ok(uid) => {
            assert!(is_number && number == Some(uid), "{text:?} is not {uid}");
            assert_eq!(loginuid::parse(uid.to_string().as_bytes()), Ok(uid));
        }
        Err(Errno::EINVAL) => assert!(!is_number, "{text:?} is a number"),
        Err(Errno::ERANGE) => assert_eq!(number, None, "{text:?} fits"),
        Err(other) => panic!("{other:?}"),
    }
}

/// No text of a member can end a line, hide in it or stand before the host's own fields.
pub fn text(bytes: &[u8]) {
    let escaped = escape(bytes);
    assert!(!escaped.chars().any(char::is_control));
    assert_eq!(unescape(&escaped), bytes);
    assert!(untrusted(bytes).bytes().all(|byte| (0x21..=0x7e).contains(&byte)));

    let stamp = Stamp { seconds: 1_700_000_000, milliseconds: 7, serial: 42 };
    for text in [UserText::message(bytes), UserText::terminal(bytes)] {
        let body = Body::User { ids: Viewed { namespace: Ids::default(), host: Ids::default() }, text };
        let line = host_line(1112, stamp, "contid=9", &body);
        let head = "type=USER_LOGIN msg=audit(1700000000.007:42): contid=9 pid=0 uid=4294967295 ";
        assert!(line.starts_with(head), "{line}");
        assert!(!line.chars().any(char::is_control), "{line}");
        let inside = namespace_text(stamp, &body);
        assert!(inside.starts_with(b"audit(1700000000.007:42): pid=0 "));
        assert!(!inside.contains(&0));
    }
}

/// Undoes `escape`.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes[at..].strip_prefix(br"\x").and_then(|rest| rest.get(..2));
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(byte) = code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            plain.push(byte);
            at += 4;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    plain
}

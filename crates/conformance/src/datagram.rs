//! Decoding what arrives on an audit socket.

use crate::actor::Expected;
use crate::messages::{ACK, GET, GET_FEATURE, LIST_RULES, Message, SIGNAL_INFO, TTY_GET};

/// `NLMSG_ERROR`.
pub(crate) const ERROR: u16 = 2;
/// `NLMSG_DONE`.
pub(crate) const DONE: u16 = 3;
/// `AUDIT_REPLACE`, the probe of the registered auditd.
pub(crate) const REPLACE: u16 = 1329;

/// A netlink message as found in a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) len: u32,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    pub(crate) pid: u32,
    /// Bytes after the header, up to `len` or, for audit records, to the end of the datagram.
    pub(crate) body: &'a [u8],
}

impl Found<'_> {
    /// Word `i` of the body. The kernel copies a short payload over zeros, so that a word may be there in part.
    pub(crate) fn word(&self, i: usize) -> u32 {
        let mut bytes = [0; 4];
        for (to, from) in bytes.iter_mut().zip(self.body.iter().skip(i * 4)) {
            *to = *from;
        }
        u32::from_ne_bytes(bytes)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// Whether a type carries record text. The kernel's length field of unicast records leaves the header out.
pub(crate) fn is_record(kind: u16) -> bool {
    (kind >= 1100 && kind != REPLACE) || kind == 1005 || kind == 1006
}

/// The next message, and what follows it.
pub(crate) fn next(bytes: &[u8]) -> Option<(Found<'_>, &[u8])> {
    let (len, kind) = (word(bytes, 0)?, half(bytes, 4)?);
    let (flags, seq, pid) = (half(bytes, 6)?, word(bytes, 8)?, word(bytes, 12)?);
    let end = if is_record(kind) { bytes.len() } else { (len as usize).clamp(16, bytes.len()) };
    let rest = bytes.get(end.next_multiple_of(4)..).unwrap_or(&[]);
    Some((Found { len, kind, flags, seq, pid, body: &bytes[16..end] }, rest))
}

/// What a datagram settles of the requests that wait for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) seq: u32,
    /// `nlmsg_type`.
    pub(crate) kind: u16,
    /// The error of an `NLMSG_ERROR`, `None` for data.
    pub(crate) error: Option<i32>,
    /// Whether no more data follows for this request.
    pub(crate) last: bool,
}

/// Reads a datagram as the answer to a request; `None` for records and for what is too short.
pub(crate) fn reply(bytes: &[u8]) -> Option<Reply> {
    let (found, _) = next(bytes)?;
    if is_record(found.kind) || found.kind == REPLACE {
        return None;
    }
    let error = if found.kind == ERROR { word(found.body, 0).map(u32::cast_signed) } else { None };
    Some(Reply { seq: found.seq, kind: found.kind, error, last: found.kind != LIST_RULES })
}

/// Records that the kernel adds to an event of a task with a syscall context; they are not the case's subject.
pub(crate) fn is_companion(bytes: &[u8]) -> bool {
    matches!(half(bytes, 4), Some(1300 | 1302 | 1306 | 1307 | 1320 | 1327))
}

/// Whether a successful request of this type is answered by data after its ack.
pub(crate) fn has_data(kind: u16) -> bool {
    matches!(kind, GET | SIGNAL_INFO | LIST_RULES | TTY_GET | GET_FEATURE)
}

/// The messages of a request datagram as the kernel walks it: it stops without a word at a length that does not fit.
pub(crate) fn walk(request: &[u8]) -> impl Iterator<Item = Found<'_>> {
    let mut rest = request;
    std::iter::from_fn(move || {
        let (found, _) = next(rest)?;
        let len = found.len as usize;
        if len < 16 || len > rest.len() {
            return None;
        }
        let body = &rest[16..len];
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Found { body, ..found })
    })
}

/// The replies a request datagram makes due, and whether it held anything whose processing nothing will confirm.
pub(crate) fn expected(request: &[u8]) -> (Vec<Expected>, bool) {
    let (mut out, mut silent) = (Vec::new(), true);
    for found in walk(request) {
        let ack = found.flags & ACK != 0;
        silent = !ack && !has_data(found.kind);
        if !silent {
            out.push(Expected { seq: found.seq, kind: found.kind, ack });
        }
    }
    // A silent message before one that is answered needs nothing more: the kernel and a namespace go in order.
    (out, silent)
}

/// A request to register an auditd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) seq: u32,
    /// Of the process to register, never 0.
    pub(crate) pid: u32,
}

/// The first registration a request asks for.
pub(crate) fn registration(request: &[u8]) -> Option<Registration> {
    walk(request).find_map(|found| {
        let sets = found.kind == crate::messages::SET && found.word(0) & crate::messages::mask::PID != 0;
        let pid = found.word(3);
        (sets && pid != 0).then_some(Registration { seq: found.seq, pid })
    })
}

/// Whether the datagram's first message is the answer this crate's own control socket waits for.
pub(crate) fn answers(bytes: &[u8], request: &Message<'_>) -> bool {
    next(bytes).is_some_and(|(found, _)| found.seq == request.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{REQUEST, SET, Status, quiet, request};

    #[test]
    fn unicast_record_length_is_the_text_alone() {
        let mut bytes = Message { kind: 1305, payload: b"audit(1.000:2): op", ..Message::default() }.bytes();
        bytes.truncate(16 + 18);
        bytes[..4].copy_from_slice(&18_u32.to_ne_bytes());
        let (found, rest) = next(&bytes).unwrap();
        assert_eq!((found.len, found.body.len(), rest.len()), (18, 18, 0));
        assert_eq!(reply(&bytes), None);
    }

    #[test]
    fn expected_replies_follow_the_kernels_walk() {
        let mut two = request(GET, b"", 5);
        two.extend(quiet(SET, b"", 6));
        let (due, silent) = expected(&two);
        assert_eq!(due, [Expected { seq: 5, kind: GET, ack: true }]);
        assert!(silent);
        let cut = Message { claimed_len: Some(200), flags: REQUEST, ..Message::default() }.bytes();
        assert_eq!(expected(&cut), (vec![], true));
        assert_eq!(walk(&[request(GET, b"", 1), cut].concat()).count(), 1);
        assert_eq!(expected(b"abc"), (vec![], true));
        assert!(!expected(&request(GET, b"", 5)).1);
    }

    #[test]
    fn registrations_are_recognised() {
        let bytes = request(SET, &Status::register(77).bytes(), 9);
        assert_eq!(registration(&bytes), Some(Registration { seq: 9, pid: 77 }));
        assert_eq!(registration(&request(SET, &Status::of(1).bytes(), 9)), None);
        let cut = request(SET, &Status::register(77).bytes()[..13], 9);
        assert_eq!(registration(&cut), Some(Registration { seq: 9, pid: 77 }));
        assert_eq!(registration(&request(SET, b"", 9)), None);
        assert_eq!(registration(&request(SET, &Status::register(0).bytes(), 9)), None);
    }

    #[test]
    fn short_bytes_decode_to_nothing() {
        for n in 0..16 {
            assert_eq!(next(&[0xff; 16][..n]), None);
        }
        assert!(next(&[0xff; 16]).is_some());
    }
}

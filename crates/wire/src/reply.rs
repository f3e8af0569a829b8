//! Answers to requests: `NLMSG_ERROR`, data replies, the end of a list.

use crate::Errno;
use crate::header::{FLAG_CAPPED, FLAG_MULTI, HEADER_LENGTH, Header, Message, align};
use crate::message_type;

/// What the error field of an acknowledgement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Error 0.
    Success,
    /// A negative error number.
    Failure(Errno),
    /// A positive number: the old count that resetting `lost` or `backlog_wait_time_actual` answers with
    /// (`audit_receive_msg` returns it and `netlink_ack` sends it as it is).
    Count(u32),
}

impl Verdict {
    /// The bytes of the error field. A count above `i32::MAX` wraps, as the kernel's conversion does.
    #[allow(clippy::cast_possible_wrap)]
    fn field(self) -> i32 {
        match self {
            Verdict::Success => 0,
            Verdict::Failure(errno) => errno.0.wrapping_neg(),
            Verdict::Count(count) => count as i32,
        }
    }
}

/// `NLMSG_ERROR` for `request`, addressed to `port`.
///
/// Success carries the request's header alone and `NLM_F_CAPPED`. Everything else repeats the whole request,
/// padded to 4 bytes, unless `capped` (the socket's `NETLINK_CAP_ACK`) is set. Source: `netlink_ack`.
pub fn acknowledgement(request: &Message<'_>, verdict: Verdict, port: u32, capped: bool) -> Vec<u8> {
    let error = verdict.field();
    let header_only = error == 0 || capped;
    let echoed = if header_only { HEADER_LENGTH } else { align(HEADER_LENGTH + request.payload.len()) };
    let header = Header {
        length: frame_length(HEADER_LENGTH + 4 + echoed),
        message_type: message_type::NLMSG_ERROR,
        flags: if header_only { FLAG_CAPPED } else { 0 },
        sequence: request.header.sequence,
        port,
    };
    let mut frame = Vec::with_capacity(HEADER_LENGTH + 4 + echoed);
    frame.extend_from_slice(&header.encode());
    frame.extend_from_slice(&error.to_ne_bytes());
    frame.extend_from_slice(&request.header.encode());
    if !header_only {
        frame.extend_from_slice(request.payload);
    }
    frame.resize(HEADER_LENGTH + 4 + echoed, 0);
    frame
}

/// A data reply: flags 0 (or `NLM_F_MULTI`), the request's sequence number, port 0. `nlmsg_len` is exact, the
/// datagram padded to 4 bytes. Source: `audit_make_reply`.
pub fn data(message_type: u16, sequence: u32, multi: bool, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        length: frame_length(HEADER_LENGTH + payload.len()),
        message_type,
        flags: if multi { FLAG_MULTI } else { 0 },
        sequence,
        port: 0,
    };
    let mut frame = Vec::with_capacity(align(HEADER_LENGTH + payload.len()));
    frame.extend_from_slice(&header.encode());
    frame.extend_from_slice(payload);
    frame.resize(align(frame.len()), 0);
    frame
}

/// `NLMSG_DONE`, the end of a rule list: no payload.
pub fn done(sequence: u32) -> Vec<u8> {
    data(message_type::NLMSG_DONE, sequence, true, &[])
}

pub(crate) fn frame_length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::messages;

    fn request(payload: &[u8]) -> Vec<u8> {
        let mut bytes = data(1003, 9, false, payload);
        bytes[6] = 5;
        bytes
    }

    #[test]
    fn success_repeats_the_header_only() {
        let bytes = request(b"payload!");
        let frame = acknowledgement(&messages(&bytes).next().unwrap(), Verdict::Success, 42, false);
        let header = Header::decode(&frame).unwrap();
        assert_eq!((header.length, header.message_type, header.flags), (36, 2, 0x100));
        assert_eq!((header.sequence, header.port), (9, 42));
        assert_eq!(&frame[16..20], &[0; 4]);
        assert_eq!(&frame[20..], &bytes[..16]);
    }

    #[test]
    fn an_error_repeats_the_padded_request() {
        let mut bytes = request(&[b'q'; 37]);
        bytes.truncate(16 + 37);
        let frame =
            acknowledgement(&messages(&bytes).next().unwrap(), Verdict::Failure(Errno::EOPNOTSUPP), 1, false);
        let header = Header::decode(&frame).unwrap();
        assert_eq!((header.length as usize, header.flags), (36 + 40, 0));
        assert_eq!(frame.len(), 36 + 40);
        assert_eq!(&frame[16..20], &(-95i32).to_ne_bytes());
        assert_eq!(&frame[20..73], &bytes[..]);
        assert_eq!(&frame[73..], &[0; 3]);
    }

    #[test]
    fn what_follows_a_message_is_not_repeated_with_it() {
        let mut bytes = request(b"q");
        bytes.extend_from_slice(b"another message");
        bytes[0..4].copy_from_slice(&17u32.to_ne_bytes());
        bytes[17..20].copy_from_slice(b"pad");
        let frame =
            acknowledgement(&messages(&bytes).next().unwrap(), Verdict::Failure(Errno::EPERM), 1, false);
        assert_eq!((frame.len(), &frame[36..]), (40, &b"q\0\0\0"[..]));
    }

    #[test]
    fn cap_ack_cuts_an_error_down_to_the_header() {
        let bytes = request(&[1; 20]);
        let frame =
            acknowledgement(&messages(&bytes).next().unwrap(), Verdict::Failure(Errno::EINVAL), 1, true);
        assert_eq!((frame.len(), Header::decode(&frame).unwrap().flags), (36, 0x100));
    }

    #[test]
    fn a_count_is_a_positive_error() {
        let bytes = request(&[0; 44]);
        let frame = acknowledgement(&messages(&bytes).next().unwrap(), Verdict::Count(10), 1, false);
        assert_eq!(&frame[16..20], &10i32.to_ne_bytes());
        assert_eq!(frame.len(), 36 + 44);
    }

    #[test]
    fn data_keeps_its_exact_length_and_pads_the_datagram() {
        let frame = data(1013, 3, true, &[7; 1046]);
        assert_eq!((frame.len(), Header::decode(&frame).unwrap().length), (1064, 1062));
        let end = done(3);
        let header = Header::decode(&end).unwrap();
        assert_eq!((end.len(), header.message_type, header.flags, header.length), (16, 3, 2, 16));
    }
}

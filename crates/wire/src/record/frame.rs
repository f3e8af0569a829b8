//! Records as datagrams.

use crate::header::{HEADER_LENGTH, Header};
use crate::message_type as kind;
use crate::reply::frame_length;

/// A record for the registered audit daemon. `nlmsg_len` is the length of the text *without* the header, a quirk
/// of the kernel that audit daemons rely on; no NUL, no padding. Source: `audit_log_end`.
pub fn unicast(message_type: u16, text: &[u8]) -> Vec<u8> {
    frame(message_type, text.len(), text)
}

/// A record for READLOG listeners: the same bytes with the correct length. Source: `kauditd_send_multicast_skb`.
pub fn multicast(message_type: u16, text: &[u8]) -> Vec<u8> {
    frame(message_type, text.len() + HEADER_LENGTH, text)
}

/// Whether a datagram of this length that begins like this is a record for READLOG listeners: no answer, and not what
/// [`unicast`] makes.
pub fn is_multicast(beginning: &[u8], length: usize) -> bool {
    let Some(header) = Header::decode(beginning) else { return false };
    let answer = matches!(
        header.message_type,
        kind::NLMSG_ERROR
            | kind::NLMSG_DONE
            | kind::GET
            | kind::SIGNAL_INFO
            | kind::LIST_RULES
            | kind::TTY_GET
            | kind::GET_FEATURE
            | kind::REPLACE
    );
    !answer && header.length as usize == length
}

fn frame(message_type: u16, length: usize, text: &[u8]) -> Vec<u8> {
    let header = Header { length: frame_length(length), message_type, flags: 0, sequence: 0, port: 0 };
    let mut frame = Vec::with_capacity(HEADER_LENGTH + text.len());
    frame.extend_from_slice(&header.encode());
    frame.extend_from_slice(text);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_differ_in_their_length_field_only() {
        let (one, many) = (unicast(1305, b"audit(1.000:1): x"), multicast(1305, b"audit(1.000:1): x"));
        assert_eq!(Header::decode(&one).unwrap().length, 17);
        assert_eq!(Header::decode(&many).unwrap().length, 33);
        assert_eq!(one[4..], many[4..]);
        assert_eq!(one.len(), 33);
        assert!(is_multicast(&many[..HEADER_LENGTH], many.len()) && !is_multicast(&one, one.len()));
    }

    #[test]
    fn answers_are_not_records() {
        let answers =
            [1000, 1010, 1013, 1016, 1019, 1329].map(|kind| crate::reply::data(kind, 0, false, &[0; 4]));
        for answer in answers.iter().chain([&crate::reply::data(3, 0, true, &[])]) {
            assert!(!is_multicast(answer, answer.len()), "{answer:?}");
        }
        assert!(!is_multicast(&[0; 15], 15));
    }
}

//! Records as datagrams.

use crate::header::{HEADER_LENGTH, Header};
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
    }
}

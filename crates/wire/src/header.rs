//! `struct nlmsghdr`, and the walk over the messages of one datagram.

/// Length of `struct nlmsghdr` in bytes.
pub const HEADER_LENGTH: usize = 16;

/// `NLM_F_MULTI`: the message is part of a list.
pub const FLAG_MULTI: u16 = 0x2;
/// `NLM_F_ACK`: the sender asks for an acknowledgement.
pub const FLAG_ACK: u16 = 0x4;
/// `NLM_F_CAPPED`: an acknowledgement that repeats only the header of the request.
pub const FLAG_CAPPED: u16 = 0x100;

/// `struct nlmsghdr` in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `nlmsg_len`: header and payload, in bytes.
    pub length: u32,
    /// `nlmsg_type`.
    pub message_type: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`, echoed in every answer.
    pub sequence: u32,
    /// `nlmsg_pid`: a port id; ignored in requests.
    pub port: u32,
}

impl Header {
    /// Reads a header from the first 16 bytes; `None` when there are fewer.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER_LENGTH] = bytes.get(..HEADER_LENGTH)?.try_into().ok()?;
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Some(Header {
            length: word(0),
            message_type: half(4),
            flags: half(6),
            sequence: word(8),
            port: word(12),
        })
    }

    /// The 16 bytes of this header.
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[0..4].copy_from_slice(&self.length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.message_type.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.flags.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        bytes[12..16].copy_from_slice(&self.port.to_ne_bytes());
        bytes
    }
}

/// One request of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The request's header; its `length` is the sender's, already checked against the datagram.
    pub header: Header,
    /// The bytes between the header and `nlmsg_len`.
    pub payload: &'a [u8],
}

/// Walks the messages of a datagram as the kernel does (`audit_receive`, `nlmsg_ok`, `nlmsg_next`): each
/// begins at a multiple of 4 bytes; the first header that does not fit ends the walk without an error.
pub fn messages(datagram: &[u8]) -> Messages<'_> {
    Messages { rest: datagram }
}

/// Iterator of [`messages`].
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let header = Header::decode(self.rest)?;
        let length = usize::try_from(header.length).ok()?;
        if length < HEADER_LENGTH || length > self.rest.len() {
            self.rest = &[];
            return None;
        }
        let end = align(length).min(self.rest.len());
        let message = Message { header, payload: &self.rest[HEADER_LENGTH..length] };
        self.rest = &self.rest[end..];
        Some(message)
    }
}

/// Rounds up to the netlink alignment of 4 bytes.
pub(crate) fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_LENGTH + payload.len()).unwrap();
        let header = Header { length, message_type: 1000, flags: 5, sequence, port: 0 };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    fn sequences(datagram: &[u8]) -> Vec<u32> {
        messages(datagram).map(|message| message.header.sequence).collect()
    }

    #[test]
    fn a_header_survives_the_round_trip() {
        let header =
            Header { length: 0x0102_0304, message_type: 1305, flags: 0x305, sequence: 7, port: u32::MAX };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(Header::decode(&header.encode()[..15]), None);
    }

    #[test]
    fn several_messages_follow_each_other_at_aligned_offsets() {
        let mut datagram = message(1, b"xyz");
        datagram.push(0);
        datagram.extend(message(2, b""));
        assert_eq!(sequences(&datagram), [1, 2]);
    }

    #[test]
    fn an_unpadded_odd_message_loses_its_successor() {
        let mut datagram = message(1, b"xyz");
        datagram.extend(message(2, b""));
        assert_eq!(sequences(&datagram), [1]);
    }

    #[test]
    fn lengths_that_do_not_fit_end_the_walk_silently() {
        for length in [0u32, 15, 17, 200, u32::MAX] {
            let mut datagram = message(1, b"");
            datagram[0..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(sequences(&datagram), [] as [u32; 0], "nlmsg_len {length}");
        }
        for cut in 0..16 {
            assert_eq!(sequences(&message(1, b"")[..cut]), [] as [u32; 0]);
        }
    }

    #[test]
    fn trailing_bytes_are_ignored() {
        let mut datagram = message(14, b"");
        datagram.extend_from_slice(b"abcdefg");
        assert_eq!(sequences(&datagram), [14]);
    }

    #[test]
    fn an_exact_length_needs_no_padding() {
        let datagram = message(15, b"xyz");
        let only = messages(&datagram).next().unwrap();
        assert_eq!(only.payload, b"xyz");
    }
}

//! Answers to those who wait.

use auditns_wire::Errno;
use fuser::{ReplyData, ReplyWrite};

use crate::waiting::Place;

/// Answers a read(2).
#[derive(Debug)]
#[must_use = "a reply that is dropped says EIO"]
pub struct ReadReply {
    reply: ReplyData,
    offset: u64,
    size: u32,
    _place: Place,
}

impl ReadReply {
    pub(crate) fn new(reply: ReplyData, offset: u64, size: u32, place: Place) -> Self {
        Self { reply, offset, size, _place: place }
    }

    /// The file has this text: the caller gets the part that it asks for.
    pub fn text(self, text: &str) {
        self.reply.data(part(text, self.offset, self.size));
    }

    /// The read fails.
    pub fn error(self, errno: Errno) {
        self.reply.error(fuser::Errno::from_i32(errno.0));
    }
}

/// Answers a write(2).
#[derive(Debug)]
#[must_use = "a reply that is dropped says EIO"]
pub struct WriteReply {
    reply: ReplyWrite,
    _place: Place,
}

impl WriteReply {
    pub(crate) fn new(reply: ReplyWrite, place: Place) -> Self {
        Self { reply, _place: place }
    }

    /// So many bytes are taken: [`crate::Write::length`] for all.
    pub fn taken(self, length: u32) {
        self.reply.written(length);
    }

    /// The write fails.
    pub fn error(self, errno: Errno) {
        self.reply.error(fuser::Errno::from_i32(errno.0));
    }
}

/// What is left of `text` from `offset` on, at most `size` bytes.
fn part(text: &str, offset: u64, size: u32) -> &[u8] {
    let rest = usize::try_from(offset).ok().and_then(|offset| text.as_bytes().get(offset..)).unwrap_or(&[]);
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    rest.get(..length).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_part_stays_within_the_text() {
        assert_eq!(part("1000", 0, 100), b"1000");
        assert_eq!(part("1000", 1, 1), b"0");
        assert_eq!(part("1000", 4, 100), b"");
        assert_eq!(part("1000", u64::MAX, u32::MAX), b"");
        assert_eq!(part("1000", 0, 0), b"");
    }
}

//! What a user-space program says in its message.

use crate::text::untrusted;

/// Longest text of a message in bytes; the rest is cut (`AUDIT_MESSAGE_TEXT_MAX`).
pub const MESSAGE_TEXT_MAX: usize = 8560;

/// The last part of a user record, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserText(Vec<u8>);

impl UserText {
    /// ` msg='...'`: the last byte of the payload counts as a NUL whatever it is, the text ends at the first NUL
    /// and after 8560 bytes, and nothing in it is escaped. Source: `audit_receive_msg`.
    pub fn message(payload: &[u8]) -> UserText {
        let text = &payload[..payload.len().saturating_sub(1)];
        let text = text.split(|byte| *byte == 0).next().unwrap_or(&[]);
        UserText([b" msg='", &text[..text.len().min(MESSAGE_TEXT_MAX)], b"'"].concat())
    }

    /// ` data=...`: one trailing NUL is dropped, the rest is an untrusted string of any length (`AUDIT_USER_TTY`).
    pub fn terminal(payload: &[u8]) -> UserText {
        let data = payload.strip_suffix(&[0]).unwrap_or(payload);
        UserText([b" data=", untrusted(data).as_bytes()].concat())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &[u8]) -> String {
        String::from_utf8_lossy(UserText::message(payload).as_bytes()).into_owned()
    }

    fn terminal(payload: &[u8]) -> String {
        String::from_utf8_lossy(UserText::terminal(payload).as_bytes()).into_owned()
    }

    #[test]
    fn the_last_byte_of_a_message_is_taken_for_its_nul() {
        assert_eq!(message(b"op=test\0"), " msg='op=test'");
        assert_eq!(message(b"op=test"), " msg='op=tes'");
        assert_eq!(message(b"xy"), " msg='x'");
        assert_eq!(message(b"te\0st\0"), " msg='te'");
        assert_eq!(message(b"\0abc\0"), " msg=''");
    }

    #[test]
    fn nothing_in_a_message_is_escaped() {
        assert_eq!(message(b"a='b' \"c\" \n%s\0"), " msg='a='b' \"c\" \n%s'");
    }

    #[test]
    fn a_message_is_cut_at_its_limit() {
        for (length, kept) in [(8559, 8559), (8560, 8560), (8561, 8560), (65_000, 8560)] {
            let mut payload = vec![b'A'; length];
            payload.push(0);
            assert_eq!(message(&payload).len(), " msg=''".len() + kept);
        }
    }

    #[test]
    fn terminal_input_is_an_untrusted_string() {
        assert_eq!(terminal(b"abc\0"), " data=\"abc\"");
        assert_eq!(terminal(b"abcd"), " data=\"abcd\"");
        assert_eq!(terminal(b"a b\0"), " data=612062");
        assert_eq!(terminal(b"ab\0\0\0"), " data=61620000");
        assert_eq!(terminal(&vec![b'B'; 20_000]).len(), " data=\"\"".len() + 20_000);
        assert_eq!(terminal(b""), " data=\"\"");
    }
}

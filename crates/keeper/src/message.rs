//! Messages of `sd_notify(3)`, as far as they matter here.

/// Longest message.
pub(crate) const LENGTH_MAX: usize = 4096;
/// Longest name of a descriptor.
const NAME_MAX: usize = 255;

/// What a server has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) ready: bool,
    pub(crate) store: bool,
    pub(crate) remove: bool,
    pub(crate) name: Option<String>,
}

impl Message {
    /// Lines that say nothing to us are left out.
    pub(crate) fn parse(bytes: &[u8]) -> Message {
        let mut message = Message::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            match line {
                b"READY=1" => message.ready = true,
                b"FDSTORE=1" => message.store = true,
                b"FDSTOREREMOVE=1" => message.remove = true,
                _ => {
                    let name = line.strip_prefix(b"FDNAME=").and_then(|name| std::str::from_utf8(name).ok());
                    if let Some(name) = name.filter(|name| is_name(name)) {
                        message.name = Some(name.to_owned());
                    }
                }
            }
        }
        message
    }
}

/// Whether descriptors can be kept under that name: 1 to 255 characters of ASCII without control characters and `:`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_understood_line_by_line() {
        let message = Message::parse(b"FDSTORE=1\nFDNAME=1i2f\nFDPOLL=0\n");
        let expected = Message { store: true, name: Some("1i2f".to_owned()), ..Message::default() };
        assert_eq!(message, expected);
        assert!(Message::parse(b"STATUS=x\nREADY=1").ready);
        for wrong in ["", "a:b", "a\u{7}", "\u{e4}"] {
            assert_eq!(Message::parse(format!("FDNAME={wrong}").as_bytes()).name, None, "{wrong:?}");
        }
        assert_eq!(Message::parse(&[0xff; 100]), Message::default());
    }
}

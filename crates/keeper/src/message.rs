//! Messages of `sd_notify(3)`, as far as they matter here.

/// Longest message, in bytes.
pub(crate) const LENGTH_MAX: usize = 4096;
/// Most descriptors of one message: the kernel's limit (`SCM_MAX_FD`).
pub(crate) const DESCRIPTORS_PER_MESSAGE: usize = 253;
/// Longest name of a descriptor, in bytes.
const NAME_MAX: usize = 255;
/// The name of descriptors that come without one.
const NAMELESS: &str = "stored";
/// Beginnings of the lines that a service manager is told as well. Not that the server stops: the keeper goes on.
const PASSED_ON: [&str; 7] = [
    "READY=",
    "RELOADING=",
    "MONOTONIC_USEC=",
    "STATUS=",
    "WATCHDOG=",
    "WATCHDOG_USEC=",
    "EXTEND_TIMEOUT_USEC=",
];

/// What a server has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) ready: bool,
    pub(crate) what: What,
    /// Lines for a service manager, each with its end.
    pub(crate) passed_on: String,
}

/// What is to become of descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum What {
    #[default]
    Nothing,
    /// Those of the message are kept under this name.
    Keep(String),
    /// Those of this name are given up.
    Forget(String),
}

impl Message {
    /// Lines that say nothing to us are left out. `None` if it is not text, or names a descriptor as none can be named.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Message> {
        let (mut message, mut name) = (Message::default(), None);
        let (mut keep, mut forget) = (false, false);
        for line in std::str::from_utf8(bytes).ok()?.split('\n') {
            match line {
                "FDSTORE=1" => keep = true,
                "FDSTOREREMOVE=1" => forget = true,
                _ => {}
            }
            message.ready |= line == "READY=1";
            if PASSED_ON.iter().any(|beginning| line.starts_with(beginning)) {
                message.passed_on.push_str(line);
                message.passed_on.push('\n');
            }
            name = line.strip_prefix("FDNAME=").or(name);
        }
        if name.is_some_and(|name| !is_name(name)) {
            return None;
        }
        message.what = match (forget, keep, name) {
            (true, _, Some(name)) => What::Forget(name.to_owned()),
            (true, _, None) => return None,
            (false, true, name) => What::Keep(name.unwrap_or(NAMELESS).to_owned()),
            (false, false, _) => What::Nothing,
        };
        Some(message)
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

    fn what(text: &str) -> Option<What> {
        Message::parse(text.as_bytes()).map(|message| message.what)
    }

    #[test]
    fn messages_are_understood_line_by_line() {
        assert_eq!(what("FDSTORE=1\nFDNAME=1i2f\nFDPOLL=0\n"), Some(What::Keep("1i2f".to_owned())));
        assert_eq!(what("FDSTORE=1"), Some(What::Keep("stored".to_owned())));
        assert_eq!(what("FDNAME=x\nFDSTOREREMOVE=1"), Some(What::Forget("x".to_owned())));
        assert_eq!(what("FDSTOREREMOVE=1"), None);
        assert_eq!(what("FDNAME=x\nFDSTORE=0\nXFDSTORE=1\n\n=\nREADY"), Some(What::Nothing));
        for wrong in ["", "a:b", "a\u{7}", "\u{e4}", &"x".repeat(256)] {
            assert_eq!(what(&format!("FDSTORE=1\nFDNAME={wrong}")), None, "{wrong:?}");
        }
        assert!(is_name(&"x".repeat(255)));
        assert_eq!(Message::parse(&[0xff; 100]), None);
    }

    #[test]
    fn the_service_manager_is_told_what_concerns_it() {
        let text = "STATUS=x y\nMAINPID=1\nREADY=1\nSTOPPING=1\nFDSTORE=1\nBARRIER=1\nWATCHDOG=1";
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.passed_on, "STATUS=x y\nREADY=1\nWATCHDOG=1\n");
        assert!(message.ready);
        assert!(!Message::parse(b"READY=0\nSTATUS=READY=1").unwrap().ready);
    }
}

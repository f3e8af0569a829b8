//! What LXC's monitors send to the proxy of a container's calls.

use auditns_runtimes::lxc::{Answer, Frame, container_name};

/// Bytes of the header, and the least that `struct seccomp_notif` has.
const HEADER: usize = 32;
const CALL_MIN: usize = 80;

/// A message is refused with a sentence, or taken whole: its parts lie in it, and its answer begins as it does.
pub fn frame(bytes: &[u8]) {
    name(bytes, b"");
    name(b"", bytes);
    let frame = match Frame::parse(bytes) {
        Ok(frame) => frame,
        Err(error) => {
            assert!(!error.to_string().chars().any(char::is_control));
            return;
        }
    };
    assert!(bytes.len() <= Frame::LENGTH_MAX && frame.call().len() >= CALL_MIN);
    assert!(bytes[HEADER..].starts_with(frame.call()) && bytes.ends_with(frame.cookie()));
    assert!(frame.monitor_pid() != 0 && frame.init_pid() != 0);
    let answer = frame.answer(Answer { value: -1, error: -4095, flags: u32::MAX });
    assert_eq!(answer.len(), bytes.len() - frame.cookie().len());
    let kept = HEADER + frame.call().len();
    assert_eq!(answer[..kept], bytes[..kept]);
    assert_eq!(answer[kept..][..8], frame.call()[..8], "the number of the call");
    name(frame.cookie(), bytes);
}

/// A container's name is one, whatever the cookie and the monitor's command line are.
fn name(cookie: &[u8], command_line: &[u8]) {
    let Some(name) = container_name(cookie, command_line) else { return };
    assert!((1..=48).contains(&name.len()), "{name}");
    assert!(name.starts_with(|first: char| first.is_ascii_alphanumeric()), "{name}");
    assert!(name.chars().all(|of| of.is_ascii_alphanumeric() || matches!(of, '.' | '_' | '-')), "{name}");
}

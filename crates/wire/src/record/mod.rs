//! Audit records: the stamp, the texts, and the datagrams that carry them.

mod body;
mod frame;
mod ids;
mod user;

pub use body::{
    Body, ConfigChange, EquivalenceChange, FeatureChange, Lifetime, ListenerChange, Login, RuleChange,
    TtyChange,
};
pub use frame::{is_multicast, multicast, unicast};
pub use ids::{Ids, TaskIds, View, Viewed};
pub use user::{MESSAGE_TEXT_MAX, UserText};

use crate::text::escape_into;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Room for what stands around the text of a usual record, and for such a record.
const USUAL_LENGTH: usize = 192;

/// When a record was made, and its number: `audit(SECONDS.MMM:SERIAL)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970.
    pub seconds: u64,
    /// Milliseconds, 0..=999.
    pub milliseconds: u16,
    /// The record's serial number, from 1.
    pub serial: u32,
}

impl Stamp {
    fn write(&self, out: &mut String) {
        let mut number = itoa::Buffer::new();
        out.push_str("audit(");
        out.push_str(number.format(self.seconds));
        out.push('.');
        for digit in [self.milliseconds / 100, self.milliseconds / 10 % 10, self.milliseconds % 10] {
            out.push_str(number.format(digit));
        }
        out.push(':');
        out.push_str(number.format(self.serial));
        out.push_str("): ");
    }
}

/// The text of a record as its own namespace sees it: stamp and body.
pub fn namespace_text(stamp: Stamp, body: &Body) -> Vec<u8> {
    let mut text = String::with_capacity(USUAL_LENGTH);
    stamp.write(&mut text);
    let said = body.write(View::Namespace, &mut text);
    let mut text = text.into_bytes();
    text.extend_from_slice(&said);
    text
}

/// The fields with which every line of a namespace in the host's log begins: its number, and what the host knows its
/// container by. Values that are no plain words are written as untrusted strings.
///
/// `parents` are the namespaces in which it was made, the innermost first: `contid=7 parent=3`. With more than one the whole
/// line of them follows, as the container-id patches for the kernel wrote it: `contid=9 parent=7 chain=9,^7,^3`.
pub fn provenance(contid: u64, parents: &[u64], labels: &[(Cow<'static, str>, String)]) -> String {
    let mut text = format!("contid={contid}");
    // Writing to a String cannot fail.
    if let Some(parent) = parents.first() {
        let _ = write!(text, " parent={parent}");
    }
    if parents.len() > 1 {
        let _ = write!(text, " chain={contid}");
        for parent in parents {
            let _ = write!(text, ",^{parent}");
        }
    }
    for (name, value) in labels {
        let _ = write!(text, " {name}={}", body::bare(value));
    }
    text
}

/// The line of a record in the host's log, without the line end: auditd's own format (`type=... msg=audit(...): ...`)
/// with the host's ids, [`provenance`] in front where no text of the container can stand before it, and every byte that
/// could end the line or drive a terminal escaped.
pub fn host_line(message_type: u16, stamp: Stamp, provenance: &str, body: &Body) -> String {
    let mut line = beginning(message_type);
    stamp.write(&mut line);
    line.push_str(provenance);
    line.push(' ');
    let begin = line.len();
    let said = body.write(View::Host, &mut line);
    let is_first = line.len() == begin;
    escape_into(said.strip_prefix(b" ").filter(|_| is_first).unwrap_or(&said), &mut line);
    if !matches!(body, Body::Lifetime(_)) && line[begin..].contains(OURS) {
        let undone = line[begin..].replace(OURS, NOT_OURS);
        line.replace_range(begin.., &undone);
    }
    line
}

/// What records about namespaces begin with ([`Lifetime`]). Members may send messages of the same type.
const OURS: &str = "virt=auditns";
/// The same where a member has written it, undone as any escape is.
const NOT_OURS: &str = "virt=\\x61uditns";

/// The line of a record in a log of its own namespace, without the line end: what an audit daemon inside writes for
/// `text` ([`namespace_text`]), with the same bytes escaped as in [`host_line`].
pub fn namespace_line(message_type: u16, text: &[u8]) -> String {
    let mut line = beginning(message_type);
    escape_into(text, &mut line);
    line
}

fn beginning(message_type: u16) -> String {
    let mut line = String::with_capacity(2 * USUAL_LENGTH);
    line.push_str("type=");
    if let Some(name) = crate::message_type::name(message_type) {
        line.push_str(name);
    } else {
        line.push_str("UNKNOWN[");
        line.push_str(itoa::Buffer::new().format(message_type));
        line.push(']');
    }
    line.push_str(" msg=");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { seconds: 1_700_000_000, milliseconds: 7, serial: 42 };

    fn body(text: &[u8]) -> Body {
        Body::User {
            ids: Viewed {
                namespace: Ids { pid: 3, uid: 0, auid: u32::MAX, ses: u32::MAX },
                host: Ids { pid: 4711, uid: 100_000, auid: u32::MAX, ses: u32::MAX },
            },
            text: UserText::message(text),
        }
    }

    #[test]
    fn labels_follow_the_number_and_cannot_forge_a_field() {
        assert_eq!(provenance(9, &[], &[]), "contid=9");
        let labels = [("k8s-ns".into(), "prod".to_owned()), ("k8s-pod".into(), "x\" uid=0 \n".to_owned())];
        assert_eq!(provenance(9, &[], &labels), "contid=9 k8s-ns=prod k8s-pod=7822207569643D30200A");
    }

    #[test]
    fn a_nested_namespace_is_named_with_those_around_it() {
        assert_eq!(provenance(7, &[3], &[]), "contid=7 parent=3");
        let labels = [("k8s-ns".into(), "prod".to_owned())];
        assert_eq!(provenance(9, &[7, 3], &labels), "contid=9 parent=7 chain=9,^7,^3 k8s-ns=prod");
    }

    #[test]
    fn a_member_cannot_write_that_a_namespace_began_or_ended() {
        let ids = Ids { pid: 1, uid: 0, auid: u32::MAX, ses: u32::MAX };
        let lifetime = Lifetime { ids, operation: "stop", name: b"web".to_vec(), fields: Vec::new() };
        let ours = host_line(2500, STAMP, "contid=9", &Body::Lifetime(lifetime));
        assert!(ours.contains(" msg='virt=auditns op=stop vm=\"web\""), "{ours}");
        for (message_type, said) in
            [(2500, "virt=auditns op=stop"), (1107, "x' msg='virt=auditns virt=auditns")]
        {
            let line = host_line(message_type, STAMP, "contid=9", &body(format!("{said}\0").as_bytes()));
            assert!(!line.contains("virt=auditns"), "{line}");
            assert!(line.replace("\\x61", "a").contains(said), "{line}");
            let inside =
                namespace_line(message_type, &namespace_text(STAMP, &body(format!("{said}\0").as_bytes())));
            assert!(inside.contains(said), "{inside}");
        }
    }

    #[test]
    fn both_views_share_the_stamp_and_differ_in_ids() {
        let body = body(b"op=x\0");
        assert_eq!(
            namespace_text(STAMP, &body),
            b"audit(1700000000.007:42): pid=3 uid=0 auid=4294967295 ses=4294967295 msg='op=x'"
        );
        assert_eq!(
            host_line(1112, STAMP, "contid=9", &body),
            "type=USER_LOGIN msg=audit(1700000000.007:42): contid=9 pid=4711 uid=100000 auid=4294967295 \
             ses=4294967295 msg='op=x'"
        );
        assert_eq!(
            namespace_line(1112, &namespace_text(STAMP, &body)),
            "type=USER_LOGIN msg=audit(1700000000.007:42): pid=3 uid=0 auid=4294967295 ses=4294967295 msg='op=x'"
        );
    }

    #[test]
    fn text_of_a_container_cannot_start_a_line_of_a_log() {
        let body = body(b"x'\ntype=USER_LOGIN msg=audit(1.000:1): contid=1 forged\0");
        let line = host_line(2998, STAMP, "contid=9", &body);
        assert!(line.starts_with("type=UNKNOWN[2998] msg=audit(1700000000.007:42): contid=9 "));
        let inside = namespace_line(2998, &namespace_text(STAMP, &body));
        assert!(inside.starts_with("type=UNKNOWN[2998] msg=audit(1700000000.007:42): pid=3 "));
        assert!(![line, inside].concat().contains('\n'));
    }
}

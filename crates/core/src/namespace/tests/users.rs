//! Messages of user-space programs.

use super::rig::Rig;
use auditns_wire::Errno;
use auditns_wire::payload::Status;
use auditns_wire::record::Ids;

const EPERM: i32 = -1;
const EINVAL: i32 = -22;

#[test]
fn the_record_says_who_sent_it_in_both_views() {
    let mut rig = Rig::new();
    let listener = rig.member(2);
    rig.membership(&listener, 1, true).unwrap();
    rig.take(listener.endpoint);
    rig.stored();
    let mut member = rig.member(10);
    member.sender.ids.namespace = Ids { pid: 10, uid: 33, auid: 1000, ses: 4 };
    member.sender.ids.host = Ids { pid: 5010, uid: 100_033, auid: 101_000, ses: 4 };
    assert_eq!(rig.ask(&member, 1112, b"op=login 'a' \"b\" %d\nx\0"), 0);
    assert_eq!(
        rig.stored(),
        ["USER_LOGIN pid=5010 uid=100033 auid=101000 ses=4 msg='op=login 'a' \"b\" %d\\x0ax'"]
    );
    assert_eq!(
        rig.texts(listener.endpoint),
        ["pid=10 uid=33 auid=1000 ses=4 msg='op=login 'a' \"b\" %d\nx'"]
    );
}

#[test]
fn stamps_carry_the_wall_clock_and_a_serial_of_their_own() {
    let mut rig = Rig::new();
    let listener = rig.member(2);
    rig.membership(&listener, 1, true).unwrap();
    let member = rig.member(10);
    rig.advance(std::time::Duration::from_millis(1007));
    rig.take(listener.endpoint);
    rig.say(&member, "a");
    rig.say(&member, "b");
    let frames = rig.take(listener.endpoint);
    let stamps: Vec<&[u8]> = frames.iter().map(|frame| &frame.body[..30]).collect();
    assert_eq!(stamps, [b"audit(1700000101.007:3): pid=1", b"audit(1700000101.007:4): pid=1"]);
}

#[test]
fn text_ends_before_the_last_byte_or_at_the_first_nul() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for (payload, text) in
        [(&b"abc\0"[..], "abc"), (b"abc", "ab"), (b"a\0bc\0", "a"), (b"\0\0", ""), (b"xy", "x")]
    {
        assert_eq!(rig.ask(&member, 1100, payload), 0);
        let stored = rig.stored();
        assert!(stored[0].ends_with(&format!(" msg='{text}'")), "{stored:?}");
    }
    rig.ask(&member, 1100, &[b'A'; 9000]);
    assert!(rig.stored()[0].ends_with(&format!("='{}'", "A".repeat(8560))));
}

#[test]
fn one_byte_is_too_short() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for payload in [&b""[..], b"x", b"\0"] {
        assert_eq!(rig.ask(&member, 1112, payload), EINVAL);
    }
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn while_auditing_is_off_only_an_avc_is_recorded() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    // Even what would otherwise be refused is fine then.
    for message_type in [1005, 1100, 1112, 1124, 2999] {
        assert_eq!(rig.ask(&member, message_type, b"x"), 0, "type {message_type}");
    }
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(rig.ask(&member, 1107, b"x"), EINVAL);
    assert_eq!(rig.ask(&member, 1107, b"avc\0"), 0);
    assert!(rig.stored()[0].starts_with("USER_AVC "));
}

#[test]
fn terminal_input_needs_terminal_auditing_of_the_sender() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(rig.ask(&member, 1124, b"ls\0"), EPERM);
    assert_eq!(rig.ask(&member, 1124, b"l"), EINVAL);
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(rig.ask(&member, 1017, &1u32.to_ne_bytes()), 0);
    rig.stored();
    assert_eq!(rig.ask(&member, 1124, b"ls -l\0"), 0);
    assert_eq!(rig.ask(&member, 1124, b"ls"), 0);
    let stored = rig.stored();
    assert!(stored[0].starts_with("USER_TTY ") && stored[0].ends_with(" data=6C73202D6C"), "{stored:?}");
    assert!(stored[1].ends_with(" data=\"ls\""), "{stored:?}");
}

#[test]
fn a_failed_record_is_lost_and_the_message_acknowledged() {
    for failure in [0, 1] {
        let mut rig = Rig::new();
        let member = rig.member(10);
        rig.set(&member, &Status { mask: 2, failure, ..Status::default() });
        rig.stores.push_back(Err(Errno::ENOSPC));
        assert_eq!(rig.ask(&member, 1112, b"x\0"), 0);
        assert_eq!(rig.status(&member).lost, 1);
        assert_eq!(rig.namespace.counters().store_failures, 1);
        assert_eq!(rig.notices().len(), 1);
    }
}

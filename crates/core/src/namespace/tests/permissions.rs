//! Every type's permission, and the order of the checks (kernel: `audit_netlink_ok`).

use super::request::{ASK, errors, message};
use super::rig::{ALL, Member, Rig};
use crate::Policy;
use crate::sender::{Capabilities, Standing};
use auditns_wire::message_type::{GET, NLMSG_ERROR};

const EPERM: i32 = -1;
const EINVAL: i32 = -22;
const EOPNOTSUPP: i32 = -95;
const ECONNREFUSED: i32 = -111;

/// Types that need `CAP_AUDIT_CONTROL`.
const CONTROL: [u16; 12] = [1000, 1001, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1017, 1018, 1019];
const USER: [u16; 6] = [1005, 1100, 1107, 1199, 2100, 2999];
const WITHDRAWN: [u16; 3] = [1002, 1003, 1004];
/// Types for which there is no message.
const NONE: [u16; 20] = [
    0, 1, 2, 3, 16, 999, 1006, 1009, 1020, 1099, 1200, 1299, 1305, 1320, 1329, 1999, 2000, 2099, 3000, 65535,
];

fn answer(rig: &mut Rig, member: &Member, message_type: u16) -> i32 {
    rig.ask(member, message_type, &[])
}

/// What the kernel answers to each type with an empty payload when nothing stands in the way.
fn allowed(message_type: u16) -> i32 {
    match message_type {
        1011 | 1012 | 1015 | 1018 => EINVAL,
        _ if USER.contains(&message_type) => EINVAL,
        _ if WITHDRAWN.contains(&message_type) => EOPNOTSUPP,
        _ if NONE.contains(&message_type) => EINVAL,
        _ => 0,
    }
}

fn all_types() -> impl Iterator<Item = u16> {
    CONTROL.into_iter().chain(USER).chain(WITHDRAWN).chain(NONE)
}

#[test]
fn an_empty_payload_of_every_type() {
    for message_type in all_types() {
        let mut rig = Rig::new();
        let member = rig.member(10);
        assert_eq!(answer(&mut rig, &member, message_type), allowed(message_type), "type {message_type}");
    }
}

#[test]
fn every_number_is_one_of_the_four_kinds() {
    let mut rig = Rig::new();
    let nobody = rig.member(10).with(Capabilities::default());
    for message_type in 0..=u16::MAX {
        let error = answer(&mut rig, &nobody, message_type);
        let expected = match message_type {
            1002..=1004 => EOPNOTSUPP,
            1000 | 1001 | 1010..=1019 | 1005 | 1100..=1199 | 2100..=2999 => EPERM,
            _ => EINVAL,
        };
        assert_eq!(error, expected, "type {message_type}");
    }
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn audit_is_not_there_for_a_foreign_user_namespace() {
    let mut rig = Rig::new();
    let mut member = rig.member(10);
    member.sender.standing = Standing::Foreign;
    for capabilities in [ALL, Capabilities::default()] {
        for message_type in all_types() {
            let error = answer(&mut rig, &member.with(capabilities), message_type);
            assert_eq!(error, ECONNREFUSED, "type {message_type}");
        }
    }
}

#[test]
fn control_messages_need_their_capability_and_the_owners_pid_namespace() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let writer = member.with(Capabilities { control: false, ..ALL });
    let mut nested = member;
    nested.sender.in_owner_pid_namespace = false;
    let controller = member.with(Capabilities { control: true, write: false, read: false });
    for message_type in CONTROL {
        assert_eq!(answer(&mut rig, &writer, message_type), EPERM, "type {message_type}");
        assert_eq!(answer(&mut rig, &nested, message_type), EPERM, "type {message_type}");
        assert_eq!(answer(&mut rig, &controller, message_type), allowed(message_type), "type {message_type}");
    }
}

#[test]
fn user_messages_need_their_capability_and_no_pid_namespace() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let controller = member.with(Capabilities { write: false, ..ALL });
    let mut nested = member.with(Capabilities { control: false, write: true, read: false });
    nested.sender.in_owner_pid_namespace = false;
    for message_type in USER {
        assert_eq!(rig.ask(&controller, message_type, b"text\0"), EPERM, "type {message_type}");
        assert_eq!(rig.ask(&nested, message_type, b"text\0"), if message_type == 1124 { EPERM } else { 0 });
    }
    assert_eq!(rig.stored().len(), USER.len());
}

#[test]
fn permission_goes_before_length() {
    let mut rig = Rig::new();
    let nobody = rig.member(10).with(Capabilities::default());
    for message_type in [1011, 1012, 1015, 1018, 1100, 1005] {
        assert_eq!(answer(&mut rig, &nobody, message_type), EPERM, "type {message_type}");
    }
}

#[test]
fn a_refusal_needs_no_flag_and_repeats_the_request() {
    let mut rig = Rig::new();
    let nobody = rig.member(10).with(Capabilities::default());
    let request = message(GET, 0, 77, b"abcde");
    let frames = rig.send(&nobody, &request);
    assert_eq!(frames.len(), 1);
    let header = frames[0].header;
    assert_eq!((header.message_type, header.flags, header.sequence, header.port), (NLMSG_ERROR, 0, 77, 10));
    assert_eq!(header.length as usize, 36 + 8);
    assert_eq!(frames[0].error(), Some(EPERM));
    assert_eq!(frames[0].body[4..], request);
}

#[test]
fn the_strict_policy_leaves_the_daemon_and_nothing_else_to_the_inside() {
    let mut rig = Rig::with(|config| config.policy = Policy::Strict);
    let member = rig.member(10);
    for message_type in [1011, 1012, 1013, 1014, 1015, 1017, 1018] {
        assert_eq!(answer(&mut rig, &member, message_type), EPERM, "type {message_type}");
    }
    for message_type in [1000, 1001, 1010, 1016, 1019] {
        assert_eq!(answer(&mut rig, &member, message_type), 0, "type {message_type}");
    }
    assert_eq!(rig.ask(&member, 1112, b"login\0"), 0);
    let nobody = member.with(Capabilities::default());
    assert_eq!(errors(&rig.send(&nobody, &message(1002, ASK, 1, &[]))), [EOPNOTSUPP]);
}

//! Rules through messages, and what the lists user and exclude do.

use super::request::{ASK, REQUEST, errors, message, rule};
use super::rig::{Member, Rig};
use crate::Input;
use crate::MappedIds;
use crate::action::Notice;
use crate::rules::FileId;
use auditns_wire::Errno;
use auditns_wire::message_type::{ADD_RULE, DEL_RULE, LIST_RULES, MAKE_EQUIV, TRIM};
use auditns_wire::payload::Status;
use auditns_wire::rule::{RuleData, field};

const EQUAL: u32 = 0x4000_0000;
const NEVER: u32 = 0;
const ALWAYS: u32 = 2;
const USER: u32 = 0;
const EXIT: u32 = 4;
const EXCLUDE: u32 = 5;

const EPERM: i32 = -1;
const ENOENT: i32 = -2;
const EEXIST: i32 = -17;
const EINVAL: i32 = -22;

fn rig() -> (Rig, Member) {
    let mut rig = Rig::new();
    let member = rig.member(10);
    (rig, member)
}

fn by_type(list: u32, action: u32, message_type: u32) -> Vec<u8> {
    rule(list, action, &[(field::MSGTYPE, EQUAL, message_type)])
}

#[test]
fn adding_and_deleting_are_recorded_whatever_comes_of_it() {
    let (mut rig, member) = rig();
    let mut data =
        RuleData { flags: EXIT, action: ALWAYS, field_count: 1, buf: b"keyed", ..RuleData::default() };
    (data.fields[0], data.fieldflags[0], data.values[0]) = (field::FILTERKEY, EQUAL, 5);
    let keyed = data.encode();
    assert_eq!(rig.ask(&member, ADD_RULE, &keyed), 0);
    assert_eq!(rig.ask(&member, ADD_RULE, &keyed), EEXIST);
    assert_eq!(rig.ask(&member, DEL_RULE, &keyed), 0);
    assert_eq!(rig.ask(&member, DEL_RULE, &keyed), ENOENT);
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1112)), 0);
    let ids = "CONFIG_CHANGE auid=4294967295 ses=4294967295";
    assert_eq!(
        rig.stored(),
        [
            format!("{ids} op=add_rule key=\"keyed\" list=4 res=1"),
            format!("{ids} op=add_rule key=\"keyed\" list=4 res=0"),
            format!("{ids} op=remove_rule key=\"keyed\" list=4 res=1"),
            format!("{ids} op=remove_rule key=\"keyed\" list=4 res=0"),
            format!("{ids} op=add_rule key=(null) list=0 res=1"),
        ]
    );
}

#[test]
fn a_malformed_rule_leaves_no_record() {
    let (mut rig, member) = rig();
    assert_eq!(rig.ask(&member, ADD_RULE, &[0; 1039]), EINVAL);
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(3, NEVER, 1112)), EINVAL);
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(EXIT, NEVER, 1112)), EINVAL);
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn while_auditing_is_off_rules_change_without_a_record() {
    let (mut rig, member) = rig();
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1112)), 0);
    assert_eq!(rig.ask(&member, TRIM, &[]), 0);
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn a_locked_namespace_refuses_changes_and_records_those_of_rules() {
    let (mut rig, member) = rig();
    rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1112));
    rig.set(&member, &Status { mask: 1, enabled: 2, ..Status::default() });
    rig.stored();
    assert_eq!(rig.ask(&member, ADD_RULE, &[0; 1039]), EINVAL, "the length goes before the lock");
    assert_eq!(rig.ask(&member, ADD_RULE, &[0xff; 1040]), EPERM, "the lock goes before the rest");
    assert_eq!(rig.ask(&member, DEL_RULE, &by_type(USER, NEVER, 1112)), EPERM);
    assert_eq!(rig.ask(&member, TRIM, &[]), EPERM);
    assert_eq!(rig.ask(&member, MAKE_EQUIV, &[]), EPERM);
    let ids = "CONFIG_CHANGE pid=10 uid=0 auid=4294967295 ses=4294967295";
    assert_eq!(
        rig.stored(),
        [
            format!("{ids} op=add_rule audit_enabled=2 res=0"),
            format!("{ids} op=remove_rule audit_enabled=2 res=0"),
        ]
    );
    assert_eq!(rig.send(&member, &message(LIST_RULES, REQUEST, 1, &[])).len(), 2);
}

#[test]
fn rules_are_listed_in_the_kernels_order() {
    let (mut rig, member) = rig();
    let rules = [
        by_type(EXCLUDE, NEVER, 1300),
        rule(EXIT, ALWAYS, &[(field::PID, EQUAL, 1)]),
        by_type(USER, ALWAYS, 1),
        by_type(USER, ALWAYS, 2),
        by_type(USER | 0x10, ALWAYS, 3),
    ];
    for payload in &rules {
        assert_eq!(rig.ask(&member, ADD_RULE, payload), 0);
    }
    let frames = rig.send(&member, &message(LIST_RULES, ASK, 6, &[]));
    assert_eq!(errors(&frames), [0]);
    let listed: Vec<(u32, u32)> = frames[1..frames.len() - 1]
        .iter()
        .map(|frame| {
            let header = frame.header;
            assert_eq!(
                (header.message_type, header.flags, header.sequence, header.port),
                (LIST_RULES, 2, 6, 0)
            );
            assert_eq!(header.length, 16 + 1040);
            let data = RuleData::decode(&frame.body).unwrap();
            (data.flags, data.values[0])
        })
        .collect();
    assert_eq!(listed, [(USER, 3), (USER, 1), (USER, 2), (EXIT, 1), (EXCLUDE, 1300)]);
    assert_eq!(frames.last().unwrap().kind(), 3);
}

#[test]
fn a_user_rule_drops_a_message_that_is_acknowledged() {
    let (mut rig, member) = rig();
    rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1112));
    rig.stored();
    assert_eq!(rig.ask(&member, 1112, b"x\0"), 0);
    assert_eq!(rig.ask(&member, 1112, b"x"), EINVAL, "the length goes before the filter");
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(rig.ask(&member, 1113, b"x\0"), 0);
    assert_eq!((rig.stored().len(), rig.namespace.counters().filtered), (1, 1));
}

#[test]
fn the_user_list_does_not_touch_what_the_namespace_itself_records() {
    let (mut rig, member) = rig();
    rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1305));
    rig.stored();
    rig.set(&member, &Status { mask: 8, ..Status::default() });
    assert_eq!(rig.stored().len(), 1);
}

#[test]
fn an_exclude_rule_drops_records_of_every_origin() {
    for action in [NEVER, ALWAYS] {
        let (mut rig, member) = rig();
        for message_type in [1305, 1112, 1335] {
            assert_eq!(rig.ask(&member, ADD_RULE, &by_type(EXCLUDE, action, message_type)), 0);
        }
        rig.stored();
        let serial = rig.namespace.serial;
        rig.set(&member, &Status { mask: 0x1b, enabled: 1, backlog_limit: 64, ..Status::default() });
        assert_eq!(rig.ask(&member, 1112, b"x\0"), 0);
        rig.membership(&member, 1, true).unwrap();
        assert_eq!(rig.stored(), [] as [&str; 0]);
        assert_eq!(rig.namespace.serial, serial, "no serial is taken");
        assert_eq!(rig.namespace.counters().filtered, 3 + 4 + 1 + 1, "those of the rules too");
    }
}

#[test]
fn terminal_input_meets_the_filter_before_the_terminals_state() {
    let (mut rig, member) = rig();
    assert_eq!(rig.ask(&member, 1124, b"x\0"), EPERM);
    rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1124));
    assert_eq!(rig.ask(&member, 1124, b"x\0"), 0);
}

#[test]
fn programs_are_compared_by_file() {
    let (mut rig, member) = rig();
    let mut data =
        RuleData { flags: EXCLUDE, action: NEVER, field_count: 1, buf: b"/bin/su", ..RuleData::default() };
    (data.fields[0], data.fieldflags[0], data.values[0]) = (field::EXE, EQUAL, 7);
    rig.lookup = |path| if path == b"/bin/su" { Ok(Some(FileId { device: 1, inode: 5 })) } else { Ok(None) };
    assert!(!rig.namespace.inquire(&message(1112, ASK, 1, b"x\0")).exe);
    assert_eq!(rig.ask(&member, ADD_RULE, &data.encode()), 0);
    assert!(rig.namespace.inquire(&message(1112, ASK, 1, b"x\0")).exe);
    rig.stored();
    for (inode, kept) in [(5, 0), (6, 1)] {
        rig.exe = Some(FileId { device: 1, inode });
        assert_eq!(rig.ask(&member, 1112, b"x\0"), 0);
        assert_eq!(rig.stored().len(), kept);
    }
}

#[test]
fn ids_must_be_mapped_in_the_owners_user_namespace() {
    let (mut rig, member) = rig();
    let by_uid = |uid| rule(USER, NEVER, &[(field::UID, EQUAL, uid)]);
    rig.input(Input::OwnerMapped(MappedIds::new(vec![(0, 1000)], vec![])));
    assert_eq!(rig.ask(&member, ADD_RULE, &by_uid(999)), 0);
    assert_eq!(rig.ask(&member, ADD_RULE, &by_uid(1000)), EINVAL);
}

#[test]
fn a_rule_that_nothing_enforces_is_announced() {
    let (mut rig, member) = rig();
    for pid in 1..=2 {
        rig.ask(&member, ADD_RULE, &rule(EXIT, ALWAYS, &[(field::PID, EQUAL, pid)]));
    }
    rig.ask(&member, DEL_RULE, &rule(EXIT, ALWAYS, &[(field::PID, EQUAL, 1)]));
    rig.ask(&member, ADD_RULE, &by_type(USER, NEVER, 1112));
    let expected = [1, 2].map(|count| Notice::RuleNotEnforced { count });
    assert_eq!(rig.notices(), expected);
    assert_eq!(rig.namespace.counters().unenforced_rules, 2);
}

#[test]
fn trim_and_equivalence() {
    let (mut rig, member) = rig();
    rig.lookup =
        |path| if path == b"/tmp" { Ok(Some(FileId { device: 1, inode: 1 })) } else { Err(Errno::ENOENT) };
    let equivalence = |old: &[u8], new: &[u8]| {
        let length = |path: &[u8]| u32::try_from(path.len()).unwrap().to_ne_bytes();
        [&length(old)[..], &length(new), old, new].concat()
    };
    assert_eq!(rig.ask(&member, TRIM, b"whatever"), 0);
    assert_eq!(rig.ask(&member, MAKE_EQUIV, &equivalence(b"/tmp", b"/tmp")), 0);
    assert_eq!(rig.ask(&member, MAKE_EQUIV, &equivalence(b"/tmp", b"/a b")), ENOENT);
    assert_eq!(rig.ask(&member, MAKE_EQUIV, &equivalence(b"/gone", b"/tmp")), ENOENT);
    assert_eq!(rig.ask(&member, MAKE_EQUIV, &equivalence(b"", b"/tmp")), EINVAL);
    assert_eq!(rig.ask(&member, MAKE_EQUIV, &equivalence(b"/tmp", b"\0/x")), 0);
    let ids = "CONFIG_CHANGE pid=10 uid=0 auid=4294967295 ses=4294967295";
    assert_eq!(
        rig.stored(),
        [
            format!("{ids} op=trim res=1"),
            format!("{ids} op=make_equiv old=\"/tmp\" new=\"/tmp\" res=1"),
            format!("{ids} op=make_equiv old=\"/tmp\" new=2F612062 res=0"),
            format!("{ids} op=make_equiv old=\"/gone\" new=\"/tmp\" res=0"),
            format!("{ids} op=make_equiv old=\"/tmp\" new=\"\" res=1"),
        ]
    );
}

//! What rules do to messages.

use super::*;
use crate::rules::{FilterTask, RuleSet, Verdict};
use auditns_wire::rule::{FilterList, field};

const TASK_EXE: FileId = FileId { device: 1, inode: 3 };
const SENDER: FilterTask = FilterTask { pid: 42, uid: 1000, gid: 100, loginuid: 7, exe: Some(TASK_EXE) };
const TYPE: u32 = 1112;

fn set(payloads: &[Vec<u8>]) -> RuleSet {
    let mut set = RuleSet::new();
    for payload in payloads {
        set.add(parse(payload).unwrap()).unwrap();
    }
    set
}

fn user(payloads: &[Vec<u8>], task: &FilterTask) -> Verdict {
    set(payloads).filter(FilterList::User, TYPE, task)
}

fn rule(action: u32, fields: &[(u32, u32, u32)]) -> Vec<u8> {
    request(USER, action, fields, b"")
}

/// Whether a `never,user` rule with this one test matches.
fn matches(field: (u32, u32, u32), task: &FilterTask) -> bool {
    user(&[rule(NEVER, &[field])], task) == Verdict::Drop
}

#[test]
fn fields_are_compared_with_the_sender() {
    let [less, greater] = [Operator::Less.code(), Operator::Greater.code()];
    for (field, expected) in [
        ((field::PID, EQUAL, 42), true),
        ((field::PID, NOT_EQUAL, 42), false),
        ((field::UID, EQUAL, 1000), true),
        ((field::UID, greater, 1000), false),
        ((field::UID, less, 1001), true),
        ((field::GID, EQUAL, 100), true),
        ((field::GID, EQUAL, 1000), false),
        ((field::LOGINUID, EQUAL, 7), true),
        ((field::LOGINUID_SET, EQUAL, 1), true),
        ((field::LOGINUID_SET, EQUAL, 0), false),
        ((field::LOGINUID_SET, EQUAL, 2), false),
        ((field::LOGINUID_SET, NOT_EQUAL, 2), true),
        ((field::LOGINUID, EQUAL, u32::MAX), false),
        ((field::LOGINUID, NOT_EQUAL, u32::MAX), true),
        ((field::MSGTYPE, EQUAL, TYPE), true),
        ((field::MSGTYPE, EQUAL, TYPE + 1), false),
    ] {
        assert_eq!(matches(field, &SENDER), expected, "{field:?}");
    }
    let unset = FilterTask { loginuid: u32::MAX, ..SENDER };
    assert!(matches((field::LOGINUID, EQUAL, u32::MAX), &unset));
    assert!(matches((field::LOGINUID_SET, EQUAL, 0), &unset));
    assert!(matches((field::LOGINUID, greater, 7), &unset), "unset is the greatest id");
}

#[test]
fn all_fields_must_match() {
    let uid = (field::UID, EQUAL, 1000);
    assert_eq!(user(&[rule(NEVER, &[uid, (field::PID, EQUAL, 42)])], &SENDER), Verdict::Drop);
    assert_eq!(user(&[rule(NEVER, &[uid, (field::PID, EQUAL, 43)])], &SENDER), Verdict::Keep);
    assert_eq!(user(&[rule(NEVER, &[(field::PID, EQUAL, 43), uid])], &SENDER), Verdict::Keep);
}

#[test]
fn a_rule_without_fields_never_matches() {
    assert_eq!(user(&[rule(NEVER, &[])], &SENDER), Verdict::Keep);
    let exclude = request(EXCLUDE, ALWAYS, &[], b"");
    assert_eq!(set(&[exclude]).filter(FilterList::Exclude, TYPE, &SENDER), Verdict::Keep);
}

#[test]
fn the_first_match_decides() {
    let always = rule(ALWAYS, &[(field::UID, EQUAL, 1000)]);
    let never = rule(NEVER, &[(field::PID, EQUAL, 42)]);
    let other = rule(NEVER, &[(field::PID, EQUAL, 43)]);
    assert_eq!(user(&[always.clone(), never.clone()], &SENDER), Verdict::Keep);
    assert_eq!(user(&[never.clone(), always.clone()], &SENDER), Verdict::Drop);
    assert_eq!(user(&[other, never, always], &SENDER), Verdict::Drop);
}

#[test]
fn exclude_drops_with_either_action() {
    for action in [NEVER, ALWAYS] {
        let rules = set(&[request(EXCLUDE, action, &[(field::MSGTYPE, EQUAL, TYPE)], b"")]);
        assert_eq!(rules.filter(FilterList::Exclude, TYPE, &SENDER), Verdict::Drop);
        assert_eq!(rules.filter(FilterList::Exclude, TYPE + 1, &SENDER), Verdict::Keep);
        assert_eq!(rules.filter(FilterList::User, TYPE, &SENDER), Verdict::Keep, "lists are apart");
    }
}

#[test]
fn other_lists_keep() {
    for (flags, list) in [(TASK, FilterList::Task), (EXIT, FilterList::Exit), (URING, FilterList::UringExit)]
    {
        let rules = set(&[request(flags, NEVER, &[(field::UID, EQUAL, 1000)], b"")]);
        assert_eq!(rules.filter(list, TYPE, &SENDER), Verdict::Keep);
    }
}

#[test]
fn a_field_without_meaning_ends_the_search() {
    let drop = rule(NEVER, &[(field::UID, EQUAL, 1000)]);
    let unknown = (field::EXIT, EQUAL, 5);
    assert_eq!(user(&[rule(ALWAYS, &[unknown]), drop.clone()], &SENDER), Verdict::Keep);
    let not_reached = rule(ALWAYS, &[(field::UID, EQUAL, 1), unknown]);
    assert_eq!(user(&[not_reached, drop.clone()], &SENDER), Verdict::Drop);
    let key = string_request(USER, field::FILTERKEY, b"k");
    assert_eq!(user(&[key, drop], &SENDER), Verdict::Keep, "a key is such a field, too");
}

#[test]
fn subject_labels_leave_the_result_as_it_is() {
    let label = (field::SUBJ_TYPE, EQUAL, 1);
    let with_label = |fields: &[(u32, u32, u32)]| request(USER, NEVER, fields, b"x");
    let uid = (field::UID, EQUAL, 1000);
    assert_eq!(user(&[with_label(&[uid, label])], &SENDER), Verdict::Drop);
    assert_eq!(user(&[with_label(&[label, uid])], &SENDER), Verdict::Keep);
}

#[test]
fn executables_are_compared_by_file() {
    let exe = |operator, path: &[u8]| {
        request(USER, NEVER, &[(field::EXE, operator, u32::try_from(path.len()).unwrap())], path)
    };
    let none = FilterTask { exe: None, ..SENDER };
    for (operator, path, task, expected) in [
        (EQUAL, &b"/bin/true"[..], &SENDER, Verdict::Drop),
        (NOT_EQUAL, b"/bin/true", &SENDER, Verdict::Keep),
        (EQUAL, b"/bin/sh", &SENDER, Verdict::Keep),
        (NOT_EQUAL, b"/bin/sh", &SENDER, Verdict::Drop),
        (EQUAL, b"/tmp/nx", &SENDER, Verdict::Keep),
        (NOT_EQUAL, b"/tmp/nx", &SENDER, Verdict::Drop),
        (EQUAL, b"/tmp/nx", &none, Verdict::Keep),
        (NOT_EQUAL, b"/bin/true", &none, Verdict::Drop),
    ] {
        let shown = String::from_utf8_lossy(path);
        assert_eq!(user(&[exe(operator, path)], task), expected, "{operator:#x} {shown}");
    }
}

#[test]
fn executables_can_come_and_go() {
    let mut rules = set(&[request(USER, NEVER, &[(field::EXE, EQUAL, 7)], b"/tmp/nx")]);
    assert_eq!(rules.exe_paths().collect::<Vec<_>>(), [b"/tmp/nx"]);
    rules.set_exe(b"/tmp/other", Some(TASK_EXE));
    assert_eq!(rules.filter(FilterList::User, TYPE, &SENDER), Verdict::Keep);
    rules.set_exe(b"/tmp/nx", Some(TASK_EXE));
    assert_eq!(rules.filter(FilterList::User, TYPE, &SENDER), Verdict::Drop);
    rules.set_exe(b"/tmp/nx", None);
    assert_eq!(rules.filter(FilterList::User, TYPE, &SENDER), Verdict::Keep);
}

#[test]
fn executables_are_needed_only_where_they_are_compared() {
    assert!(!set(&[rule(NEVER, &[(field::UID, EQUAL, 1)])]).needs_exe());
    for (flags, expected) in [(USER, true), (EXCLUDE, true), (EXIT, false), (TASK, false), (URING, false)] {
        assert_eq!(
            set(&[string_request(flags, field::EXE, b"/bin/true")]).needs_exe(),
            expected,
            "list {flags}"
        );
    }
}

//! Adding, removing and listing.

use super::*;
use crate::rules::{RuleChange, RuleSet};
use auditns_wire::rule::{FilterList, field};

fn uid(flags: u32, uid: u32) -> Vec<u8> {
    request(flags, NEVER, &[(field::UID, EQUAL, uid)], b"")
}

fn add(set: &mut RuleSet, payload: &[u8]) -> Result<(), Errno> {
    set.add(parse(payload)?)
}

fn remove(set: &mut RuleSet, payload: &[u8]) -> Result<(), Errno> {
    set.remove(&parse(payload)?)
}

fn listed(set: &RuleSet) -> Vec<Vec<u8>> {
    set.list().collect()
}

#[test]
fn lists_stand_in_order_of_their_numbers() {
    let mut set = RuleSet::new();
    let lists = [URING, EXCLUDE, USER, EXIT, TASK];
    for number in lists {
        add(&mut set, &uid(number, 1)).unwrap();
        add(&mut set, &uid(number, 2)).unwrap();
    }
    let key = string_request(FILESYSTEM, field::FILTERKEY, b"k");
    add(&mut set, &key).unwrap();
    let mut expected: Vec<_> =
        [USER, TASK, EXIT, EXCLUDE].into_iter().flat_map(|list| [uid(list, 1), uid(list, 2)]).collect();
    expected.extend([key, uid(URING, 1), uid(URING, 2)]);
    assert_eq!(listed(&set), expected);
    assert_eq!((set.len(), set.not_enforced(), set.is_empty()), (11, 7, false));
    assert_eq!(set.bytes(), expected.iter().map(Vec::len).sum());
    for payload in &expected {
        remove(&mut set, payload).unwrap();
    }
    assert_eq!((set.len(), set.bytes(), set.not_enforced(), set.is_empty()), (0, 0, 0, true));
}

#[test]
fn same_rules_exist_once() {
    let mut set = RuleSet::new();
    assert_eq!(remove(&mut set, &uid(USER, 1)), Err(Errno::ENOENT));
    assert_eq!(add(&mut set, &uid(USER, 1)), Ok(()));
    assert_eq!(add(&mut set, &uid(USER, 1)), Err(Errno::EEXIST));
    let other_action = request(USER, ALWAYS, &[(field::UID, EQUAL, 1)], b"");
    let other_operator = request(USER, NEVER, &[(field::UID, NOT_EQUAL, 1)], b"");
    let mut other_mask = uid(USER, 1);
    other_mask[12] = 1;
    for other in [uid(TASK, 1), uid(USER, 2), other_action, other_operator, other_mask] {
        assert_eq!(remove(&mut set, &other), Err(Errno::ENOENT));
        assert_eq!(add(&mut set, &other), Ok(()));
    }
    assert_eq!(remove(&mut set, &uid(USER, 1)), Ok(()));
    assert_eq!(remove(&mut set, &uid(USER, 1)), Err(Errno::ENOENT));
    assert_eq!(set.len(), 5);
}

#[test]
fn prepended_rules_go_first_and_are_never_the_same() {
    let mut set = RuleSet::new();
    for payload in [uid(USER, 1), uid(USER | PREPEND, 2), uid(USER | PREPEND, 3), uid(USER | PREPEND, 2)] {
        assert_eq!(add(&mut set, &payload), Ok(()));
    }
    assert_eq!(listed(&set), [2, 3, 2, 1].map(|id| uid(USER, id)), "the flag is not listed");
    assert!(set.iter().all(|rule| !rule.is_prepend()));
    assert_eq!(remove(&mut set, &uid(USER | PREPEND, 2)), Err(Errno::ENOENT));
    assert_eq!(remove(&mut set, &uid(USER, 2)), Ok(()));
    assert_eq!(listed(&set), [3, 2, 1].map(|id| uid(USER, id)), "the first of two goes");
}

#[test]
fn strings_are_listed_back_to_back() {
    let fields = [(field::EXE, EQUAL, 12), (field::SUBJ_USER, EQUAL, 2), (field::FILTERKEY, EQUAL, 6)];
    let mut set = RuleSet::new();
    add(&mut set, &request(USER, NEVER, &fields, b"/bin/sh\0junkssmykey1left over")).unwrap();
    let kept = [(field::EXE, EQUAL, 7), (field::SUBJ_USER, EQUAL, 2), (field::FILTERKEY, EQUAL, 6)];
    let expected = request(USER, NEVER, &kept, b"/bin/shssmykey1");
    assert_eq!(expected.len(), 1055, "no padding");
    assert_eq!(listed(&set), [expected]);
}

#[test]
fn text_ends_at_nul() {
    let mut set = RuleSet::new();
    add(&mut set, &string_request(USER, field::FILTERKEY, b"a\0bc")).unwrap();
    assert_eq!(add(&mut set, &string_request(USER, field::FILTERKEY, b"a")), Err(Errno::EEXIST));
    add(&mut set, &string_request(USER, field::FILTERKEY, b"\0")).unwrap();
    let empty = string_request(USER, field::FILTERKEY, b"");
    assert_eq!(listed(&set).last(), Some(&empty));
    assert_eq!(remove(&mut set, &empty), Err(Errno::EINVAL), "an empty key cannot be asked for");
}

#[test]
fn unset_loginuid_is_listed_as_it_was_asked_for() {
    let old = |operator| (field::LOGINUID, operator, u32::MAX);
    let new = |value| (field::LOGINUID_SET, EQUAL, value);
    let rule = |fields: &[(u32, u32, u32)]| request(USER, ALWAYS, fields, b"");
    let mut set = RuleSet::new();
    let rules = [rule(&[old(EQUAL)]), rule(&[new(0)]), rule(&[old(NOT_EQUAL)]), rule(&[new(1)])];
    for payload in &rules {
        assert_eq!(add(&mut set, payload), Ok(()), "old and new spelling are different rules");
    }
    assert_eq!(listed(&set), rules);
    let mut set = RuleSet::new();
    add(&mut set, &rule(&[old(EQUAL), new(0), new(1)])).unwrap();
    assert_eq!(listed(&set), [rule(&[old(EQUAL), old(EQUAL), new(1)])], "one flag a rule");
}

#[test]
fn unused_slots_do_not_matter() {
    let mut junk = uid(USER, 1);
    // Field, value and operator of the second slot, and the length of the buffer.
    for offset in [268 + 4, 524 + 4, 780 + 4, 1036] {
        junk[offset] = 77;
    }
    let mut set = RuleSet::new();
    add(&mut set, &junk).unwrap();
    assert_eq!(listed(&set), [uid(USER, 1)]);
}

#[test]
fn a_duplicate_goes_before_a_failed_look_up() {
    let payload = string_request(EXIT, field::WATCH, b"/tmp/a");
    let mut set = RuleSet::new();
    add(&mut set, &payload).unwrap();
    let unanswered = Rule::parse(&payload, &PathAnswers::new(), &AllIds).unwrap();
    assert_eq!(set.add(unanswered.clone()), Err(Errno::EEXIST));
    assert_eq!(set.remove(&unanswered), Ok(()), "nothing is looked up to delete");
    assert_eq!(set.add(unanswered), Err(Errno::ENOENT));
    assert!(set.is_empty());
}

#[test]
fn a_tree_that_is_watched_already_is_not_looked_up() {
    let tree = |key: &[u8]| {
        let fields = [(field::DIR, EQUAL, 4), (field::FILTERKEY, EQUAL, 1)];
        request(EXIT, ALWAYS, &fields, &[b"/tmp", key].concat())
    };
    let mut set = RuleSet::new();
    add(&mut set, &tree(b"a")).unwrap();
    let unanswered = |key| Rule::parse(&tree(key), &PathAnswers::new(), &AllIds).unwrap();
    assert_eq!(set.add(unanswered(b"b")), Ok(()));
    set.remove(&unanswered(b"a")).unwrap();
    set.remove(&unanswered(b"b")).unwrap();
    assert_eq!(set.add(unanswered(b"c")), Err(Errno::ENOENT));
}

#[test]
fn the_number_of_rules_is_bounded() {
    let mut set = RuleSet::new();
    let limit = u32::try_from(RuleSet::LIMIT).unwrap();
    for id in 0..limit {
        assert_eq!(add(&mut set, &uid(USER, id)), Ok(()), "rule {id}");
    }
    assert_eq!(add(&mut set, &uid(EXIT, limit)), Err(Errno::ENOMEM));
    assert_eq!(add(&mut set, &uid(USER, 5)), Err(Errno::EEXIST), "a duplicate is a duplicate still");
    remove(&mut set, &uid(USER, 5)).unwrap();
    assert_eq!(add(&mut set, &uid(EXIT, limit)), Ok(()));
    assert_eq!(set.len(), RuleSet::LIMIT);
}

#[test]
fn the_bytes_of_rules_are_bounded() {
    let mut set = RuleSet::new();
    let big = |id: u32| {
        let mut fields = vec![(field::OBJ_TYPE, EQUAL, 4096); 63];
        fields.push((field::UID, EQUAL, id));
        request(EXIT, ALWAYS, &fields, &vec![b'x'; 63 * 4096])
    };
    let fits = RuleSet::BYTES_LIMIT / big(0).len();
    for id in 0..fits {
        assert_eq!(add(&mut set, &big(u32::try_from(id).unwrap())), Ok(()), "rule {id}");
    }
    assert_eq!(add(&mut set, &big(u32::MAX - 1)), Err(Errno::ENOMEM));
    assert!(set.bytes() <= RuleSet::BYTES_LIMIT);
    assert_eq!(set.bytes(), set.list().map(|payload| payload.len()).sum());
    remove(&mut set, &big(0)).unwrap();
    assert_eq!(add(&mut set, &big(u32::MAX - 1)), Ok(()));
}

#[test]
fn class_bits_become_syscalls() {
    let mut payload = uid(EXIT, 1);
    // The topmost bit stands for class 0, the lowest of the sixteen for class 15, which no kernel has.
    payload[264..268].copy_from_slice(&0x8001_0001_u32.to_ne_bytes());
    let mut set = RuleSet::new();
    add(&mut set, &payload).unwrap();
    let listed = listed(&set).remove(0);
    let mask = RuleData::decode(&listed).unwrap().mask;
    assert_eq!(mask[63], 1, "the class bits are gone, the plain bit stays");
    let syscalls: Vec<usize> = (0..2016).filter(|bit| mask[bit / 32] & (1 << (bit % 32)) != 0).collect();
    if cfg!(target_arch = "x86_64") {
        assert_eq!(syscalls, [82, 83, 84, 85, 86, 87, 88, 133, 258, 259, 263, 264, 265, 266, 316]);
    } else {
        assert_eq!(syscalls, []);
    }
}

#[test]
fn a_change_shows_key_and_list() {
    let change = |payload: &[u8]| parse(payload).unwrap().describe_change();
    assert_eq!(change(&uid(EXCLUDE, 1)), RuleChange { key: None, list: FilterList::Exclude });
    let keyed = string_request(EXIT | PREPEND, field::FILTERKEY, b"a key\0x");
    assert_eq!(change(&keyed), RuleChange { key: Some(b"a key".to_vec()), list: FilterList::Exit });
    let nul = string_request(USER, field::FILTERKEY, b"\0");
    assert_eq!(change(&nul), RuleChange { key: Some(Vec::new()), list: FilterList::User });
}

//! Which requests are refused, with which errno, and which of two mistakes counts.

use super::*;
use crate::rules::{IdMap, PathQuestion, RuleSet};
use auditns_wire::rule::field;

const OK: Result<(), Errno> = Ok(());
const EINVAL: Result<(), Errno> = Err(Errno::EINVAL);
const ENOENT: Result<(), Errno> = Err(Errno::ENOENT);
const ENOTDIR: Result<(), Errno> = Err(Errno::ENOTDIR);
const ENAMETOOLONG: Result<(), Errno> = Err(Errno::ENAMETOOLONG);

fn add(payload: &[u8]) -> Result<(), Errno> {
    RuleSet::new().add(parse(payload)?)
}

fn one(flags: u32, field: u32, operator: u32, value: u32) -> Vec<u8> {
    request(flags, NEVER, &[(field, operator, value)], b"")
}

#[test]
fn short_payloads() {
    for len in [0, 4, 12, 1036, 1039] {
        assert_eq!(add(&vec![0; len]), EINVAL, "{len} bytes");
        assert_eq!(path_questions(&vec![0; len]), []);
    }
    assert_eq!(add(&[0; 1040]), OK);
}

#[test]
fn lists_and_actions() {
    for (flags, expected) in [
        (USER, OK),
        (TASK, OK),
        (2, EINVAL),
        (3, EINVAL),
        (EXIT, OK),
        (EXCLUDE, OK),
        (FILESYSTEM, OK),
        (URING, OK),
        (8, EINVAL),
        (PREPEND | EXIT, OK),
        (PREPEND | 2, EINVAL),
        (0x20, EINVAL),
        (1 << 31, EINVAL),
    ] {
        assert_eq!(add(&request(flags, NEVER, &[], b"")), expected, "flags {flags:#x}");
    }
    for (action, expected) in [(0, OK), (1, EINVAL), (2, OK), (3, EINVAL), (u32::MAX, EINVAL)] {
        assert_eq!(add(&request(EXIT, action, &[], b"")), expected, "action {action}");
    }
}

#[test]
fn field_counts() {
    assert_eq!(add(&request(USER, NEVER, &[(field::UID, EQUAL, 1); 64], b"")), OK);
    for count in [65, 1 << 31, u32::MAX] {
        let data = RuleData { field_count: count, ..RuleData::default() };
        assert_eq!(add(&data.encode()), EINVAL, "{count} fields");
    }
}

#[test]
fn operators_fit_fields() {
    let bit_mask = Operator::BitMask.code();
    let less = Operator::Less.code();
    for (flags, number, operator, value, expected) in [
        (USER, field::UID, 0, 5, EINVAL),
        (USER, field::UID, 0x7800_0000, 5, EINVAL),
        (USER, field::UID, bit_mask, 5, EINVAL),
        (USER, field::UID, less, 5, OK),
        (USER, field::ARG0, bit_mask, 5, OK),
        (USER, field::PERS, Operator::BitTest.code(), 5, OK),
        (USER, field::LOGINUID_SET, less, 1, EINVAL),
        (USER, field::LOGINUID_SET, EQUAL, 2, OK),
        (EXIT, field::PERM, EQUAL, 16, OK),
        (EXIT, field::FILETYPE, NOT_EQUAL, 99, OK),
        (EXIT, field::FIELD_COMPARE, EQUAL, 99, OK),
        (EXIT, field::SADDR_FAM, less, 99, OK),
        (EXIT, field::ARCH, less, 5, EINVAL),
        (USER, field::LOGINUID, less, u32::MAX, EINVAL),
        (USER, field::LOGINUID, less, 5, OK),
        (USER, 27, EQUAL, 5, EINVAL),
        (EXIT, 99, EQUAL, 5, EINVAL),
        (EXIT, 114, EQUAL, 5, EINVAL),
        (EXIT, u32::MAX, EQUAL, 5, EINVAL),
    ] {
        assert_eq!(
            add(&one(flags, number, operator, value)),
            expected,
            "list {flags} field {number} {operator:#x}"
        );
    }
}

#[test]
fn fields_fit_lists() {
    for (number, expected) in [
        (field::MSGTYPE, [OK, EINVAL, EINVAL, OK, EINVAL, EINVAL]),
        (field::FSTYPE, [EINVAL, EINVAL, EINVAL, EINVAL, OK, EINVAL]),
        (field::PERM, [OK, OK, OK, OK, EINVAL, EINVAL]),
        (field::INODE, [EINVAL, EINVAL, OK, EINVAL, EINVAL, OK]),
        (field::ARCH, [OK, OK, OK, OK, EINVAL, OK]),
        (field::PID, [OK, OK, OK, OK, EINVAL, OK]),
    ] {
        let found =
            [USER, TASK, EXIT, EXCLUDE, FILESYSTEM, URING].map(|list| add(&one(list, number, EQUAL, 5)));
        assert_eq!(found, expected, "field {number}");
    }
    for (number, expected) in [
        (field::FILTERKEY, [OK, OK, OK, OK, OK, OK]),
        (field::SUBJ_USER, [OK, OK, OK, OK, EINVAL, OK]),
        (field::EXE, [OK, OK, OK, OK, EINVAL, OK]),
        (field::WATCH, [EINVAL, EINVAL, OK, EINVAL, EINVAL, OK]),
        (field::DIR, [EINVAL, EINVAL, OK, EINVAL, EINVAL, OK]),
    ] {
        let found = [USER, TASK, EXIT, EXCLUDE, FILESYSTEM, URING]
            .map(|list| add(&string_request(list, number, b"/tmp")));
        assert_eq!(found, expected, "field {number}");
    }
}

#[test]
fn ids_are_mapped() {
    struct Some1000;
    impl IdMap for Some1000 {
        fn has_uid(&self, uid: u32) -> bool {
            uid < 1000
        }
        fn has_gid(&self, gid: u32) -> bool {
            gid < 500
        }
    }
    let parse = |field, value| {
        Rule::parse(&one(USER, field, EQUAL, value), &PathAnswers::new(), &Some1000).map(|_| ())
    };
    for number in [field::UID, field::EUID, field::SUID, field::FSUID, field::LOGINUID, field::OBJ_UID] {
        assert_eq!([parse(number, 999), parse(number, 1000)], [OK, EINVAL], "field {number}");
        let expected = if number == field::LOGINUID { OK } else { EINVAL };
        assert_eq!(parse(number, u32::MAX), expected, "field {number}");
        assert_eq!(add(&one(USER, number, EQUAL, u32::MAX)), expected, "field {number}");
    }
    for number in [field::GID, field::EGID, field::SGID, field::FSGID, field::OBJ_GID] {
        assert_eq!([parse(number, 499), parse(number, 500), parse(number, u32::MAX)], [OK, EINVAL, EINVAL]);
        assert_eq!(add(&one(USER, number, EQUAL, u32::MAX)), EINVAL);
    }
}

#[test]
fn an_id_that_does_not_exist_is_refused_even_if_the_map_has_it() {
    struct Everything;
    impl IdMap for Everything {
        fn has_uid(&self, _: u32) -> bool {
            true
        }
        fn has_gid(&self, _: u32) -> bool {
            true
        }
    }
    for number in [field::UID, field::GID] {
        let payload = one(USER, number, EQUAL, u32::MAX);
        assert_eq!(Rule::parse(&payload, &PathAnswers::new(), &Everything).map(|_| ()), EINVAL);
    }
}

#[test]
fn strings_lie_in_the_buffer() {
    let key = |len, buf: &[u8]| add(&request(EXIT, ALWAYS, &[(field::FILTERKEY, EQUAL, len)], buf));
    assert_eq!(key(3, b"abc"), OK);
    assert_eq!(key(2, b"abc"), OK, "left over bytes do not matter");
    for len in [0, 4, 10, u32::MAX] {
        assert_eq!(key(len, b"abc"), EINVAL, "length {len}");
    }
    assert_eq!(key(256, &[b'k'; 256]), OK);
    assert_eq!(key(257, &[b'k'; 257]), EINVAL);
    let label = |len: usize| add(&string_request(EXIT, field::OBJ_TYPE, &vec![b'x'; len]));
    assert_eq!([label(4096), label(4097)], [OK, ENAMETOOLONG]);
    let beyond = request(EXIT, ALWAYS, &[(field::OBJ_TYPE, EQUAL, 4098)], &[b'x'; 4097]);
    assert_eq!(add(&beyond), EINVAL, "beyond the buffer goes before too long");
    let two = [(field::FILTERKEY, EQUAL, 1), (field::FILTERKEY, EQUAL, 1)];
    assert_eq!(add(&request(EXIT, ALWAYS, &two, b"kk")), EINVAL);
}

#[test]
fn watches() {
    for (path, expected) in [
        (&b"/tmp"[..], OK),
        (b"/tmp/nx", OK),
        (b"abc", EINVAL),
        (b"/tmp/", EINVAL),
        (b"/tmp/\0", OK),
        (b"/", EINVAL),
        (b"/\0", EINVAL),
        (b"\0", EINVAL),
        (b"/tmp/.", EINVAL),
        (b"/tmp/..", EINVAL),
        (b"/nx_dir/foo", ENOENT),
        (b"/etc/passwd/x", ENOTDIR),
        (&[&b"/tmp/"[..], &[b'a'; 256]].concat(), ENAMETOOLONG),
        (&[&b"/tmp/"[..], &[b'a'; 4092]].concat(), ENAMETOOLONG),
    ] {
        let shown = String::from_utf8_lossy(path);
        assert_eq!(add(&string_request(EXIT, field::WATCH, path)), expected, "watch {shown}");
        assert_eq!(add(&string_request(EXIT, field::EXE, path)), expected_exe(path, expected), "exe {shown}");
    }
    assert_eq!(add(&request(EXIT, ALWAYS, &[(field::WATCH, NOT_EQUAL, 4)], b"/tmp")), EINVAL);
}

/// Executables are judged as watches are, but the length check comes first.
fn expected_exe(path: &[u8], watch: Result<(), Errno>) -> Result<(), Errno> {
    if path.len() > 4096 { EINVAL } else { watch }
}

#[test]
fn trees() {
    for (path, expected) in [
        (&b"/tmp"[..], OK),
        (b"/tmp/", OK),
        (b"/", OK),
        (b"/etc/passwd", OK),
        (b"abc", EINVAL),
        (b"\0/tmp", EINVAL),
        (b"/nx_dir", ENOENT),
        (b"/etc/passwd/x", ENOTDIR),
    ] {
        let shown = String::from_utf8_lossy(path);
        assert_eq!(add(&string_request(EXIT, field::DIR, path)), expected, "dir {shown}");
    }
    assert_eq!(add(&request(EXIT, ALWAYS, &[(field::DIR, NOT_EQUAL, 4)], b"/tmp")), EINVAL);
}

#[test]
fn a_rule_watches_one_object() {
    let objects = [
        (field::WATCH, EQUAL, 4),
        (field::DIR, EQUAL, 4),
        (field::INODE, EQUAL, 4),
        (field::INODE, NOT_EQUAL, 4),
    ];
    for first in objects {
        for second in objects {
            let payload = request(EXIT, ALWAYS, &[first, second], b"/tmp/tmp");
            assert_eq!(add(&payload), EINVAL, "{first:?} {second:?}");
        }
        let buf = if first.0 == field::INODE { &b"/bin"[..] } else { b"/tmp/bin" };
        let with_exe = request(EXIT, ALWAYS, &[first, (field::EXE, EQUAL, 4)], buf);
        assert_eq!(add(&with_exe), OK, "an executable is not a watched object");
    }
    assert_eq!(add(&one(EXIT, field::INODE, Operator::Less.code(), 4)), EINVAL);
    let two = [(field::EXE, EQUAL, 9), (field::EXE, EQUAL, 9)];
    assert_eq!(add(&request(EXIT, ALWAYS, &two, b"/bin/true/bin/true")), EINVAL);
}

#[test]
fn the_first_mistake_counts() {
    let missing_exe = (field::EXE, EQUAL, 11);
    let missing_watch = (field::WATCH, EQUAL, 11);
    let unknown = (99, EQUAL, 0);
    let path = b"/nx_dir/foo";
    let case = |fields: &[(u32, u32, u32)]| add(&request(EXIT, ALWAYS, fields, path));
    assert_eq!(case(&[missing_exe, unknown]), ENOENT, "an executable is looked up at once");
    assert_eq!(case(&[unknown, missing_exe]), EINVAL);
    assert_eq!(case(&[missing_watch, unknown]), EINVAL, "a watch is looked up at the end");
    assert_eq!(add(&request(2, ALWAYS, &[missing_exe], path)), EINVAL);
    assert_eq!(add(&request(EXIT, 1, &[missing_exe], path)), EINVAL);
}

#[test]
fn questions_name_each_path_once() {
    let question = |kind, path: &[u8]| PathQuestion { path: path.to_vec(), kind };
    let fields = [(field::EXE, EQUAL, 9), (field::WATCH, EQUAL, 6), (field::FILTERKEY, EQUAL, 1)];
    let payload = request(EXIT, ALWAYS, &fields, b"/bin/true/tmp\0xk");
    let expected = [question(PathKind::Exe, b"/bin/true"), question(PathKind::Watch, b"/tmp")];
    assert_eq!(path_questions(&payload), expected);
    let tree = string_request(EXIT, field::DIR, b"/srv/");
    assert_eq!(path_questions(&tree), [question(PathKind::Dir, b"/srv/")]);
    let late = request(EXIT, ALWAYS, &[(field::EXE, EQUAL, 9), (99, EQUAL, 1)], b"/bin/true");
    assert_eq!(path_questions(&late).len(), 1, "asked although a later field is bad");
    let early = request(EXIT, ALWAYS, &[(99, EQUAL, 1), (field::EXE, EQUAL, 9)], b"/bin/true");
    assert_eq!(path_questions(&early), []);
}

#[test]
fn what_was_not_looked_up_does_not_exist() {
    let exe = string_request(USER, field::EXE, b"/bin/true");
    assert_eq!(Rule::parse(&exe, &PathAnswers::new(), &AllIds).map(|_| ()), ENOENT);
    let watch = string_request(EXIT, field::WATCH, b"/tmp");
    let rule = Rule::parse(&watch, &PathAnswers::new(), &AllIds).unwrap();
    assert_eq!(RuleSet::new().add(rule), ENOENT);
}

#[test]
fn an_answer_is_for_one_way_to_look_up() {
    // A missing file is fine as an executable, not as a tree.
    let fields = [(field::EXE, EQUAL, 7), (field::DIR, EQUAL, 7)];
    for fields in [fields, [fields[1], fields[0]]] {
        assert_eq!(add(&request(EXIT, ALWAYS, &fields, b"/tmp/nx/tmp/nx")), ENOENT);
        assert_eq!(path_questions(&request(EXIT, ALWAYS, &fields, b"/tmp/nx/tmp/nx")).len(), 2);
    }
    assert_eq!(add(&request(EXIT, ALWAYS, &fields[..1], b"/tmp/nx")), OK);
}

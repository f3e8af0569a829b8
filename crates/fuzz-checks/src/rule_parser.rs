//! Rules as requests have them, and as they are listed.

use crate::compact;
use auditns_core::rules::{AllIds, FileId, PathAnswers, Rule, RuleSet, path_questions};
use auditns_wire::Errno;

/// Bytes as a payload, and as a payload in short.
pub fn rule(bytes: &[u8]) {
    payload(bytes);
    payload(&compact::rule(bytes));
}

/// A payload asks for few, well-formed paths; a rule that comes of it is listed once, not longer than it was asked for, and can
/// be deleted by the same payload.
fn payload(payload: &[u8]) {
    let questions = path_questions(payload);
    assert!(questions.len() <= 2, "{questions:?}");
    for question in &questions {
        assert!(
            question.path.starts_with(b"/") && question.path.len() <= 4096 && !question.path.contains(&0)
        );
    }
    let found = Ok(Some(FileId { device: 1, inode: 1 }));
    let answers: PathAnswers = questions.into_iter().map(|question| (question, found)).collect();
    let parse = |payload: &[u8]| Rule::parse(payload, &answers, &AllIds);
    let rule = match parse(payload) {
        Ok(rule) => rule,
        Err(errno) => {
            assert!(matches!(errno, Errno::EINVAL | Errno::ENAMETOOLONG | Errno::ENOENT), "{errno:?}");
            return;
        }
    };
    let listed = rule.payload();
    assert_eq!(listed.len(), rule.payload_len());
    assert!(listed.len() <= payload.len(), "{} bytes of {}", listed.len(), payload.len());
    if let Ok(again) = parse(&listed) {
        assert!(again.is_same(&rule), "a listed rule is the rule");
    }
    assert_eq!(rule.describe_change().list, rule.list());

    let mut set = RuleSet::new();
    let is_prepend = rule.is_prepend();
    assert_eq!(set.add(rule.clone()), Ok(()));
    assert_eq!(set.list().map(|listed| listed.len()).collect::<Vec<_>>(), [listed.len()]);
    assert_eq!(set.bytes(), listed.len());
    if is_prepend {
        assert_eq!(set.remove(&rule), Err(Errno::ENOENT));
    } else {
        assert_eq!(set.add(rule.clone()), Err(Errno::EEXIST));
        assert_eq!(set.remove(&rule), Ok(()));
        assert_eq!((set.len(), set.bytes()), (0, 0));
    }
}

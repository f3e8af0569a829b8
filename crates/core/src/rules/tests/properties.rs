//! What holds for every request.

use super::*;
use crate::rules::RuleSet;
use auditns_wire::rule::{FilterList, field};
use proptest::collection::vec;
use proptest::prelude::*;

fn word() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..30_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn operator() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(EQUAL), 2 => proptest::sample::select(&Operator::ALL[..]).prop_map(Operator::code)]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..28_u32, 99..115_u32, 199..204_u32, Just(field::FILTERKEY)]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let bytes = vec(proptest::sample::select(&b"/ab\0"[..]), 0..6);
    prop_oneof![
        1 => bytes.clone(),
        3 => bytes.prop_map(|tail| [b"/", &tail[..]].concat()),
        1 => Just(b"/bin/true".to_vec()),
    ]
}

/// A request that is likely to be accepted.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let list = proptest::sample::select(&[USER, USER, TASK, EXIT, EXIT, EXCLUDE, FILESYSTEM, URING][..]);
    let flags =
        (list, prop_oneof![3 => Just(0), 1 => Just(PREPEND)]).prop_map(|(list, prepend)| list | prepend);
    let action = proptest::sample::select(&[NEVER, ALWAYS][..]);
    let masks = vec((0..64_usize, any::<u32>()), 0..3);
    (flags, action, vec((number(), operator(), word(), text()), 0..5), masks).prop_map(
        |(flags, action, tests, masks)| {
            let mut buf = Vec::new();
            let mut fields = Vec::new();
            for (number, operator, value, text) in tests {
                if field::is_string(number) {
                    fields.push((number, operator, u32::try_from(text.len()).unwrap()));
                    buf.extend(text);
                } else {
                    fields.push((number, operator, value));
                }
            }
            let mut payload = request(flags, action, &fields, &buf);
            for (word, bits) in masks {
                payload[12 + 4 * word..16 + 4 * word].copy_from_slice(&bits.to_ne_bytes());
            }
            payload
        },
    )
}

/// Whether a listed rule can be asked for again: strings that lost a NUL cannot.
fn can_be_asked_for(payload: &[u8]) -> bool {
    let data = RuleData::decode(payload).unwrap();
    let used = usize::try_from(data.field_count).unwrap();
    let mut rest = data.buf;
    data.fields.iter().zip(&data.values).take(used).all(|(&number, &value)| {
        if !field::is_string(number) {
            return true;
        }
        let (text, left) = rest.split_at(usize::try_from(value).unwrap());
        rest = left;
        let is_file = matches!(number, field::WATCH | field::EXE);
        !(text.is_empty() || is_file && text.ends_with(b"/"))
    })
}

/// The set as a list of payloads: the same rule is the same payload.
#[derive(Default)]
struct Model(Vec<Vec<u8>>);

impl Model {
    fn list_of(payload: &[u8]) -> u32 {
        RuleData::decode(payload).unwrap().flags & !PREPEND
    }

    fn add(&mut self, payload: Vec<u8>, prepend: bool) -> Result<(), Errno> {
        let list = Self::list_of(&payload);
        if !prepend && self.0.contains(&payload) {
            return Err(Errno::EEXIST);
        }
        let at = self.0.iter().position(|stored| {
            let other = Self::list_of(stored);
            other > list || (prepend && other == list)
        });
        self.0.insert(at.unwrap_or(self.0.len()), payload);
        Ok(())
    }

    fn remove(&mut self, payload: &[u8], prepend: bool) -> Result<(), Errno> {
        let at = self.0.iter().position(|stored| stored == payload).filter(|_| !prepend);
        at.map(|at| self.0.remove(at)).map(|_| ()).ok_or(Errno::ENOENT)
    }
}

proptest! {
    #[test]
    fn random_payloads_never_panic(payload in vec(any::<u8>(), 0..1500)) {
        let questions = path_questions(&payload);
        prop_assert!(questions.len() <= 2);
        if let Ok(rule) = parse(&payload) {
            prop_assert_eq!(rule.payload().len(), rule.payload_len());
        }
    }

    #[test]
    fn random_words_never_panic(
        flags in 0..9_u32,
        action in word(),
        fields in vec((number(), operator(), word()), 0..64),
        buf in vec(any::<u8>(), 0..200),
    ) {
        let payload = request(flags, action, &fields, &buf);
        let questions = path_questions(&payload);
        prop_assert!(questions.len() <= 2);
        prop_assert!(questions.iter().all(|question| question.path.starts_with(b"/")));
        if let Ok(rule) = parse(&payload) {
            prop_assert!(rule.payload().len() <= payload.len());
        }
    }

    #[test]
    fn a_listed_rule_is_the_rule(payload in requests()) {
        let Ok(rule) = parse(&payload) else { return Ok(()) };
        let listed = rule.payload();
        prop_assert_eq!(listed.len(), rule.payload_len());
        match parse(&listed) {
            Ok(again) => {
                prop_assert!(again.is_same(&rule));
                prop_assert_eq!(again.payload(), listed);
            }
            Err(errno) => prop_assert!(!can_be_asked_for(&listed), "{errno:?}"),
        }
    }

    #[test]
    fn answers_to_questions_are_all_that_parsing_needs(payload in requests()) {
        let unanswered = Rule::parse(&payload, &PathAnswers::new(), &AllIds);
        if path_questions(&payload).is_empty() {
            prop_assert_eq!(unanswered.map(|rule| rule.payload()), parse(&payload).map(|rule| rule.payload()));
        }
    }

    #[test]
    fn a_set_is_a_list_of_payloads(
        pool in vec(requests(), 1..12),
        steps in vec((any::<bool>(), any::<proptest::sample::Index>()), 0..60),
    ) {
        let mut set = RuleSet::new();
        let mut model = Model::default();
        for (is_add, index) in steps {
            let Ok(rule) = parse(&pool[index.index(pool.len())]) else { continue };
            let prepend = rule.is_prepend();
            let mut payload = rule.payload();
            let flags = (rule.list().number()).to_ne_bytes();
            payload[..4].copy_from_slice(&flags);
            let (found, expected) = if is_add {
                let found = set.add(rule);
                if let Err(errno) = found && errno != Errno::EEXIST {
                    // The look-up of a watched path failed: the model knows no paths.
                    continue;
                }
                (found, model.add(payload, prepend))
            } else {
                (set.remove(&rule), model.remove(&payload, prepend))
            };
            prop_assert_eq!(found, expected);
            prop_assert_eq!(set.list().collect::<Vec<_>>(), model.0.clone());
        }
        prop_assert_eq!(set.len(), model.0.len());
        prop_assert_eq!(set.bytes(), model.0.iter().map(Vec::len).sum::<usize>());
        let enforced = [FilterList::User, FilterList::Exclude].map(FilterList::number);
        let stored_only = model.0.iter().filter(|payload| !enforced.contains(&Model::list_of(payload))).count();
        prop_assert_eq!(set.not_enforced(), stored_only);
    }
}

//! The scanner against a reader that is as plain as can be: every line, every word, no needles.

use auditns_search::{Expression, Record, Search};
use proptest::prelude::*;

/// A condition in the plain reader's terms.
#[derive(Clone, Debug)]
struct Condition {
    name: String,
    is_negated: bool,
    values: Vec<String>,
}

impl Condition {
    fn text(&self) -> String {
        let protected = |value: &String| value.replace('\\', "\\\\").replace(',', "\\,");
        let values: Vec<String> = self.values.iter().map(protected).collect();
        format!("{}{}={}", self.name, if self.is_negated { "!" } else { "" }, values.join(","))
    }

    fn holds(&self, line: &str) -> bool {
        // type=A msg=audit(1.000:2): BODY
        let (frame, body) = line.split_once("): ").unwrap();
        let (kind, stamp) = frame.strip_prefix("type=").unwrap().split_once(" msg=audit(").unwrap();
        let is = match self.name.as_str() {
            "type" => self.values.iter().any(|value| value.to_uppercase() == kind),
            "serial" => self.values.iter().any(|value| stamp.ends_with(&format!(":{value}"))),
            name => self.field(name, body),
        };
        is != self.is_negated
    }

    fn field(&self, name: &str, body: &str) -> bool {
        let (text, added) = match body.rsplit_once('\u{1d}') {
            Some((text, added)) if !body.ends_with('\'') => (text, added),
            _ => (body, ""),
        };
        let padded = format!(" {text}");
        let (own, message) = padded.split_once(" msg='").unwrap_or((&padded, ""));
        let message = message.strip_suffix('\'').unwrap_or(message);
        if let Some(name) = name.strip_prefix("msg.") {
            return self.among(name, message).unwrap_or(false);
        }
        if ["contid", "pid", "uid", "auid", "ses"].contains(&name) {
            let is_wanted = |(found, value): (&str, &str)| {
                found == name && self.values.iter().any(|wanted| wanted == value)
            };
            return own.split(' ').filter_map(|word| word.split_once('=')).any(is_wanted);
        }
        if let Some(answer) = self.among(name, own) {
            return answer;
        }
        self.among(name, added).or_else(|| self.among(name, message)).unwrap_or(false)
    }

    fn among(&self, name: &str, text: &str) -> Option<bool> {
        let words: Vec<&str> = text.split(' ').collect();
        let mut answer = None;
        for at in 0..words.len() {
            if words[at].split_once('=').is_some_and(|(found, _)| found == name) {
                let value = words[at..].join(" ")[name.len() + 1..].to_owned();
                answer =
                    Some(answer == Some(true) || self.values.iter().any(|wanted| same(name, wanted, &value)));
            }
        }
        answer
    }
}

fn hex(text: &str) -> String {
    text.bytes().flat_map(|byte| format!("{byte:02X}").into_bytes()).map(char::from).collect()
}

fn same(name: &str, wanted: &str, found: &str) -> bool {
    let is_number = wanted.bytes().all(|byte| byte.is_ascii_digit());
    let mut forms = vec![wanted.to_owned(), format!("\"{wanted}\"")];
    if !is_number {
        forms.push(hex(wanted));
    }
    let word = found.split(' ').next().unwrap();
    let pairs: Vec<String> =
        word.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
    let is_among_keys = name == "key"
        && word.len().is_multiple_of(2)
        && word.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
        && pairs.contains(&"01".to_owned())
        && pairs.split(|pair| pair == "01").any(|key| key.concat() == hex(wanted));
    is_among_keys || forms.iter().any(|form| found == form || found.starts_with(&format!("{form} ")))
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["pid", "uid", "auid", "ses", "contid", "key", "acct", "UID", "op", "old-auid"])
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-3]{1,2}",
        "[a-c]{1,2}",
        "[a-c,\\\\]{1,5}",
        Just("root".to_owned()),
        Just("a b".to_owned()),
        Just("\"a\"".to_owned()),
    ]
}

/// What a field can hold, among it forms of what is searched for.
fn shown() -> impl Strategy<Value = String> {
    prop_oneof![
        value(),
        value().prop_map(|value| format!("\"{value}\"")),
        value().prop_map(|value| hex(&value)),
        (value(), value()).prop_map(|(one, two)| format!("{}01{}", hex(&one), hex(&two))),
        Just(String::new()),
        Just("?".to_owned()),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (name(), shown()).prop_map(|(name, value)| format!("{name}={value}")),
        1 => prop::sample::select(
            vec!["", "x", "msg='", "'", "msg='pid=1", "type=A", "\u{1d}", "'\u{1d}UID=a", "\0", "ä", "\\x0a"]
        ).prop_map(str::to_owned),
    ]
}

fn record() -> impl Strategy<Value = String> {
    let words = || prop::collection::vec(word(), 0..6).prop_map(|words| words.join(" "));
    let message = prop_oneof![
        Just(String::new()),
        words().prop_map(|text| format!(" msg='{text}'")),
        words().prop_map(|text| format!(" msg='{text}")),
    ];
    let added = prop_oneof![2 => Just(String::new()), 1 => words().prop_map(|text| format!("\u{1d}{text}"))];
    ("[A-C]", 0..40_u64, words(), message, added).prop_map(|(kind, serial, own, message, added)| {
        format!("type={kind} msg=audit(1.000:{serial}): {own}{message}{added}")
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let numbers = || prop::collection::vec((0..34_u64).prop_map(|number| number.to_string()), 1..4);
    let number = prop::sample::select(vec!["pid", "uid", "auid", "ses", "contid", "serial"]);
    let text =
        prop::sample::select(vec!["key", "acct", "UID", "op", "old-auid", "msg.pid", "msg.key", "msg.acct"]);
    let expression = prop_oneof![
        (number.prop_map(str::to_owned), numbers()),
        (text.prop_map(str::to_owned), prop::collection::vec(value(), 1..5)),
        (Just("type".to_owned()), prop::collection::vec("[a-dA-D]", 1..3)),
    ];
    (expression, prop::bool::weighted(0.2)).prop_map(|((name, values), is_negated)| Condition {
        name,
        is_negated,
        values,
    })
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![9 => record(), 1 => "[a-c =\u{0}ä]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn exactly_the_lines_of_a_plain_reader_are_found(
        lines in prop::collection::vec((line(), any::<bool>()), 0..24),
        conditions in prop::collection::vec(condition(), 1..4),
        has_end: bool,
    ) {
        let mut text: String =
            lines.iter().flat_map(|(line, is_dos)| [line.as_str(), if *is_dos { "\r\n" } else { "\n" }]).collect();
        if !has_end {
            text.pop();
        }
        let wanted: Vec<&str> = lines
            .iter()
            .map(|(line, _)| line.as_str())
            .filter(|line| line.starts_with("type=") && conditions.iter().all(|condition| condition.holds(line)))
            .collect();
        let expressions: Vec<Expression> =
            conditions.iter().map(|condition| condition.text().parse().unwrap()).collect();
        let search = Search::new(expressions, None, None).unwrap();
        let found: Vec<&str> =
            search.lines_of(text.as_bytes()).map(|line| std::str::from_utf8(line).unwrap()).collect();
        prop_assert_eq!(found, wanted, "{:?}", conditions.iter().map(Condition::text).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_panics_and_every_match_is_a_line(bytes: Vec<u8>, text in "[a-z.]{1,6}!?=[ -~]{1,12}") {
        let _ = Record::parse(&bytes);
        if let Ok(expression) = text.parse::<Expression>() {
            let search = Search::new(vec![expression], None, None).unwrap();
            for line in search.lines_of(&bytes) {
                prop_assert!(search.matches(line));
            }
        }
    }

    #[test]
    fn a_search_in_pieces_finds_what_a_search_at_once_does(
        lines in prop::collection::vec(record(), 0..12),
        condition in condition(),
        cut: prop::sample::Index,
    ) {
        let search = Search::new(vec![condition.text().parse().unwrap()], None, None).unwrap();
        let (before, after) = lines.split_at(cut.index(lines.len() + 1));
        let text = |lines: &[String]| lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        let (before, after, whole) = (text(before), text(after), text(&lines));
        let pieces: Vec<&[u8]> =
            search.lines_of(before.as_bytes()).chain(search.lines_of(after.as_bytes())).collect();
        prop_assert_eq!(pieces, search.lines_of(whole.as_bytes()).collect::<Vec<_>>());
    }
}

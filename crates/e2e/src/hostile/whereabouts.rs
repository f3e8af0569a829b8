//! In which namespaces the records of an attacker stand: in those in which their senders were.
//!
//! Attackers say where they are by words (`where=`): `WORD` for one that they are in for certain, `FROM|TO` while they move, and
//! with `@PID` one and the same of both.

use std::collections::{HashMap, HashSet};
use std::fs;

use crate::log::{Log, Record};
use crate::supervised::Supervisor;

/// That of the container itself.
const OUTER: &str = "outer";

/// The logs below one name: of namespaces that had it one after the other.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) log: Log,
    pub(super) inside: Log,
}

/// The logs of a namespace and of those inside it.
pub(super) fn places(supervisor: &Supervisor, name: &str) -> Vec<Place> {
    let prefix = format!("{name}.");
    let folders = fs::read_dir(supervisor.logs()).expect("the logs are there").flatten();
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let own = names.filter(|found| found == name || found.starts_with(&prefix));
    // A folder is empty when nobody came to be in its namespace, and what that sees when nobody has said anything.
    let has = |name: &str, file: &str| supervisor.logs().join(name).join(file).exists();
    let log = |name: &str, inside: bool| match inside {
        true if has(name, "namespace.log") => supervisor.log_inside(name),
        false if has(name, "audit.log") => supervisor.log(name),
        _ => Log::default(),
    };
    own.map(|name| Place { log: log(&name, false), inside: log(&name, true), name }).collect()
}

/// Which number each word stands for.
#[derive(Debug, Default)]
struct Words {
    numbers: HashMap<String, u64>,
    words: HashMap<u64, String>,
}

impl Words {
    fn settle(&mut self, word: &str, number: u64, record: &Record) {
        let known = *self.numbers.entry(word.to_owned()).or_insert(number);
        assert_eq!(known, number, "{word} is another namespace: {record:?}");
        let other = self.words.entry(number).or_insert_with(|| word.to_owned());
        assert_eq!(other, word, "in the namespace of somebody else: {record:?}");
    }

    fn expect(&mut self, word: &str, record: &Record) {
        let contid = record.number("contid").unwrap_or_default();
        let (choice, _) = word.split_once('@').unwrap_or((word, ""));
        let Some((from, to)) = choice.split_once('|') else { return self.settle(word, contid, record) };
        if self.numbers.get(from) != Some(&contid) {
            self.settle(to, contid, record);
        }
    }
}

/// Whether the supervisor has made it, of a namespace itself. Members can send messages of that type.
pub(super) fn is_frame(record: &Record) -> bool {
    record.kind == "VIRT_CONTROL" && record.has("virt=auditns ")
}

fn begins(record: &Record) -> bool {
    is_frame(record) && (record.has("op=create ") || record.has("op=start "))
}

fn ends(record: &Record) -> bool {
    is_frame(record) && record.has("op=stop ")
}

fn contid(record: &Record) -> u64 {
    record.number("contid").unwrap_or_else(|| panic!("of no namespace: {record:?}"))
}

/// How often each namespace begins and ends.
fn frames(records: &mut dyn Iterator<Item = &Record>) -> HashMap<u64, [usize; 2]> {
    let mut counts = HashMap::new();
    for record in records {
        let [begun, ended] = counts.entry(contid(record)).or_insert([0, 0]);
        *begun += usize::from(begins(record));
        *ended += usize::from(ends(record));
    }
    counts
}

/// The namespaces inside an attacker's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) number: usize,
    /// Most of them between their beginnings and their ends at a time.
    pub(super) at_once: usize,
    /// How deep the deepest was.
    pub(super) deepest: usize,
}

impl Inside {
    /// As the host's log tells of those with these numbers.
    fn of(numbers: &HashSet<u64>, host: &Log) -> Inside {
        let (mut alive, mut inside) = (HashSet::new(), Inside { number: numbers.len(), ..Inside::default() });
        for record in host.records.iter().filter(|record| numbers.contains(&contid(record))) {
            if begins(record) {
                alive.insert(contid(record));
                let name = record.field("vm").unwrap_or_default();
                inside.deepest = inside.deepest.max(name.matches('.').count());
            } else if ends(record) {
                alive.remove(&contid(record));
            }
            inside.at_once = inside.at_once.max(alive.len());
        }
        inside
    }
}

/// Checks that each namespace begins and ends once, in its log and in the host's, and that each record stands where its sender
/// was. Returns which namespaces inside there were.
pub(super) fn expect_right(root: u64, places: &[Place], host: &Log) -> Inside {
    for place in places {
        expect_framed(place, root);
    }
    let records = || places.iter().flat_map(|place| &place.log.records);
    let own = frames(&mut records());
    let hosts = frames(&mut host.records.iter());
    for (namespace, counts) in &own {
        let counts = [counts, hosts.get(namespace).unwrap_or(&[0, 0])];
        assert_eq!(counts, [&[1, 1]; 2], "{namespace} begins and ends once, in its log and in the host's");
    }
    let mut words = Words::default();
    words.numbers.insert(OUTER.to_owned(), root);
    words.words.insert(root, OUTER.to_owned());
    let told = || records().filter_map(|record| Some((record.field("where")?, record)));
    // First what is certain.
    for may_be_either in [false, true] {
        for (word, record) in told().filter(|(word, _)| word.contains('|') == may_be_either) {
            words.expect(word, record);
        }
    }
    let mut of_process: HashMap<&str, u64> = HashMap::new();
    for (word, record) in told() {
        if word.contains('@') {
            let before = *of_process.entry(word).or_insert(contid(record));
            assert_eq!(before, contid(record), "a process moves that has not asked: {record:?}");
        }
        if let Some(outer) = record.field("inside") {
            let around = words.numbers.get(outer).copied();
            assert_eq!(record.number("parent"), around, "not inside {outer}: {record:?}");
        }
    }
    Inside::of(&own.into_keys().filter(|namespace| *namespace != root).collect(), host)
}

/// In a folder, what belongs to a namespace stands between its beginning and its end.
fn expect_framed(place: &Place, root: u64) {
    let mut alive = None;
    for record in &place.log.records {
        let own = contid(record);
        if begins(record) {
            assert_eq!(record.has("op=start "), own == root, "{}: {record:?}", place.name);
            assert_eq!(alive, None, "{} has two at once: {record:?}", place.name);
            alive = Some(own);
        }
        assert_eq!(alive, Some(own), "{}: before its beginning or after its end: {record:?}", place.name);
        if ends(record) {
            alive = None;
        }
    }
    assert_eq!(alive, None, "{} does not end", place.name);
}

#[cfg(test)]
mod tests {
    use super::{Inside, Place, expect_right};
    use crate::log::Log;

    const OUTER: [&str; 2] =
        ["contid=7 msg='virt=auditns op=start vm", "contid=7 msg='virt=auditns op=stop vm"];
    const INNER: [&str; 2] = [
        "contid=8 parent=7 msg='virt=auditns op=create vm",
        "contid=8 parent=7 msg='virt=auditns op=stop vm",
    ];

    fn log(texts: &[&str]) -> Log {
        let line = |(number, text): (usize, &&str)| {
            let kind = if text.contains("virt=") { "VIRT_CONTROL" } else { "USER" };
            format!("type={kind} msg=audit(1.000:{number}): {text}\n")
        };
        Log::parse(&texts.iter().enumerate().map(line).collect::<String>()).unwrap()
    }

    fn place(frame: [&str; 2], messages: &[&str]) -> Place {
        let texts: Vec<&str> =
            [frame[0]].into_iter().chain(messages.iter().copied()).chain([frame[1]]).collect();
        Place { name: "x".to_owned(), log: log(&texts), inside: Log::default() }
    }

    /// Whether all is right with these messages in the outer and in the inner log.
    fn is_right(outer: &[&str], inner: &[&str]) -> bool {
        let places = [place(OUTER, outer), place(INNER, inner)];
        let host = log(&[OUTER, INNER].concat());
        std::panic::catch_unwind(|| assert_eq!(expect_right(7, &places, &host).number, 1)).is_ok()
    }

    #[test]
    fn the_hosts_log_tells_how_many_there_were_at_once() {
        let frame = |contid: u64, op: &str, name: &str| {
            format!("contid={contid} parent=7 msg='virt=auditns op={op} vm=\"{name}\" res=success'")
        };
        let frames = [
            frame(7, "start", "x"),
            frame(8, "create", "x.1"),
            frame(9, "create", "x.1.1"),
            frame(8, "stop", "x.1"),
            frame(4, "create", "y.1.1.1"),
            frame(10, "create", "x.1"),
            frame(11, "create", "x.2"),
            frame(10, "stop", "x.1"),
        ];
        let host = log(&frames.iter().map(String::as_str).collect::<Vec<_>>());
        let inside = Inside::of(&[8, 9, 10, 11].into(), &host);
        assert_eq!(inside, Inside { number: 4, at_once: 3, deepest: 2 });
    }

    #[test]
    fn records_stand_where_their_senders_were() {
        let outer = ["contid=7 msg='where=outer '", "contid=7 msg='where=outer|n1@4 '"];
        let inner =
            ["contid=8 parent=7 msg='where=n1 inside=outer '", "contid=8 parent=7 msg='where=outer|n1 '"];
        assert!(is_right(&outer, &inner));
        for (outer, inner) in [
            // Of the outer one in the inner one, and the other way round.
            (&[][..], &["contid=8 parent=7 msg='where=outer '"][..]),
            (&["contid=7 msg='where=n1 '"], &["contid=8 parent=7 msg='where=n1 '"]),
            // Of one child in another one's.
            (&[], &["contid=8 parent=7 msg='where=n1 '", "contid=8 parent=7 msg='where=n2 '"]),
            (&[], &["contid=8 parent=7 msg='where=n1 '", "contid=8 parent=7 msg='where=outer|n2 '"]),
            // In a log that is not that of its number.
            (&["contid=8 parent=7 msg='where=n1 '"], &[]),
            // Inside of another one.
            (&[], &["contid=8 parent=9 msg='where=n1 inside=outer '"]),
            // One process in both.
            (&["contid=7 msg='where=outer|n1@4 '"], &["contid=8 parent=7 msg='where=outer|n1@4 '"]),
            // Twice.
            (&[], &INNER),
        ] {
            assert!(!is_right(outer, inner), "{outer:?} {inner:?}");
        }
    }
}

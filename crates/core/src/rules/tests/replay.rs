//! A rule set does what a kernel did with the same requests and messages.

use super::{lookup, parse};
use crate::rules::{FilterTask, PathKind, RuleSet, Verdict};
use auditns_wire::Errno;
use auditns_wire::rule::{FilterList, RuleData};

const ANSWERS: &str = include_str!("linux-6.18.txt");

fn number(text: &str) -> u32 {
    text.parse().unwrap()
}

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text, 16).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn items(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.split(',').filter(|item| *item != "-").map(|item| item.split(':').collect())
}

/// Reads `FLAGS ACTION COUNT FIELDS MASK BUF`.
fn payload(words: &[&str]) -> Vec<u8> {
    let &[flags, action, count, fields, mask, buf] = words else { panic!("six words, not {words:?}") };
    let buf = bytes(buf);
    let mut data = RuleData {
        flags: number(flags),
        action: number(action),
        field_count: number(count),
        buflen: u32::try_from(buf.len()).unwrap(),
        buf: &buf,
        ..RuleData::default()
    };
    for (slot, parts) in items(fields).enumerate() {
        data.fields[slot] = number(parts[0]);
        data.fieldflags[slot] = hex(parts[1]);
        data.values[slot] = number(parts[2]);
    }
    for parts in items(mask) {
        data.mask[parts[0].parse::<usize>().unwrap()] = hex(parts[1]);
    }
    data.encode()
}

fn change(set: &mut RuleSet, verb: &str, payload: &[u8]) -> Result<(), Errno> {
    let rule = parse(payload)?;
    if verb == "add" { set.add(rule) } else { set.remove(&rule) }
}

// The file shows the syscall classes of this architecture.
#[cfg(target_arch = "x86_64")]
#[test]
fn answers_of_linux_6_18() {
    let mut set = RuleSet::new();
    let mut task = FilterTask { pid: 0, uid: 0, gid: 0, loginuid: 0, exe: None };
    let mut checks = 0;
    let mut lines = ANSWERS.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    while let Some((at, line)) = lines.next() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "reset" => set = RuleSet::new(),
            verb @ ("add" | "delete") => {
                let errno =
                    change(&mut set, verb, &payload(&words[1..7])).map_or_else(|errno| -errno.0, |()| 0);
                assert_eq!(errno.to_string(), words[7], "line {}: {line}", at + 1);
            }
            "list" => {
                let count = words[1].parse().unwrap();
                let listed = lines.by_ref().take(count);
                let expected: Vec<_> =
                    listed.map(|(_, line)| payload(&line.split(' ').skip(1).collect::<Vec<_>>())).collect();
                assert_eq!(set.list().collect::<Vec<_>>(), expected, "line {}", at + 1);
            }
            "task" => {
                task = FilterTask {
                    pid: number(words[1]),
                    uid: number(words[2]),
                    gid: number(words[3]),
                    loginuid: number(words[4]),
                    exe: lookup(PathKind::Exe, words[5].as_bytes()).unwrap(),
                };
            }
            "message" => {
                let keeps = |list| set.filter(list, number(words[1]), &task) == Verdict::Keep;
                let kept = keeps(FilterList::User) && keeps(FilterList::Exclude);
                assert_eq!(kept, words[2] == "kept", "line {}: {line}", at + 1);
            }
            other => panic!("line {}: unknown word {other}", at + 1),
        }
        checks += 1;
    }
    assert!(checks > 900, "the file has {checks} lines to check");
}

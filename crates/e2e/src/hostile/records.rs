//! Who stands in which log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;

use crate::container::Mode;
use crate::log::{Log, Record};
use crate::process::{Finished, until};
use crate::supervised::Supervisor;

/// The processes of a container, as the host has seen them.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// By the number at the host: the number inside.
    inside: BTreeMap<u32, u32>,
}

impl Processes {
    /// Looks at what descends from this process.
    pub(super) fn look(&mut self, root: u32) {
        let mut parents = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let numbers = |name: &str| -> Vec<u32> {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
            };
            if let (Some(&pid), Some(&parent)) = (numbers("Pid:").first(), numbers("PPid:").first()) {
                parents.insert(pid, (parent, numbers("NSpid:").last().copied().unwrap_or(pid)));
            }
        }
        for (&pid, &(_, inside)) in &parents {
            let mut above = pid;
            while above != root
                && let Some(&(parent, _)) = parents.get(&above)
            {
                above = parent;
            }
            if above == root && inside != pid {
                self.inside.insert(pid, inside);
            }
        }
    }
}

fn number<T: std::str::FromStr>(record: &Record, name: &str) -> Option<T> {
    record.field(name)?.parse().ok()
}

/// Checks that a text shows nothing of an attacker's and cannot change a terminal.
pub(super) fn expect_harmless(place: &str, text: &str) {
    let bad = text.chars().find(|&letter| letter.is_control() && letter != '\n');
    assert!(bad.is_none(), "{place}: {bad:?} in {text:?}");
    for line in text.lines() {
        assert!(!line.starts_with("type=USER_LOGIN") && !line.contains("mark=evil"), "{place}: {line}");
    }
}

/// Checks the records of an attacker's namespace, in the host's view and in its own.
pub(super) fn expect_own(
    supervisor: &Supervisor,
    name: &str,
    contid: u64,
    mode: Mode,
    processes: &Processes,
) {
    // Its own view is written a moment after it has ended.
    let ended = || supervisor.shown_if_there(name, "contid").is_none();
    assert!(until(super::SOON, ended), "{name} does not end");
    let (log, inside) = (supervisor.log(name), supervisor.log_inside(name));
    let path = supervisor.logs().join(name);
    for file in ["audit.log", "namespace.log"] {
        let bytes = fs::read(path.join(file)).expect("the log was just read");
        let bad = bytes.iter().find(|byte| byte.is_ascii_control() && **byte != b'\n');
        assert!(bad.is_none(), "{name}: {bad:?} in {file}");
    }
    // Root of the initial user namespace may be anybody.
    let range = if mode == Mode::User { mode.host_id(0)..=mode.host_id(65535) } else { 0..=u32::MAX };
    let views: HashMap<u64, &Record> = inside.records.iter().map(|record| (record.serial, record)).collect();
    let (mut confirmed, mut true_ones) = (BTreeSet::new(), 0);
    for record in &log.records {
        assert_eq!(number(record, "contid"), Some(contid), "{name}: {record:?}");
        if record.kind == "VIRT_CONTROL" {
            continue;
        }
        if let Some(uid) = number::<u32>(record, "uid") {
            assert!(range.contains(&uid), "{name}: a user of somebody else: {record:?}");
        }
        let pid = number::<u32>(record, "pid").unwrap_or_default();
        if record.has("op=lie ") {
            assert!(processes.inside.contains_key(&pid), "{name}: a process of somebody else: {record:?}");
        }
        let (Some(told), Some(truth)) = (number::<u32>(record, "inner"), number::<u32>(record, "truth"))
        else {
            continue;
        };
        true_ones += 1;
        assert_eq!(number(record, "uid"), Some(mode.host_id(truth)), "{name}: {record:?}");
        if let Some(&known) = processes.inside.get(&pid) {
            assert_eq!(known, told, "{name}: the host knows {pid} as {known}: {record:?}");
            confirmed.insert(pid);
        }
        if let Some(view) = views.get(&record.serial) {
            assert_eq!(number(view, "uid"), Some(truth), "{name}: {view:?}");
            // Whoever has sent and is gone can no longer be looked up (docs/limits.md).
            let shown = number::<u32>(view, "pid");
            assert!(shown == Some(told) || shown == Some(0), "{name}: {view:?}");
        }
    }
    assert!(true_ones > 0, "{name}: no record says who sent it");
    println!("{name}: {true_ones} records are true, {} senders were seen by the host", confirmed.len());
}

/// Checks that the quiet client's namespace has its messages, each once and in order, and nothing else.
pub(super) fn expect_quiet(supervisor: &Supervisor, name: &str, contid: u64, pid: u32, finished: &Finished) {
    let sent: usize =
        finished.stdout.trim().strip_prefix("sent ").and_then(|text| text.parse().ok()).unwrap_or_default();
    let (log, inside) = (supervisor.log(name), supervisor.log_inside(name));
    let complete = |log: &Log| {
        let numbers: Vec<usize> = log.of("USER").filter_map(|record| number(record, "number")).collect();
        numbers == (1..=sent).collect::<Vec<_>>()
    };
    assert!(
        sent > 100 && complete(&log) && complete(&inside),
        "{name}: not every one of {sent} messages is there once"
    );
    let mut senders = BTreeSet::new();
    for record in log.records.iter().filter(|record| record.kind != "VIRT_CONTROL") {
        assert_eq!(number(record, "contid"), Some(contid), "{name}: {record:?}");
        assert!(record.kind == "USER" && record.has("msg='op=quiet "), "{name}: {record:?}");
        assert_eq!(number(record, "uid"), Some(0), "{name}: {record:?}");
        senders.insert(number::<u32>(record, "pid").unwrap_or_default());
    }
    assert_eq!(senders.len(), 1, "{name}: senders besides {pid}: {senders:?}");
}

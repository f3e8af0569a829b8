//! Who stands in which log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::time::{Duration, Instant};

use super::WINDOW;
use super::whereabouts::{Inside, Place, expect_right, is_frame, places};
use crate::container::Mode;
use crate::log::{Log, Record};
use crate::process::{Finished, until};
use crate::supervised::Supervisor;

/// The processes of a container, as the host has seen them.
#[derive(Debug)]
pub(super) struct Processes {
    /// By the number at the host: the number inside.
    inside: BTreeMap<u32, u32>,
    looked: Instant,
    /// Longest time between two looks.
    pause: Duration,
}

impl Processes {
    /// The one that was started last.
    pub(super) fn latest(&self) -> Option<u32> {
        self.inside.last_key_value().map(|(pid, _)| *pid)
    }

    pub(super) fn new() -> Self {
        Self { inside: BTreeMap::new(), looked: Instant::now(), pause: Duration::ZERO }
    }

    /// A look ends, or there are no more.
    pub(super) fn note_time(&mut self) {
        self.pause = self.pause.max(self.looked.elapsed());
        self.looked = Instant::now();
    }

    /// Processes may have come and gone unseen: whoever looks stood still for too long himself.
    fn may_lack_some(&self) -> bool {
        self.pause > WINDOW / 2
    }

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
        self.note_time();
    }
}

/// Checks that a text cannot change a terminal.
pub(super) fn expect_printable(place: &str, text: &str) {
    // C1 is two bytes of UTF-8.
    let is_bad = |pair: &[u8]| {
        pair[0].is_ascii_control() && pair[0] != b'\n' || pair[0] == 0xc2 && (0x80..0xa0).contains(&pair[1])
    };
    let bad = text.as_bytes().windows(2).find(|pair| is_bad(pair));
    assert!(bad.is_none(), "{place}: {bad:?} in {text:?}");
    assert!(
        !text.lines().any(|line| line.starts_with("type=USER_LOGIN msg=audit(1.000:1)")),
        "{place}: {text}"
    );
}

/// Checks that a text shows nothing of an attacker's and cannot change a terminal.
pub(super) fn expect_harmless(place: &str, text: &str) {
    expect_printable(place, text);
    for line in text.lines() {
        assert!(!line.starts_with("type=USER_LOGIN") && !line.contains("mark=evil"), "{place}: {line}");
    }
}

/// Checks the records of an attacker's namespace and of those inside it, in the host's view and in their own. Returns which
/// there were inside.
pub(super) fn expect_own(
    supervisor: &Supervisor,
    name: &str,
    contid: u64,
    mode: Mode,
    processes: &Processes,
) -> Inside {
    // Its own view is written a moment after it has ended.
    assert!(until(super::SOON, || supervisor.has_ended(name)), "{name} does not end");
    let places = places(supervisor, name);
    let path = supervisor.logs();
    for (place, file) in places.iter().flat_map(|place| [(place, "audit.log"), (place, "namespace.log")]) {
        let bytes = fs::read(path.join(&place.name).join(file)).unwrap_or_default();
        let bad = bytes.iter().find(|byte| byte.is_ascii_control() && **byte != b'\n');
        assert!(bad.is_none(), "{}: {bad:?} in {file}", place.name);
    }
    let inside = expect_right(contid, &places, &Log::read(&path.join("audit.log")));
    let (mut confirmed, mut true_ones) = (BTreeSet::new(), 0);
    for place in &places {
        true_ones += expect_true(place, mode, processes, &mut confirmed);
    }
    assert!(true_ones > 0, "{name}: no record says who sent it");
    println!("{name}: {true_ones} records are true, {} senders were seen by the host", confirmed.len());
    inside
}

/// Checks that records name those who have sent them. Returns how many say who that was.
fn expect_true(place: &Place, mode: Mode, processes: &Processes, confirmed: &mut BTreeSet<u32>) -> u64 {
    let name = &place.name;
    // Root of the initial user namespace may be anybody.
    let range = if mode == Mode::User { mode.host_id(0)..=mode.host_id(65535) } else { 0..=u32::MAX };
    let stamp = |record: &Record| (record.seconds, record.millis, record.serial);
    // Namespaces that have one name one after the other count from 1 each: within a tick of the clock they may have one stamp.
    let mut views: HashMap<_, Vec<&Record>> = HashMap::new();
    for record in &place.inside.records {
        views.entry(stamp(record)).or_default().push(record);
    }
    let mut true_ones = 0;
    for record in place.log.records.iter().filter(|record| !is_frame(record)) {
        if let Some(uid) = record.number::<u32>("uid") {
            assert!(range.contains(&uid), "{name}: a user of somebody else: {record:?}");
        }
        let pid = record.number::<u32>("pid").unwrap_or_default();
        if record.has("op=lie ") {
            assert!(
                processes.inside.contains_key(&pid) || processes.may_lack_some(),
                "{name}: a process of somebody else: {record:?}"
            );
        }
        // The kernel notes who sends, whatever the sender says.
        let says = |pid: &str, uid: &str| Some((record.number::<u32>(pid)?, record.number::<u32>(uid)?));
        let Some((told, truth)) = says("inner", "truth").or_else(|| says("sent", "sentuid")) else {
            continue;
        };
        true_ones += 1;
        assert_eq!(record.number("uid"), Some(mode.host_id(truth)), "{name}: {record:?}");
        if let Some(&known) = processes.inside.get(&pid) {
            assert_eq!(known, told, "{name}: the host knows {pid} as {known}: {record:?}");
            confirmed.insert(pid);
        }
        let Some(views) = views.get(&stamp(record)) else { continue };
        let is_true = |view: &&Record| {
            // Whoever has sent and is gone can no longer be looked up (docs/limits.md).
            let shown = view.number::<u32>("pid");
            view.number("uid") == Some(truth) && (shown == Some(told) || shown == Some(0))
        };
        assert!(views.iter().any(is_true), "{name}: {record:?}, but inside {views:?}");
    }
    true_ones
}

/// Checks that the quiet client's namespace has its messages, each once and in order, and nothing else.
pub(super) fn expect_quiet(supervisor: &Supervisor, name: &str, contid: u64, pid: u32, finished: &Finished) {
    let sent: usize =
        finished.stdout.trim().strip_prefix("sent ").and_then(|text| text.parse().ok()).unwrap_or_default();
    let (log, inside) = (supervisor.log(name), supervisor.log_inside(name));
    let complete = |log: &Log| {
        let numbers: Vec<usize> = log.of("USER").filter_map(|record| record.number("number")).collect();
        numbers == (1..=sent).collect::<Vec<_>>()
    };
    assert!(
        sent > 100 && complete(&log) && complete(&inside),
        "{name}: not every one of {sent} messages is there once"
    );
    let mut senders = BTreeSet::new();
    for record in log.records.iter().filter(|record| !is_frame(record)) {
        assert_eq!(record.number("contid"), Some(contid), "{name}: {record:?}");
        assert!(record.kind == "USER" && record.has("msg='op=quiet "), "{name}: {record:?}");
        assert_eq!(record.number("uid"), Some(0), "{name}: {record:?}");
        senders.insert(record.number::<u32>("pid").unwrap_or_default());
    }
    assert_eq!(senders.len(), 1, "{name}: senders besides {pid}: {senders:?}");
}

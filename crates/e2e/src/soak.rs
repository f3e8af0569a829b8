//! A supervisor that serves for a long time: nothing grows, and what it says of itself is what stands in the logs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::clients::Client;
use crate::hostile::Footprint;
use crate::process::{self, Running, until};
use crate::senders::Senders;
use crate::supervised::Supervisor;

const SOON: Duration = Duration::from_secs(30);
/// Logs are counted at the end, so that they are not rotated.
const POLICY: &str = "[defaults]\nlog-size = \"64G\"\n";
/// Members of each namespace that logs all the time, and their pauses.
const MEMBERS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(50);
/// Namespaces that log all the time, beside the one with an audit daemon.
const STEADY: [&str; 2] = ["steady-1", "steady-2"];
const LOGINS: &str = "logins";
/// The supervisor keeps files of the last 128 processes that have sent, of each namespace: these are there from the beginning.
const LOGIN: &str = "for number in {1..150}; do auditctl -m op=warm || exit 1; done; : >$0.warm; \
                     until [ -e $0.stop ]; do su -c true || exit 1; sleep 0.2; done";
/// Names of the namespaces that come and go.
const COMING: usize = 8;

/// By what the second half may exceed the first: memory in KiB, and descriptors. Allocators and the descriptors that are made
/// in advance vary by that much.
const MEMORY_GROWN: u64 = 1536;
const DESCRIPTORS_GROWN: u64 = 24;

/// Runs for that long and checks everything at the end.
///
/// # Panics
/// When something is not as it should be.
pub fn run(time: Duration) {
    let mut supervisor = Supervisor::start_with_policy("soak", POLICY);
    let serving = supervisor.answering();
    let senders = Senders::start_with_auditd(&supervisor, "auditd", MEMBERS, PAUSE);
    let steady: Vec<_> = STEADY.iter().map(|name| Held::start(&supervisor, name, &sender(name))).collect();
    let logins = Held::start(&supervisor, LOGINS, LOGIN);
    assert!(until(SOON, || logins.file("warm").exists()), "the first senders do not end");
    let (seen, came) = watch(&supervisor, time);

    assert_eq!(supervisor.pid(), Some(serving), "the supervisor was replaced");
    expect_flat(&seen);
    let told = senders.finish();
    told.expect_no_error(MEMBERS);
    let mut records = expect_ended(&supervisor, "auditd");
    let complaints = told.complaints(&supervisor.log_inside("auditd"), false);
    assert!(complaints.is_empty(), "{complaints}");
    for held in steady.into_iter().chain([logins]) {
        records += held.finish(&supervisor);
    }
    let mut coming = 0;
    for number in 0..COMING {
        coming += expect_ended(&supervisor, &coming_name(number));
    }
    assert_eq!(coming, came, "each namespace that came and went has one record");
    let said = supervisor.stop().stderr;
    assert!(!said.contains("is started again"), "{said}");
    println!("{} records, {came} namespaces came and went; all stand in the logs", records + coming);
}

fn sender(name: &str) -> String {
    let words = Client::new("c/message-sender").build();
    let program = words[0].to_string_lossy().into_owned();
    format!("'{program}' {MEMBERS} $0.stop {} >$0.{name}", PAUSE.as_micros())
}

fn coming_name(number: usize) -> String {
    format!("coming-{}", number % COMING)
}

/// Lets namespaces come and go, and notes how large the supervisor and its keeper are after each.
fn watch(supervisor: &Supervisor, time: Duration) -> (Vec<Footprint>, u64) {
    let processes = [supervisor.keeper(), supervisor.answering().as_raw_nonzero().get().unsigned_abs()];
    let terminal = std::io::stdout().is_terminal();
    let (start, mut seen, mut came) = (Instant::now(), Vec::new(), 0);
    while start.elapsed() < time {
        let mut run = supervisor.namespace(&coming_name(seen.len()));
        process::must(run.args(["auditctl", "-m", "op=coming"]), SOON);
        came += 1;
        seen.push(Footprint::of(&processes));
        if terminal {
            let (passed, all) = (start.elapsed().as_secs(), time.as_secs());
            print!("\r{passed} of {all} s: {}, {came} namespaces came and went ", seen[seen.len() - 1]);
            let _ = std::io::stdout().flush();
        }
        std::thread::sleep(Duration::from_millis(400));
    }
    if terminal {
        println!();
    }
    (seen, came)
}

/// Nothing has grown from the first half to the second one. What is learned at the very beginning does not count.
fn expect_flat(seen: &[Footprint]) {
    let settled = &seen[seen.len() / 10..];
    let (first, second) = settled.split_at(settled.len() / 2);
    let (before, after) = (Footprint::mean(first), Footprint::mean(second));
    println!("first half: {before}\nsecond half: {after}");
    assert!(
        after.has_grown_at_most(before, MEMORY_GROWN, DESCRIPTORS_GROWN),
        "the supervisor grows: first half {before}, second half {after}"
    );
}

/// A namespace that stays after its members have ended, so that it can be asked.
struct Held {
    name: &'static str,
    running: Running,
    files: PathBuf,
}

impl Held {
    /// Starts a script, which is to end when `$0.stop` appears.
    fn start(supervisor: &Supervisor, name: &'static str, script: &str) -> Self {
        let files = supervisor.dir().folder("held").join(name);
        let script = format!(
            "({script}); echo $? >$0.part; mv $0.part $0.ended; until [ -e $0.end ]; do sleep 0.05; done"
        );
        let mut command: Command = supervisor.namespace(name);
        let running = Running::start(command.args(["bash", "-c", &script]).arg(&files));
        assert!(until(SOON, || supervisor.shown_if_there(name, "records") > Some(0)), "{name} logs nothing");
        Self { name, running, files }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.files.with_extension(kind)
    }

    /// Ends it, and returns its records.
    fn finish(self, supervisor: &Supervisor) -> u64 {
        let Self { name, .. } = self;
        fs::write(self.file("stop"), "").expect("the folder of this run is writable");
        assert!(until(SOON, || self.file("ended").exists()), "the members of {name} do not end");
        let status = fs::read_to_string(self.file("ended")).expect("it is there");
        assert_eq!(status.trim(), "0", "{name}: {}", self.running.finish_within(Duration::ZERO).report());
        let shown = |key: &str| supervisor.shown(name, key);
        let mut last = (0, 0);
        let agrees = until(SOON, || {
            last = (shown("records"), records(supervisor, name) + shown("store_failures"));
            last.0 == last.1
        });
        assert!(agrees, "{name}: {} records are shown, {} are stored or counted as lost", last.0, last.1);
        assert_eq!(shown("restarts"), 0, "{name}");
        fs::write(self.file("end"), "").expect("the folder of this run is writable");
        let finished = self.running.finish_within(SOON);
        assert_eq!(finished.code(), Some(0), "{name}: {}", finished.report());
        assert_eq!(
            expect_ended(supervisor, name),
            last.0,
            "{name}: what is shown and what is told at the end"
        );
        last.0
    }
}

/// The lines of a log, without beginnings and ends.
fn lines(path: &Path, mut each: impl FnMut(&str)) {
    let file = File::open(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    for line in BufReader::new(file).lines() {
        each(&line.expect("a log is text"));
    }
}

fn is_control(line: &str) -> bool {
    line.starts_with("type=VIRT_CONTROL ")
}

/// How many records a namespace has in the host's view.
fn records(supervisor: &Supervisor, name: &str) -> u64 {
    let mut count = 0;
    lines(&supervisor.logs().join(name).join("audit.log"), |line| count += u64::from(!is_control(line)));
    count
}

/// Checks that ends tell as many records as stand in both views or are counted as lost; returns how many.
fn expect_ended(supervisor: &Supervisor, name: &str) -> u64 {
    assert!(until(SOON, || supervisor.has_ended(name)), "{name} does not end");
    let (mut told, mut lost, mut stored, mut inside) = (0, 0, 0, 0);
    let number = |line: &str, field: &str| -> u64 {
        let value = line.split(' ').find_map(|word| word.strip_prefix(field));
        value.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field} in {line}"))
    };
    let folder = supervisor.logs().join(name);
    lines(&folder.join("audit.log"), |line| {
        if !is_control(line) {
            stored += 1;
        } else if line.contains(" op=stop ") {
            told += number(line, "records=");
            lost += number(line, "log_failures=");
        }
    });
    lines(&folder.join("namespace.log"), |line| inside += u64::from(!is_control(line)));
    assert_eq!(told, stored + lost, "{name}: {stored} records are stored and {lost} lost");
    assert_eq!(inside, stored, "{name}: records as the namespace sees them");
    told
}

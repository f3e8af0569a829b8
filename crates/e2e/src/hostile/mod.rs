//! Containers that attack, and what may not happen to anybody else meanwhile.
//!
//! An [`Arena`] is a supervisor with a quiet client in a namespace of its own, and the kernel's audit, which is watched.
//! Attacks are those of `clients/c/hostile-container`.

mod attack;
mod footprint;
mod latency;
mod load;
mod records;
mod watch;
mod whereabouts;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Signal, kill_process};

use crate::clients::Client;
use crate::container::Mode;
use crate::host;
use crate::process::{self, Running, until};
use crate::supervised::Supervisor;
use crate::workdir;

pub use attack::*;
pub use footprint::Footprint;
pub use latency::Times;
use latency::Turn;
use load::{Ordinary, Work};
use watch::{Watch, lookers};

const SOON: Duration = Duration::from_secs(20);
/// How long an attack goes on, and how long the quiet client is looked at before and during it.
const WINDOW: Duration = Duration::from_secs(1);
/// The namespace of the quiet client.
const QUIET: &str = "quiet";
/// How often attack and ordinary load take turns where their times are compared.
const TURNS: usize = 5;
/// An attack that holds somebody up does so in most of as many as well; bad luck of the first does not last.
const TURNS_MAX: usize = 15;
/// How often the supervisor and its namespaces are looked at during an attack; and where times are compared, in all parts
/// alike: for so few messages that looks do not count.
const LOOK: Duration = Duration::from_millis(100);
const RARE_LOOK: Duration = Duration::from_millis(400);
/// How often an attack is tried that has reached too little to show anything: all of its time can go by while the machine does
/// something else.
const TRIES: usize = 5;
/// How soon an end is noticed.
const STEP: Duration = Duration::from_millis(5);
/// For how long a supervisor is held up on purpose, and after four times as long again.
const HELD_UP: Duration = Duration::from_millis(10);

/// Namespaces that may be inside that of a container, how deep, and what each has of the limit of the one around it.
const NESTED_MOST: usize = 16;
const NESTED_DEEPEST: usize = 4;
const POLICY: &str =
    "[defaults]\nnested-namespaces = 16\nnested-depth = 4\nnested-share = 50\nlog-size = \"1G\"\n";
const BACKLOG_LIMIT: u64 = 64;

/// What an allocator keeps of ordinary work, in KiB, and for each thread of a namespace that has a heap to itself: eight for each
/// processor. Seen: 17 MiB after fourteen times as many sockets as there may be, and no more after 28 times.
const KEPT: u64 = 12 * 1024;
const KEPT_OF_HEAP: u64 = 1024;
const HEAPS: u64 = 16;

/// What may be kept after so many attacks, in KiB.
fn kept(attack: Attack, attacks: u32) -> u64 {
    let attacks = u64::from(attacks);
    KEPT + attack.kept * attacks + KEPT_OF_HEAP * attacks.min(HEAPS)
}

/// A supervisor, a quiet client, and the kernel's audit.
#[derive(Debug)]
pub struct Arena {
    supervisor: Supervisor,
    quiet: Option<Running>,
    times: PathBuf,
    program: Vec<OsString>,
    seed: u32,
    kernel: host::Kernel,
    kernel_before: (Vec<String>, BTreeSet<String>),
    serving: u32,
    start: Footprint,
    attacks: Cell<u32>,
    kills: Cell<usize>,
    /// Times are compared, so that looks must not cost much.
    compares: Cell<bool>,
}

/// What the kernel's audit says of itself, without what grows by others' records; the losses have to stay as well.
fn kernel_status() -> Vec<String> {
    let mut lines: Vec<String> = host::settings().lines().map(str::to_owned).collect();
    lines.push(format!("lost {}", host::status("lost")));
    lines
}

/// Lines of the kernel's own log that an attack could have caused: complaints, and words of the attacker. The records of
/// others stand there as well.
fn kernel_complaints() -> BTreeSet<String> {
    let text = process::must(&mut Command::new("dmesg"), SOON);
    let complaints = ["audit: ", "BUG", "WARNING:", "Oops", "hung task", "segfault"];
    let told = |line: &str| {
        line.contains("mark=evil")
            || line.contains("op=quiet ")
            || !line.contains("audit: type=") && complaints.iter().any(|part| line.contains(part))
    };
    text.lines().filter(|line| told(line)).map(str::to_owned).collect()
}

impl Arena {
    /// Starts everything. `name` is for people.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn new(name: &str) -> Self {
        let kernel = host::Kernel::enable();
        let kernel_before = (kernel_status(), kernel_complaints());
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        let given = std::env::var("AUDITNS_HOSTILE_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(time.subsec_nanos());
        println!("AUDITNS_HOSTILE_SEED={seed}");
        let supervisor = Supervisor::start_with_policy(name, POLICY);
        let folder = supervisor.dir().folder("quiet");
        let times = folder.join("times");
        let mut command = supervisor.namespace(QUIET);
        command.args(Client::new("c/quiet-client").build()).arg(folder.join("stop")).arg(&times);
        let quiet = Some(Running::start(&mut command));
        assert!(until(SOON, || Times::read(&times).count() > 100), "the quiet client does not begin");
        let serving = serving(&supervisor);
        let is_exact = || process::run(supervisor.auditns("show").arg(QUIET), SOON).stdout.contains("exact");
        assert!(until(SOON, is_exact), "the kernel does not tell which task is where, which this needs");
        let start = Footprint::of(&[&[serving, supervisor.keeper()], &lookers(serving)[..]].concat());
        let program = Client::new("c/hostile-container").build();
        Self {
            supervisor,
            quiet,
            times,
            program,
            seed,
            kernel,
            kernel_before,
            serving,
            start,
            attacks: Cell::new(0),
            kills: Cell::new(0),
            compares: Cell::new(false),
        }
    }

    /// Lets a container attack, and checks everything that must hold meanwhile and afterwards.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn withstand(&self, attack: Attack, mode: Mode) {
        self.attack(attack, mode, &mut std::thread::sleep);
    }

    /// Lets a container attack in turns with a program that is no attack and takes as much of the processors, and compares for
    /// how long the quiet client waits. Checks everything else as well.
    ///
    /// # Panics
    /// When the quiet client waits more than twice as long for the attack, or something else does not hold.
    pub fn compare(&self, attack: Attack, mode: Mode) {
        let turns = self.turns(attack, mode, TURNS_MAX, &mut std::thread::sleep);
        assert!(latency::is_fair(&turns), "{} {}: {:.2}", attack.name, mode.name(), latency::middle(&turns));
    }

    /// As [`Arena::compare`], with a supervisor that is held up on purpose while the attack goes on.
    ///
    /// # Panics
    /// When that is not seen, or something else does not hold.
    pub fn compare_held_up(&self, attack: Attack, mode: Mode) {
        let serving = self.supervisor.answering();
        let mut hold_up = |time: Duration| {
            let until = Instant::now() + time;
            while Instant::now() < until {
                kill_process(serving, Signal::STOP).expect("the supervisor is there");
                std::thread::sleep(HELD_UP);
                kill_process(serving, Signal::CONT).expect("the supervisor is there");
                std::thread::sleep(HELD_UP * 4);
            }
        };
        let turns = self.turns(attack, mode, TURNS, &mut hold_up);
        assert!(!latency::is_fair(&turns), "{} {}: {:.2}", attack.name, mode.name(), latency::middle(&turns));
    }

    /// At least [`TURNS`], and more of them, up to so many, where they do not tell that nobody is held up.
    fn turns(
        &self,
        attack: Attack,
        mode: Mode,
        most: usize,
        meanwhile: &mut dyn FnMut(Duration),
    ) -> Vec<Turn> {
        self.compares.set(true);
        let (_, work) = self.attack(attack, mode, meanwhile);
        let like = if matches!(attack.beside, Beside::Crowd) { Ordinary::in_a_crowd } else { Ordinary::like };
        let mut ordinary = like(&work);
        let mut turns = Vec::new();
        // Once more, to learn what the ordinary load takes by itself.
        for number in 0..=most {
            let ((), quiet) = self.quiet_times(|| self.watched(|time| time < WINDOW / 2));
            let (attacked, work) = self.attack(attack, mode, meanwhile);
            attacked.expect_enough();
            let name = match attack.beside {
                Beside::Program(name) => name.to_owned(),
                Beside::Service | Beside::Crowd => ordinary.name(),
            };
            let ((took, answered), beside) = self.quiet_times(|| self.ordinary(&name, mode));
            // What takes more of the machine is no excuse.
            let ordinary_times = if took.is_heavier(&work) { quiet.clone() } else { beside };
            let turn = Turn { quiet, attack: attacked, ordinary: ordinary_times };
            println!("{} {}: {turn}; {work}; ordinary load {took}", attack.name, mode.name());
            ordinary = like(&work).corrected(&ordinary, &took, answered);
            if number > 0 {
                turns.push(turn);
            }
            if number == TURNS && latency::is_fair(&turns) {
                break;
            }
        }
        println!("{} {}: in the middle {:.2}", attack.name, mode.name(), latency::middle(&turns));
        turns
    }

    fn quiet_times<T>(&self, meanwhile: impl FnOnce() -> T) -> (T, Times) {
        let from = latency::now_us();
        let result = meanwhile();
        let times = Times::read(&self.times).between(from, latency::now_us());
        times.expect_enough();
        (result, times)
    }

    /// What is run in a container of its own.
    fn words(&self, attack: &str, mode: Mode) -> Vec<OsString> {
        let mut words = vec![workdir::package().join("scripts/hostile-enter.sh").into(), mode.name().into()];
        words.extend(self.program.iter().cloned());
        let seed = self.seed.wrapping_add(self.attacks.get());
        words.extend([attack.into(), WINDOW.as_millis().to_string().into(), seed.to_string().into()]);
        words
    }

    /// A program that takes as much of the processors without audit, and how many requests it answered.
    fn ordinary(&self, name: &str, mode: Mode) -> (Work, u64) {
        let words = self.words(name, mode);
        let (from, started) = (latency::now_us(), load::started());
        let mut running = Running::start(Command::new(&words[0]).args(&words[1..]));
        self.watched(|_| running.is_running());
        let finished = running.finish_within(SOON);
        assert_eq!(finished.code(), Some(0), "{}", finished.report());
        let said = Said::new(&finished.stdout);
        (said.work(0, load::started() - started, latency::now_us() - from), said.number("done"))
    }

    /// Looks as often and at as much as during an attack that is compared, while that is so.
    fn watched(&self, mut goes_on: impl FnMut(Duration) -> bool) {
        let begun = Instant::now();
        let mut watch = Watch::of_nobody(self);
        while goes_on(begun.elapsed()) {
            watch.look_when_due(u32::MAX);
            std::thread::sleep(STEP);
        }
    }

    /// Between two looks.
    fn pause(&self) -> Duration {
        if self.compares.get() { RARE_LOOK } else { LOOK }
    }

    /// Lets a container attack until it has shown something.
    fn attack(&self, attack: Attack, mode: Mode, meanwhile: &mut dyn FnMut(Duration)) -> (Times, Work) {
        let shown = (0..TRIES).find_map(|_| self.try_attack(attack, mode, meanwhile));
        shown.unwrap_or_else(|| {
            panic!("{} {}: {TRIES} times too little to show anything", attack.name, mode.name())
        })
    }

    /// `None` if it has reached too little to show anything.
    fn try_attack(
        &self,
        attack: Attack,
        mode: Mode,
        meanwhile: &mut dyn FnMut(Duration),
    ) -> Option<(Times, Work)> {
        let count = self.attacks.get();
        self.attacks.set(count + 1);
        let name = format!("{}-{}-{count}", attack.name, mode.name());
        let before = self.settings();
        let mut command = self.supervisor.namespace(&name);
        let worked_before = footprint::worked_us(self.serving);
        let (from, started) = (latency::now_us(), load::started());
        let mut running = Running::start(command.args(self.words(attack.name, mode)));
        let mut watch = Watch::new(self, &name, attack);
        while running.is_running() {
            watch.look_when_due(running.pid());
            meanwhile(STEP);
        }
        let (time, started) = (latency::now_us() - from, load::started() - started);
        let times = Times::read(&self.times).between(from, from + time);
        let finished = running.finish_within(SOON);
        let service_us = footprint::worked_us(self.serving).saturating_sub(worked_before);
        assert_eq!(finished.code(), Some(0), "seed {}: {}", self.seed, finished.report());
        let said = Said::new(&finished.stdout);
        let contid = watch.finish(count);
        self.expect_as_before(attack);
        assert_eq!(self.settings(), before, "{name}: the settings of another namespace");
        let inside = records::expect_own(&self.supervisor, &name, contid, mode, watch.processes());
        let number = u64::try_from(inside.number).unwrap_or(u64::MAX);
        assert!(
            (said.number("made")..=said.number("asked_for")).contains(&number),
            "{name}: {inside:?}: {}",
            finished.report()
        );
        self.expect_no_trace(&name);
        println!("{name}: {}, {inside:?}, {watch}", finished.stdout.trim());
        let has_shown = said.number("done") >= attack.at_least
            && number >= attack.made
            && inside.at_once >= attack.at_once
            && inside.deepest >= attack.depth;
        has_shown.then(|| (times, said.work(service_us, started, time)))
    }

    /// What the quiet namespace has set, as the host sees it.
    fn settings(&self) -> Vec<u64> {
        let keys =
            ["enabled", "failure", "rate_limit", "backlog_limit", "backlog_wait_time", "daemon_pid", "rules"];
        keys.iter().map(|key| self.supervisor.shown(QUIET, key)).collect()
    }

    /// Those of ours.
    fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.serving, self.supervisor.keeper()];
        all.extend(lookers(self.serving));
        all
    }

    /// The supervisor is the same, and as small as it was.
    fn expect_as_before(&self, attack: Attack) {
        assert_eq!(serving(&self.supervisor), self.serving, "the supervisor was replaced");
        assert_eq!(self.supervisor.shown(QUIET, "restarts"), 0, "the supervisor was replaced");
        let mut last = String::new();
        // On a busy machine thousands of sockets take a while to close.
        let near = until(4 * SOON, || {
            let now = Footprint::of(&self.processes());
            last = format!("{now}, at the start {}", self.start);
            now.is_near(self.start, kept(attack, self.attacks.get()))
        });
        assert!(near, "what an attack has taken is not given back: {last}");
    }

    /// Others' records come as well, and more than wait.
    fn expect_silent_kernel(&self, name: &str) {
        for text in self.kernel.texts() {
            assert!(!text.contains("mark=evil"), "{name}: in the kernel's audit: {text}");
        }
    }

    /// No words of the attacker where they do not belong.
    fn expect_no_trace(&self, name: &str) {
        self.expect_silent_kernel(name);
        let (status, complaints) = &self.kernel_before;
        assert_eq!(&kernel_status(), status, "{name}: the status of the kernel's audit");
        let now = kernel_complaints();
        let new: Vec<_> = now.difference(complaints).collect();
        assert!(new.is_empty(), "{name}: in the kernel's log: {new:#?}");
        for told in
            [&["list"][..], &["list", "--json"], &["show", QUIET, "--json"], &["events", "--ns", QUIET]]
        {
            let text = process::must(self.supervisor.auditns(told[0]).args(&told[1..]), SOON);
            records::expect_harmless(name, &text);
        }
        // What the attacker said is shown, and changes no terminal.
        let all = format!("{name}*");
        for told in [&["events", "--ns", &all][..], &["events", "--ns", &all, "--json"]] {
            let text = process::must(self.supervisor.auditns(told[0]).args(&told[1..]), SOON);
            records::expect_printable(name, &text);
        }
    }

    /// Ends everything and checks what is left.
    ///
    /// # Panics
    /// When it is not right.
    pub fn finish(mut self) {
        let contid = self.supervisor.shown(QUIET, "contid");
        let quiet = self.quiet.take().expect("the quiet client runs until now");
        let pid = quiet.pid();
        fs::write(self.times.with_file_name("stop"), "").expect("the folder of this run is writable");
        let finished = quiet.finish_within(SOON);
        assert_eq!(finished.code(), Some(0), "the quiet client: {}", finished.report());
        // Its own view is complete when it has ended.
        assert!(until(SOON, || self.supervisor.has_ended(QUIET)), "the quiet namespace does not end");
        records::expect_quiet(&self.supervisor, QUIET, contid, pid, &finished);
        let said = self.supervisor.stop();
        records::expect_harmless("the supervisor's lines", &said.stderr);
        let replaced = said.stderr.matches("looks at tasks has ended (").count();
        assert_eq!(replaced, self.kills.get(), "replaced as often as killed: {}", said.stderr);
        for log in ["audit.log", "quiet/audit.log", "quiet/namespace.log"] {
            let text = fs::read(self.supervisor.logs().join(log)).expect("the log is there");
            records::expect_harmless(log, &String::from_utf8_lossy(&text));
        }
    }
}

fn serving(supervisor: &Supervisor) -> u32 {
    supervisor.pid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs())
}

/// What an attacker or an ordinary load said at its end: `name=number` and more of these.
struct Said(HashMap<String, u64>);

impl Said {
    fn new(text: &str) -> Self {
        let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
        Self(pairs.filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?))).collect())
    }

    fn number(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn work(&self, service_us: u64, started: u64, time_us: i64) -> Work {
        Work {
            processes: self.number("processes"),
            clients_us: self.number("worked_us"),
            service_us,
            requests: self.number("slept"),
            started,
            time_us: u64::try_from(time_us).unwrap_or_default(),
        }
    }
}

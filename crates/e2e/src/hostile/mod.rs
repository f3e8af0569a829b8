//! Containers that attack, and what may not happen to anybody else meanwhile.
//!
//! An [`Arena`] is a supervisor with a quiet client in a namespace of its own, and the kernel's audit, which is watched.
//! Attacks are those of `clients/c/hostile-container`.

mod footprint;
mod latency;
mod records;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::clients::Client;
use crate::container::Mode;
use crate::host;
use crate::process::{self, Finished, Running, until};
use crate::supervised::Supervisor;
use crate::workdir;

pub use footprint::Footprint;
pub use latency::Times;
use records::Processes;

const SOON: Duration = Duration::from_secs(20);
/// How long an attack goes on, and how long the quiet client is looked at before and during it.
const WINDOW: Duration = Duration::from_secs(1);
/// The namespace of the quiet client.
const QUIET: &str = "quiet";
/// The machine is shared: of several rounds, the best one counts.
const ROUNDS: u32 = 3;

/// What an allocator keeps of ordinary work, in KiB.
const KEPT: u64 = 12 * 1024;

/// One kind of attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// As `hostile-container` knows it.
    pub name: &'static str,
    /// So often must it succeed, or it has shown nothing.
    pub at_least: u64,
    /// What the supervisor's allocator may keep after each, in KiB.
    pub kept: u64,
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
    attacks: Cell<u64>,
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
        let supervisor = Supervisor::start(name);
        let folder = supervisor.dir().folder("quiet");
        let times = folder.join("times");
        let mut command = supervisor.namespace(QUIET);
        command.args(Client::new("c/quiet-client").build()).arg(folder.join("stop")).arg(&times);
        let quiet = Some(Running::start(&mut command));
        assert!(until(SOON, || Times::read(&times).count() > 100), "the quiet client does not begin");
        let serving = serving(&supervisor);
        let start = Footprint::of(&[serving, supervisor.keeper()]);
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
        }
    }

    /// Lets a container attack, and checks everything that must hold meanwhile and afterwards.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn withstand(&self, attack: Attack, mode: Mode) {
        let mut seen = Vec::new();
        let (mut well_during, mut well_after) = (false, false);
        for round in 0..ROUNDS {
            let quiet = self.quiet_times(|| std::thread::sleep(WINDOW));
            let (during, percent) = self.attack(attack, mode, round);
            let after = self.quiet_times(|| std::thread::sleep(WINDOW / 2));
            let control = self.quiet_times(|| self.control(percent, mode));
            seen.push(format!(
                "quiet {quiet}, during {during}, after {after}, control with {percent} % of a processor {control}"
            ));
            let bound = quiet.p99.max(control.p99) * 2;
            well_during |= during.p99 <= bound;
            well_after |= after.p99 <= bound;
            if well_during && well_after {
                println!("{} {}: {}", attack.name, mode.name(), seen.join("; "));
                return;
            }
        }
        panic!(
            "{} {}: in none of {ROUNDS} rounds is the quiet client's p99 within twice that of the control: {}",
            attack.name,
            mode.name(),
            seen.join("; ")
        );
    }

    fn quiet_times(&self, meanwhile: impl FnOnce()) -> Times {
        let from = latency::now_us();
        meanwhile();
        Times::read(&self.times).between(from, latency::now_us())
    }

    /// What the attack is called in its namespace.
    fn words(&self, attack: &str, mode: Mode, round: u32) -> Vec<OsString> {
        let mut words = vec![workdir::package().join("scripts/hostile-enter.sh").into(), mode.name().into()];
        words.extend(self.program.iter().cloned());
        let seed = self.seed.wrapping_add(round);
        words.extend([attack.into(), WINDOW.as_millis().to_string().into(), seed.to_string().into()]);
        words
    }

    /// A program that takes as much of the processors without audit.
    fn control(&self, percent: u64, mode: Mode) {
        let words = self.words(&format!("spin-{percent}"), mode, 0);
        process::must(Command::new(&words[0]).args(&words[1..]), SOON);
    }

    fn attack(&self, attack: Attack, mode: Mode, round: u32) -> (Times, u64) {
        let name = format!("{}-{}-{round}", attack.name, mode.name());
        self.attacks.set(self.attacks.get() + 1);
        let before = self.settings();
        let mut command = self.supervisor.namespace(&name);
        let used_before = footprint::processor_ms(self.serving);
        let from = latency::now_us();
        let mut running = Running::start(command.args(self.words(attack.name, mode, round)));
        let mut most = self.start;
        let mut processes = Processes::default();
        let mut number = None;
        while running.is_running() {
            processes.look(running.pid());
            self.expect_silent_kernel(&name);
            most = most.most(Footprint::of(&[self.serving, self.supervisor.keeper()]));
            number = number.or_else(|| self.supervisor.shown_if_there(&name, "contid"));
            std::thread::sleep(Duration::from_millis(100));
        }
        let to = latency::now_us();
        let during = Times::read(&self.times).between(from, to);
        let finished = running.finish_within(SOON);
        let used = footprint::processor_ms(self.serving).saturating_sub(used_before);
        let percent = used * 100_000 / u64::try_from(to - from).unwrap_or(u64::MAX).max(1);
        self.expect_done(attack, &finished);
        most.expect_bounded(self.start, KEPT + attack.kept * (self.attacks.get() - 1));
        self.expect_as_before(attack);
        assert_eq!(self.settings(), before, "{name}: the settings of another namespace");
        let number = number.unwrap_or_else(|| panic!("{name} was never shown: {}", finished.report()));
        records::expect_own(&self.supervisor, &name, number, mode, &processes);
        self.expect_no_trace(&name);
        println!("{name}: {}, at most {most}", finished.stdout.trim());
        (during, percent)
    }

    fn expect_done(&self, attack: Attack, finished: &Finished) {
        let done =
            finished.stdout.split_whitespace().find_map(|word| word.strip_prefix("done=")?.parse().ok());
        assert_eq!(finished.code(), Some(0), "seed {}: {}", self.seed, finished.report());
        assert!(
            done >= Some(attack.at_least),
            "seed {}, too little to show anything: {}",
            self.seed,
            finished.report()
        );
    }

    /// What the quiet namespace has set, as the host sees it.
    fn settings(&self) -> Vec<u64> {
        let keys =
            ["enabled", "failure", "rate_limit", "backlog_limit", "backlog_wait_time", "daemon_pid", "rules"];
        keys.iter().map(|key| self.supervisor.shown(QUIET, key)).collect()
    }

    /// The supervisor is the same, and as small as it was.
    fn expect_as_before(&self, attack: Attack) {
        assert_eq!(serving(&self.supervisor), self.serving, "the supervisor was replaced");
        assert_eq!(self.supervisor.shown(QUIET, "restarts"), 0, "the supervisor was replaced");
        let mut last = String::new();
        let near = until(SOON, || {
            let now = Footprint::of(&[self.serving, self.supervisor.keeper()]);
            last = format!("{now}, at the start {}", self.start);
            now.is_near(self.start, KEPT + attack.kept * self.attacks.get())
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
        for told in [vec!["list"], vec!["list", "--json"], vec!["show", QUIET, "--json"]] {
            let text = process::must(self.supervisor.auditns(told[0]).args(&told[1..]), SOON);
            records::expect_harmless(name, &text);
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
        records::expect_quiet(&self.supervisor, QUIET, contid, pid, &finished);
        let said = self.supervisor.stop();
        records::expect_harmless("the supervisor's lines", &said.stderr);
        assert!(!said.stderr.contains("is started again"), "{}", said.stderr);
        for log in ["audit.log", "quiet/audit.log", "quiet/namespace.log"] {
            let text = fs::read(self.supervisor.logs().join(log)).expect("the log is there");
            records::expect_harmless(log, &String::from_utf8_lossy(&text));
        }
    }
}

fn serving(supervisor: &Supervisor) -> u32 {
    supervisor.pid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs())
}

//! Programs that end with whoever measures, and what they take of processors.

use super::Setting;
use crate::command::Failure;
use auditns_bench::guard::leash::descendants;
use auditns_bench::step::READY;
use nix::time::ClockId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a step of a program may take.
const STEP: Duration = Duration::from_secs(180);
/// How long a leash may take to be held; then how long everything on it to end.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(2);
/// As much of what a program complains about is shown.
const COMPLAINT: usize = 600;

/// A program on a leash: with this value it ends, and everything that it has started.
#[derive(Debug)]
pub(crate) struct Leash {
    child: Child,
    name: String,
    complaints: PathBuf,
}

/// How a program is started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// Steps are led through its standard input and output.
    pub(crate) led: bool,
    /// In a session of its own.
    pub(crate) session: bool,
    /// How many open files it may have, if not as many as we.
    pub(crate) open_files: Option<u64>,
}

impl Leash {
    /// Starts the words; `folder` is where it can complain.
    pub(crate) fn start<W: AsRef<OsStr>>(
        setting: &Setting,
        folder: &Path,
        words: &[W],
        how: How,
    ) -> Result<Leash, Failure> {
        let mut command = Command::new(&setting.bench);
        command.args(["leash", "--parent", &std::process::id().to_string()]);
        if how.session {
            command.arg("--session");
        } else {
            // Ctrl-C must not end it before what it keeps.
            command.process_group(0);
        }
        if let Some(limit) = how.open_files {
            command.args(["--open-files", &limit.to_string()]);
        }
        command.arg("--").args(words);
        Leash::spawn(command, folder, how.led)
    }

    /// Starts a command that is a leash itself: it ends with us, and when it gets SIGTERM.
    pub(crate) fn spawn(mut command: Command, folder: &Path, led: bool) -> Result<Leash, Failure> {
        let name = format!("{command:?}");
        let failed = |error| Failure::new(format!("{name} could not be started ({error})"));
        let complaints =
            folder.join(format!("complaints-{}", Instant::now().elapsed().as_nanos() ^ unique()));
        let file = File::create(&complaints).map_err(failed)?;
        command.stderr(file);
        let ends = if led { [Stdio::piped(), Stdio::piped()] } else { [Stdio::null(), Stdio::null()] };
        let [input, output] = ends;
        let child = command.stdin(input).stdout(output).spawn().map_err(failed)?;
        let leash = Leash { child, name, complaints };
        leash.wait_until_held();
        Ok(leash)
    }

    /// Waits until signals end what is on it, not the leash alone.
    fn wait_until_held(&self) {
        let start = Instant::now();
        let path = format!("/proc/{}/status", self.child.id());
        while start.elapsed() < PATIENCE {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let word =
                |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
            let blocked = word("SigBlk:").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
            let ended = word("State:").is_none_or(|state| state.starts_with('Z'));
            if ended || blocked.is_some_and(|mask| mask >> (Signal::TERM.as_raw() - 1) & 1 == 1) {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// All processes on it, nearest first.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        descendants(Pid::from_child(&self.child))
    }

    /// The process that is both leash and program.
    pub(crate) fn itself_if_alone(&self) -> Option<Pid> {
        self.processes().is_empty().then(|| Pid::from_child(&self.child))
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What went wrong with it, with its own complaints.
    pub(crate) fn failure(&self, text: &str) -> Failure {
        let complaints = fs::read_to_string(&self.complaints).unwrap_or_default();
        let tail = complaints.len().saturating_sub(COMPLAINT);
        let tail = complaints.get(tail..).unwrap_or(&complaints).trim();
        Failure::new(format!("{} {text}: {tail}", self.name))
    }

    fn end(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.end();
    }
}

/// A number that no two calls share.
pub(crate) fn unique() -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A program that does a step for each line, on a leash.
#[derive(Debug)]
pub(crate) struct Led {
    leash: Leash,
    out: BufReader<ChildStdout>,
    /// What it has said with its being ready.
    pub(crate) ready: String,
}

impl Led {
    /// Starts it and waits until it is ready.
    pub(crate) fn start<W: AsRef<OsStr>>(
        setting: &Setting,
        folder: &Path,
        words: &[W],
    ) -> Result<Led, Failure> {
        Led::of(Leash::start(setting, folder, words, How { led: true, ..How::default() })?)
    }

    /// Waits until it is ready.
    pub(crate) fn of(mut leash: Leash) -> Result<Led, Failure> {
        let out = leash.child.stdout.take().ok_or_else(|| leash.failure("has no output"))?;
        let mut led = Led { leash, out: BufReader::new(out), ready: String::new() };
        let line = led.line()?;
        match line.trim_end().split_once(' ').unwrap_or((line.trim_end(), "")) {
            (READY, more) => more.clone_into(&mut led.ready),
            _ => return Err(led.leash.failure(&format!("said {line:?} instead of being ready"))),
        }
        Ok(led)
    }

    pub(crate) fn leash(&self) -> &Leash {
        &self.leash
    }

    /// Whether the program still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        !self.leash.has_ended()
    }

    /// Lets it begin a step.
    pub(crate) fn go(&mut self) -> Result<(), Failure> {
        let input = self.leash.child.stdin.as_mut();
        let gone = input.map_or(Ok(()), |input| input.write_all(b"\n").and_then(|()| input.flush()));
        gone.map_err(|error| self.leash.failure(&format!("reads nothing ({error})")))
    }

    /// What the step has come to.
    pub(crate) fn report<R: DeserializeOwned>(&mut self) -> Result<R, Failure> {
        let line = self.line()?;
        serde_json::from_str(&line)
            .map_err(|error| self.leash.failure(&format!("said {line:?}, which is no report ({error})")))
    }

    /// A whole step.
    pub(crate) fn step<R: DeserializeOwned>(&mut self) -> Result<R, Failure> {
        self.go()?;
        self.report()
    }

    fn line(&mut self) -> Result<String, Failure> {
        let limit = Timespec::try_from(STEP).ok();
        let mut line = String::new();
        let waited = poll(&mut [PollFd::new(self.out.get_ref(), PollFlags::IN)], limit.as_ref());
        if waited.unwrap_or(0) == 0 {
            return Err(self.leash.failure(&format!("told nothing for {} s", STEP.as_secs())));
        }
        match self.out.read_line(&mut line) {
            Ok(1..) => Ok(line),
            Ok(0) => {
                // Its last words may come after the end of its output.
                let start = Instant::now();
                while !self.leash.has_ended() && start.elapsed() < PATIENCE {
                    std::thread::sleep(LOOK);
                }
                Err(self.leash.failure("ended too early"))
            }
            Err(error) => Err(self.leash.failure(&format!("cannot be read ({error})"))),
        }
    }
}

/// Seconds of processor time that processes have taken, with threads that have ended, and children that have been waited
/// for.
pub(crate) fn cpu_seconds(processes: &[Pid]) -> f64 {
    processes.iter().map(|pid| own_seconds(*pid).unwrap_or(0.0) + children_seconds(*pid).unwrap_or(0.0)).sum()
}

fn own_seconds(pid: Pid) -> Option<f64> {
    let clock = ClockId::pid_cpu_clock_id(nix::unistd::Pid::from_raw(pid.as_raw_nonzero().get())).ok()?;
    Some(Duration::from(clock.now().ok()?).as_secs_f64())
}

fn children_seconds(pid: Pid) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // After the name in parentheses, which can hold anything: state is field 3, cutime 16 and cstime 17.
    let (_, rest) = text.rsplit_once(") ")?;
    let ticks: u32 = rest.split(' ').skip(13).take(2).filter_map(|word| word.parse::<u32>().ok()).sum();
    let ticks_a_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(f64::from(ticks) / f64::from(ticks_a_second))
}

/// The kernel's thread that hands records to an audit daemon.
pub(crate) fn kauditd() -> Option<Pid> {
    let entries = fs::read_dir("/proc").ok()?;
    let mut pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_it = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "kauditd")
    };
    pids.find(is_it).and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_goes_on() {
        let own = [rustix::process::getpid()];
        let before = cpu_seconds(&own);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let taken = cpu_seconds(&own) - before;
        assert!(taken > 0.0 && taken < 60.0, "{taken}");
    }
}

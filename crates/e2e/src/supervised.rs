//! A supervisor of its own for a test, which may kill, stop or replace it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::auditns::{self, Served};
use crate::log::Log;
use crate::process::{self, Finished, Running};
use crate::workdir::RunDir;

/// A restart takes tens of milliseconds; a keeper that backs off waits 5 s at most.
const LIMIT: Duration = Duration::from_secs(20);

/// The policy file in the folder of a run, which may be missing.
const POLICY: &str = "auditns.toml";

/// A keeper and its supervisor, with folders of their own. Dropping it ends both.
#[derive(Debug)]
pub struct Supervisor {
    keeper: Option<Running>,
    program: PathBuf,
    logs: PathBuf,
    dir: RunDir,
}

impl Supervisor {
    /// Starts the program under test in a fresh folder whose name begins with `name`, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(name: &str) -> Self {
        Self::start_program(name, |_| auditns::program().to_owned())
    }

    /// As [`Supervisor::start`], with a policy.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn start_with_policy(name: &str, policy: &str) -> Self {
        Self::start_program(name, |dir| {
            fs::write(dir.path().join(POLICY), policy).expect("the folder of this run is writable");
            auditns::program().to_owned()
        })
    }

    /// As [`Supervisor::start`], with a program that `choose` names or makes in the folder of this run.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn start_program(name: &str, choose: impl FnOnce(&RunDir) -> PathBuf) -> Self {
        let dir = RunDir::new(name);
        let program = choose(&dir);
        let logs = dir.folder("log");
        let mut supervisor = Self { keeper: None, program, logs, dir };
        supervisor.start_again();
        supervisor
    }

    /// Starts a keeper after [`Supervisor::stop`], with the same folders, and waits until its supervisor answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_again(&mut self) {
        let mut command = self.auditns("supervise");
        command.arg("--log-dir").arg(&self.logs);
        command.arg("--config").arg(self.dir.path().join(POLICY));
        self.keeper = Some(Running::start(&mut command));
        self.answering();
    }

    /// The folder of this run.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// The folder of the logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The log of one namespace, host view.
    ///
    /// # Panics
    /// When it cannot be read or holds a malformed line.
    pub fn log(&self, namespace: &str) -> Log {
        Log::read(&self.logs.join(namespace).join("audit.log"))
    }

    /// The log of one namespace as it sees its records.
    ///
    /// # Panics
    /// When it cannot be read or holds a malformed line.
    pub fn log_inside(&self, namespace: &str) -> Log {
        Log::read(&self.logs.join(namespace).join("namespace.log"))
    }

    /// The beginnings and ends of all namespaces: how many records of `op=start` and of `op=stop`.
    ///
    /// # Panics
    /// When the log cannot be read or holds a malformed line.
    pub fn starts_and_stops(&self) -> (usize, usize) {
        let log = Log::read(&self.logs.join("audit.log"));
        let count = |part: &str| log.records.iter().filter(|record| record.has(part)).count();
        (count("op=start "), count("op=stop "))
    }

    /// A command of the program, ready for its arguments.
    pub fn auditns(&self, command: &str) -> Command {
        let mut auditns = Command::new(&self.program);
        auditns.arg(command).env("AUDITNS_RUN_DIR", self.dir.path().join("run"));
        auditns
    }

    /// `auditns run --name NAME --`, ready for the command.
    pub fn namespace(&self, name: &str) -> Command {
        let mut run = self.auditns("run");
        run.args(["--name", name, "--"]);
        run
    }

    /// A namespace of that name, for a container.
    pub fn served(&self, name: &str) -> Served {
        Served::by_supervisor(name, &self.logs, &self.dir.path().join("run"))
    }

    /// A number that `auditns show --json` tells of a namespace.
    ///
    /// # Panics
    /// When there is no such namespace or number.
    pub fn shown(&self, namespace: &str, key: &str) -> u64 {
        // A busy namespace has no time to answer, which the supervisor says after a second.
        let mut text = String::new();
        let told = process::until(LIMIT, || {
            let shown = process::run(self.auditns("show").args([namespace, "--json"]), LIMIT);
            let is_told = shown.code() == Some(0);
            text = if is_told { shown.stdout } else { shown.report() };
            is_told
        });
        assert!(told, "auditns show {namespace}: {text}");
        json_number(&text, key).unwrap_or_else(|| panic!("auditns show tells no {key}: {text}"))
    }

    /// As [`Supervisor::shown`], `None` when there is no such namespace yet.
    pub fn shown_if_there(&self, namespace: &str, key: &str) -> Option<u64> {
        self.shown_or_why(namespace, key).ok()
    }

    /// As [`Supervisor::shown`].
    ///
    /// # Errors
    /// What people are told instead.
    pub fn shown_or_why(&self, namespace: &str, key: &str) -> Result<u64, String> {
        let finished = process::run(self.auditns("show").args([namespace, "--json"]), LIMIT);
        json_number(&finished.stdout, key).ok_or(finished.stderr)
    }

    /// Whether there is no such namespace, or no more. One that does not answer is there.
    pub fn has_ended(&self, namespace: &str) -> bool {
        self.shown_or_why(namespace, "contid").is_err_and(|why| why.contains("there is no audit namespace"))
    }

    /// Changes a limit of a namespace.
    ///
    /// # Panics
    /// When that is refused.
    pub fn set(&self, namespace: &str, key: &str, value: &str) {
        let mut said = String::new();
        // As for `shown`.
        let done = process::until(LIMIT, || {
            let set = process::run(self.auditns("set").args([namespace, key, value]), LIMIT);
            said = set.report();
            set.code() == Some(0)
        });
        assert!(done, "auditns set {namespace} {key} {value}: {said}");
    }

    fn running(&self) -> &Running {
        self.keeper.as_ref().expect("the keeper is there until the end")
    }

    /// The keeper's process id.
    ///
    /// # Panics
    /// Never: it exists until the end.
    pub fn keeper(&self) -> u32 {
        self.running().pid()
    }

    /// The process that serves now, if there is one.
    pub fn pid(&self) -> Option<Pid> {
        let keeper = self.keeper();
        let children = fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).ok()?;
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }

    /// Waits until a supervisor answers, and returns its process id.
    ///
    /// # Panics
    /// When none does.
    pub fn answering(&self) -> Pid {
        let mut answers = None;
        let in_time = process::until(LIMIT, || {
            let before = self.pid();
            let listed = process::run(self.auditns("list").arg("--json"), LIMIT).code() == Some(0);
            answers = before.filter(|_| listed && before == self.pid());
            answers.is_some()
        });
        assert!(in_time, "no supervisor answers within {LIMIT:?}");
        answers.expect("one has answered")
    }

    /// Signals the process that serves now, and waits until it is gone if the signal is SIGKILL.
    ///
    /// # Panics
    /// When there is none, or it does not go.
    pub fn signal(&self, signal: Signal) -> Pid {
        let pid = self.pid().expect("a supervisor runs");
        kill_process(pid, signal).expect("the supervisor is still there");
        let gone = || test_kill_process(pid).is_err() || self.pid() != Some(pid);
        assert!(signal != Signal::KILL || process::until(LIMIT, gone), "{pid:?} outlives SIGKILL");
        pid
    }

    /// Tells the keeper to let the program as it is on disk take over, and waits until another process serves.
    ///
    /// # Panics
    /// When none does.
    pub fn upgrade(&self) -> Pid {
        let before = self.answering();
        self.running().signal(Signal::USR2);
        assert!(
            process::until(LIMIT, || self.pid().is_some_and(|pid| pid != before)),
            "{before:?} serves on after SIGUSR2"
        );
        self.answering()
    }

    /// Ends both processes and returns what they said on standard error.
    ///
    /// # Panics
    /// When they do not end by themselves.
    pub fn stop(&mut self) -> Finished {
        let keeper = self.keeper.take().expect("the keeper is there until the end");
        keeper.signal(Signal::TERM);
        let finished = keeper.finish_within(Duration::from_secs(60));
        assert!(finished.code().is_some(), "{}", finished.report());
        finished
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        let serving =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", keeper.pid())).unwrap_or_default();
        // The whole group, so that the outputs end, which are worth having after a failure.
        let _ = rustix::process::kill_process_group(
            Pid::from_raw(i32::try_from(keeper.pid()).unwrap_or_default()).expect("a child has a process id"),
            Signal::KILL,
        );
        let finished = keeper.finish_within(Duration::from_secs(60));
        for pid in serving.split_whitespace().filter_map(|text| Pid::from_raw(text.parse().ok()?)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        // What a killed supervisor has mounted stays.
        let mounted = self.dir.path().join("run/proc");
        let _ =
            Command::new("umount").arg("--lazy").arg(mounted).stderr(std::process::Stdio::null()).status();
        if std::thread::panicking() {
            eprintln!("the keeper and its supervisors: {}", finished.report());
        }
    }
}

fn json_number(text: &str, key: &str) -> Option<u64> {
    let (_, rest) = text.split_once(&format!("\"{key}\":"))?;
    rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::json_number;

    #[test]
    fn numbers_of_json() {
        let text = r#"{"lost": 3,"lost_total":41,"name":"lost"}"#;
        assert_eq!((json_number(text, "lost"), json_number(text, "lost_total")), (Some(3), Some(41)));
        assert_eq!((json_number(text, "name"), json_number(text, "none")), (None, None));
    }
}

//! Containers: a script of this package runs as process 1 of one, natively or served by auditns.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::auditns::Served;
use crate::host::Unchanged;
use crate::log::Log;
use crate::process::{self, Finished, Running};
use crate::supervised::Supervisor;
use crate::workdir::RunDir;
use crate::{rootfs, workdir};

/// What kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Initial user namespace, all capabilities of root.
    Init,
    /// Initial user namespace, the capabilities that Docker leaves: with `AUDIT_WRITE`, without `AUDIT_CONTROL`.
    Docker,
    /// As `Docker`, with `AUDIT_CONTROL`: what a runtime may grant where there is a namespace to be controlled.
    Control,
    /// A user namespace that maps 0..65535 to 100000..165535, all capabilities in it.
    User,
}

impl Mode {
    /// The name that `scripts/enter.sh` knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Docker => "docker",
            Self::Control => "control",
            Self::User => "user",
        }
    }

    /// An id inside, as the host sees it.
    pub fn host_id(self, inside: u32) -> u32 {
        match self {
            Self::User => inside + 100_000,
            Self::Init | Self::Docker | Self::Control => inside,
        }
    }
}

/// Puts the scripts of this package into the folder that the host and a container of that mode share.
pub(crate) fn share_scripts(dir: &RunDir, mode: Mode) {
    let scripts = dir.folder("e2e/scripts");
    for entry in fs::read_dir(workdir::package().join("scripts")).expect("the package has scripts").flatten()
    {
        fs::copy(entry.path(), scripts.join(entry.file_name())).expect("a script can be copied");
    }
    let owner = Some(mode.host_id(0));
    for path in [dir.folder("e2e/out"), dir.folder("e2e")] {
        std::os::unix::fs::chown(path, owner, owner).expect("root may change owners");
    }
}

/// A container that is about to run.
#[derive(Debug)]
pub struct Container {
    dir: Arc<RunDir>,
    mode: Mode,
    loginuid: Option<u32>,
    wrapper: Vec<String>,
    served: Option<Served>,
    rootless: bool,
}

impl Container {
    /// A container that today's kernel serves. `name` is for people.
    pub fn native(name: &str, mode: Mode) -> Self {
        Self {
            dir: Arc::new(RunDir::new(name)),
            mode,
            loginuid: None,
            wrapper: Vec::new(),
            served: None,
            rootless: false,
        }
    }

    /// A container served by auditns; its namespace is called `name`.
    pub fn served(name: &str, mode: Mode) -> Self {
        let mut container = Self::native(name, mode);
        container.served = Some(Served::new(name, &container.dir.folder("log")));
        container
    }

    /// A container served by a supervisor; its namespace is called `name`.
    pub fn supervised(name: &str, mode: Mode, supervisor: &Supervisor) -> Self {
        let mut container = Self::native(name, mode);
        container.served = Some(supervisor.served(name));
        container
    }

    /// Starts everything from a shell whose login uid is already set.
    #[must_use]
    pub fn loginuid(mut self, loginuid: u32) -> Self {
        self.loginuid = Some(loginuid);
        self
    }

    /// Has `auditns run` started by root of the container's user namespace, who is an ordinary user of the host.
    ///
    /// # Panics
    /// When the container has no user namespace.
    #[must_use]
    pub fn rootless(mut self) -> Self {
        assert_eq!(self.mode, Mode::User, "only a user namespace has a root who is nobody on the host");
        self.rootless = true;
        self
    }

    /// Adds a flag of `auditns run`.
    ///
    /// # Panics
    /// When the container is native: there is no `auditns run` then.
    #[must_use]
    pub fn flag(mut self, parts: &[&str]) -> Self {
        self.served = Some(self.served.expect("a native container has no flags of auditns").flag(parts));
        self
    }

    /// Puts a command in front of everything, `auditns run` included.
    #[must_use]
    pub fn wrapper(mut self, parts: &[&str]) -> Self {
        self.wrapper = parts.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// A folder that the host and the container (as `/e2e`) share.
    pub fn shared(&self) -> PathBuf {
        self.dir.path().join("e2e")
    }

    /// The folder of this run.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// The namespace that serves it.
    ///
    /// # Panics
    /// When the container is native.
    pub fn namespace(&self) -> &Served {
        self.served.as_ref().expect("a native container has no namespace")
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let root = rootfs::roots().of(self.mode);
        self.dir.folder("box");
        share_scripts(&self.dir, self.mode);
        let mut words: Vec<std::ffi::OsString> = self.wrapper.iter().map(Into::into).collect();
        words.extend(self.loginuid.map(process::logged_in).into_iter().flatten().map(Into::into));
        let served = self.served.as_ref().map(Served::command);
        if let (Some(command), false) = (&served, self.rootless) {
            words.push(command.get_program().into());
            words.extend(command.get_args().map(Into::into));
        }
        words.push(workdir::package().join("scripts/enter.sh").into());
        words.extend(["start", self.mode.name()].map(Into::into));
        words.extend([root.into(), self.dir.path().into()]);
        words.extend(["bash".into(), format!("/e2e/scripts/{script}").into()]);
        words.extend(arguments.iter().map(Into::into));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if let (Some(served), true) = (served, self.rootless) {
            // Where other users can execute it.
            let program = self.dir.path().join("auditns");
            fs::copy(served.get_program(), &program).expect("the folder of this run is writable");
            let words = [program.as_os_str()].into_iter().chain(served.get_args());
            command.env("E2E_ROOTLESS", words.collect::<Vec<_>>().join(std::ffi::OsStr::new(" ")));
        }
        command
    }

    /// Starts a script of this package as process 1.
    ///
    /// # Panics
    /// When the container cannot be prepared or started.
    pub fn start(&self, script: &str, arguments: &[&str]) -> Started {
        // With its feature loginuid_immutable, which tests of the kernel set for a moment, nobody could unset the login uid.
        let kernel = self.loginuid.map(|_| Unchanged::hold());
        let running = Running::start(&mut self.command(script, arguments));
        Started { running: Some(running), dir: Arc::clone(&self.dir), _kernel: kernel }
    }

    /// Runs a script of this package as process 1 to its end.
    ///
    /// # Panics
    /// When the container cannot be prepared or started.
    pub fn run(&self, script: &str, arguments: &[&str], limit: Duration) -> Outcome {
        self.start(script, arguments).finish(limit)
    }
}

/// A running container. Dropping it kills everything in it.
#[derive(Debug)]
pub struct Started {
    running: Option<Running>,
    dir: Arc<RunDir>,
    /// Where it depends on the kernel's audit.
    _kernel: Option<Unchanged>,
}

impl Started {
    /// The outermost process: `auditns run`, unless the container is native or has a wrapper.
    ///
    /// # Panics
    /// Never: the process exists until `finish`.
    pub fn process(&self) -> &Running {
        self.running.as_ref().expect("a started container has a process")
    }

    /// Waits for the end, at most `limit` from the start.
    ///
    /// # Panics
    /// Never: the process exists until now.
    pub fn finish(mut self, limit: Duration) -> Outcome {
        let running = self.running.take().expect("a started container has a process");
        let finished = running.finish(limit);
        self.take_down();
        Outcome::new(finished, Arc::clone(&self.dir))
    }

    /// Kills the container by the process whose end takes its pid namespace down, which is not in the process group
    /// of the outermost process when the container's manager moved it.
    fn take_down(&self) {
        let Ok(text) = fs::read_to_string(self.dir.path().join("pid")) else { return };
        let Ok(number) = text.trim().parse::<i32>() else { return };
        // The number may have gone to another process by now: ours has the run's directory in its command line.
        let command = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let ours = String::from_utf8_lossy(&command).contains(&*self.dir.path().to_string_lossy());
        if let (true, Some(pid)) = (ours, Pid::from_raw(number)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.running = None;
        self.take_down();
    }
}

/// What a script in a container reported, see `scripts/lib.sh`.
#[derive(Debug)]
pub struct Outcome {
    /// The outermost process.
    pub finished: Finished,
    steps: BTreeMap<String, i32>,
    facts: BTreeMap<String, String>,
    dir: Arc<RunDir>,
}

impl Outcome {
    pub(crate) fn new(finished: Finished, dir: Arc<RunDir>) -> Self {
        let mut steps = BTreeMap::new();
        let mut facts = BTreeMap::new();
        for line in finished.stdout.lines() {
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("STEP"), Some(name), Some(status)) => {
                    steps.insert(name.to_owned(), status.parse().unwrap_or(-1));
                }
                (Some("FACT"), Some(name), Some(value)) => {
                    facts.insert(name.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        Self { finished, steps, facts, dir }
    }

    /// Exit status of a step.
    ///
    /// # Panics
    /// When the script never came to it.
    pub fn step(&self, name: &str) -> i32 {
        match self.steps.get(name) {
            Some(&status) => status,
            None => panic!("the script did not reach step {name:?}: {}", self.finished.report()),
        }
    }

    /// The names of all steps with their exit statuses.
    pub fn steps(&self) -> &BTreeMap<String, i32> {
        &self.steps
    }

    fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join("e2e/out").join(name)
    }

    /// What a step printed on both outputs.
    ///
    /// # Panics
    /// When it did not run.
    pub fn output(&self, name: &str) -> String {
        match fs::read(self.out(name)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => panic!("no output of step {name:?} ({error}): {}", self.finished.report()),
        }
    }

    /// A fact that the script told.
    ///
    /// # Panics
    /// When it did not.
    pub fn fact(&self, name: &str) -> &str {
        match self.facts.get(name) {
            Some(value) => value,
            None => panic!("the script did not tell {name:?}: {}", self.finished.report()),
        }
    }

    /// A log that the script left in its output folder.
    ///
    /// # Panics
    /// When it is not there or holds a malformed line.
    pub fn log(&self, name: &str) -> Log {
        Log::read(&self.out(name))
    }

    /// Checks that the named steps ended with these statuses; all differences at once, each with its output.
    ///
    /// # Panics
    /// When a step ended otherwise or did not run.
    pub fn expect(&self, expected: &[(&str, i32)]) {
        let wrong: Vec<String> = expected
            .iter()
            .filter(|(name, status)| self.steps.get(*name) != Some(status))
            .map(|(name, status)| {
                let output = fs::read(self.out(name)).unwrap_or_default();
                let output = String::from_utf8_lossy(&output);
                format!("step {name}: expected {status}, seen {:?}\n{output}", self.steps.get(*name))
            })
            .collect();
        assert!(wrong.is_empty(), "{}\n=== whole run: {}", wrong.join("\n"), self.finished.report());
    }
}

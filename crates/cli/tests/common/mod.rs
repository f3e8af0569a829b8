//! Runs the built program, each time with a time limit and a log folder of its own. All of these tests need root.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod supervisor;

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_auditns");
/// The machine's own, which every user can execute.
pub const PYTHON: &str = "/usr/bin/python3";
/// No run takes longer, unless a test says so.
pub const LIMIT: Duration = Duration::from_secs(90);

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Outcome {
    /// The exit status, which auditns always has.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("auditns was killed: {self:?}"))
    }

    /// The same run, if it went well.
    pub fn succeeded(self) -> Outcome {
        assert_eq!(self.code(), 0, "{self:#?}");
        self
    }
}

/// A process group of its own that ends with the value.
#[derive(Debug)]
pub struct Started {
    child: Child,
    out: File,
    err: File,
    at: Instant,
    limit: Duration,
}

/// Starts a command, outputs into files.
pub fn start(command: &mut Command) -> Started {
    start_within(LIMIT, command)
}

/// The same of one that may take another time.
pub fn start_within(limit: Duration, command: &mut Command) -> Started {
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap()).process_group(0);
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Started { child, out, err, at: Instant::now(), limit }
}

impl Started {
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for its end, and fails if that does not come.
    pub fn wait(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                self.at.elapsed() < self.limit,
                "it does not end: {} {}",
                text(&mut self.out),
                text(&mut self.err)
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = self.at.elapsed();
        Outcome { status, stdout: text(&mut self.out), stderr: text(&mut self.err), took }
    }

    /// Waits until its standard output holds something.
    pub fn until(&mut self, word: &str) {
        while !self.has_said(word) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether its standard output holds something. It must not have ended before.
    pub fn has_said(&mut self, word: &str) -> bool {
        // It may say it and end at once.
        let ended = self.child.try_wait().unwrap().is_some();
        if text(&mut self.out).contains(word) {
            return true;
        }
        let lives = !ended && self.at.elapsed() < self.limit;
        assert!(lives, "{word} never came: {}", text(&mut self.err));
        false
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn text(file: &mut File) -> String {
    // Reading moves the offset that the writers share; they come at the end again because theirs is the same.
    let mut bytes = Vec::new();
    let mut own = File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file))).unwrap();
    own.rewind().unwrap();
    own.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A namespace to be.
#[derive(Debug)]
pub struct Namespace {
    folder: TempDir,
    name: &'static str,
    flags: Vec<String>,
}

impl Namespace {
    pub fn new(name: &'static str) -> Namespace {
        Namespace { folder: tempfile::tempdir().unwrap(), name, flags: Vec::new() }
    }

    pub fn flags(mut self, flags: &[&str]) -> Namespace {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// `auditns run FLAGS -- `
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--name", self.name, "--log-dir"]).arg(self.folder());
        command.args(&self.flags).arg("--").stdin(Stdio::null());
        command
    }

    /// The same from a shell that prepares something: `$0` to the end is the run.
    pub fn command_after(&self, script: &str) -> Command {
        let inner = self.command();
        let mut command = Command::new("bash");
        command.arg("-c").arg(format!("{script}; exec \"$0\" \"$@\"")).arg(inner.get_program());
        command.args(inner.get_args()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> Outcome {
        start(self.command().args(words)).wait()
    }

    /// Runs a hostile member. It fails by an exception.
    pub fn member(&self, script: &str) -> Outcome {
        start(as_member(&mut self.command(), script)).wait()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        let path = self.folder().join(self.name).join("audit.log");
        String::from_utf8(std::fs::read(path).unwrap()).unwrap()
    }
}

/// Adds a member's script to a command.
pub fn as_member<'a>(command: &'a mut Command, script: &str) -> &'a mut Command {
    command.args([PYTHON, "-c"]).arg(format!("{}\n{script}", include_str!("member.py")))
}

//! Processes that make tasks: `examples/member.rs`.

use crate::world::PATIENCE;
use auditns_sys::{LaunchOptions, Listener, filter::FilterOptions, launch};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Ways to make a task: each ends up in what the process that does it is in.
pub(crate) const WAYS: [&str; 10] = [
    "fork",
    "vfork",
    "thread",
    "daemon",
    "exec-of-a-thread",
    "clone-parent",
    "into-cgroup",
    "new-namespaces",
    "io-uring",
    "filters",
];

pub(crate) struct Process {
    child: Child,
    /// All processes that it makes end when this is closed.
    input: Option<ChildStdin>,
    lines: Receiver<u32>,
    /// Below a filter.
    pub(crate) listener: Option<Listener>,
}

impl Process {
    /// One that makes a task in this way when it is told to.
    pub(crate) fn new(way: &str) -> Process {
        let mut command = Command::new(program());
        let child = command.arg(way).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Process::of(child, None)
    }

    /// The same below a filter with a listener.
    pub(crate) fn filtered(way: &str) -> Process {
        let mut command = Command::new(program());
        command.arg(way).stdin(Stdio::piped()).stdout(Stdio::piped());
        let filter = FilterOptions { refuse_io_uring: false, ..FilterOptions::default() };
        let options = LaunchOptions { filter, ..LaunchOptions::default() };
        let launched = launch::spawn(command, &options).unwrap();
        Process::of(launched.child, Some(launched.listener))
    }

    fn of(mut child: Child, listener: Option<Listener>) -> Process {
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            let numbers = output.lines().map_while(Result::ok).filter_map(|line| line.parse().ok());
            numbers.into_iter().try_for_each(|number| tell.send(number))
        });
        Process { child, input, lines, listener }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has the task made. Returns its number.
    pub(crate) fn make(&mut self) -> u32 {
        self.begin();
        self.next()
    }

    pub(crate) fn begin(&mut self) {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// The number of the next task.
    pub(crate) fn next(&self) -> u32 {
        self.lines.recv_timeout(PATIENCE).expect("the process says no number")
    }

    /// Ends all of it.
    pub(crate) fn end(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        self.kill();
        for root in ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"] {
            let group = Path::new(root).join(format!("auditns-test-{}", self.pid()));
            // Its processes may still be ending.
            while group.exists() && std::fs::remove_dir(&group).is_err() {
                std::thread::yield_now();
            }
        }
    }
}

/// The example program, which is built with the tests.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples/member");
    assert!(program.exists(), "build the examples: cargo build -p auditns-bpf --examples");
    program
}

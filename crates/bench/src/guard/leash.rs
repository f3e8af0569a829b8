//! A program, and whatever it starts, which end together.

use super::Until;
use auditns_sys::signals::SignalFd;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getpid, getrlimit, kill_process, set_child_subreaper,
    setrlimit, setsid, wait,
};
use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long what is left may take to end by itself, and then after a kill.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// How a program is started.
#[derive(Debug)]
pub struct Leashed {
    /// Its words.
    pub words: Vec<OsString>,
    /// Whether it is started in a session of its own.
    pub session: bool,
    /// How many open files it may have, if not as many as we; fewer where nobody may have so many.
    pub open_files: Option<u64>,
}

/// Runs the program until it or `parent` ends, or a signal comes, and then ends everything that has descended from it.
///
/// # Errors
/// It cannot be started.
pub fn run(leashed: &Leashed, parent: i32) -> io::Result<Option<ExitStatus>> {
    // Whoever loses its parent becomes our child.
    set_child_subreaper(Some(getpid()))?;
    if leashed.session {
        setsid()?;
    }
    if let Some(limit) = leashed.open_files {
        allow_open_files(limit)?;
    }
    let (program, arguments) = leashed.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // Before signals are blocked, which it would inherit.
    let mut child = Command::new(program).args(arguments).spawn()?;
    let status = wait_for(&mut child, parent);
    end_all();
    status
}

/// Allows that many, or as many as this machine lets us.
fn allow_open_files(wanted: u64) -> io::Result<()> {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    if setrlimit(Resource::Nofile, limit(wanted)).is_ok() {
        return Ok(());
    }
    let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(wanted);
    Ok(setrlimit(Resource::Nofile, limit(allowed.min(wanted)))?)
}

/// Its status, or none if the end comes first.
fn wait_for(child: &mut Child, parent: i32) -> io::Result<Option<ExitStatus>> {
    let ends = SignalFd::block(&[Signal::CHILD.as_raw()])?;
    let until = Until::ended(parent)?;
    loop {
        while ends.read()?.is_some() {}
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if until.wait(Some(&ends), None)? {
            return Ok(None);
        }
    }
}

/// Ends every process below this one.
fn end_all() {
    for signal in [Signal::TERM, Signal::KILL] {
        let start = Instant::now();
        let mut told = Vec::new();
        while start.elapsed() < PATIENCE {
            // A stopped process does not end by a signal before it goes on.
            for pid in descendants(getpid()) {
                if !told.contains(&pid) {
                    let _ = kill_process(pid, signal);
                    let _ = kill_process(pid, Signal::CONT);
                    told.push(pid);
                }
            }
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            if descendants(getpid()).is_empty() {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// The processes below one, nearest first.
pub fn descendants(of: Pid) -> Vec<Pid> {
    let mut all: Vec<Pid> = Vec::new();
    let mut next = children(of);
    while !next.is_empty() {
        let below = next.iter().flat_map(|pid| children(*pid)).collect();
        all.append(&mut next);
        next = below;
    }
    all
}

fn children(pid: Pid) -> Vec<Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    let lists = tasks.into_iter().flatten().flatten().map(|task| task.path().join("children"));
    let texts: Vec<String> = lists.filter_map(|list| std::fs::read_to_string(list).ok()).collect();
    texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter_map(|word| Pid::from_raw(word.parse().ok()?))
        .collect()
}

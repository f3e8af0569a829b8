//! What is looked at while an attack goes on.

use std::fmt;
use std::fs;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::records::{self, Processes};
use super::{Arena, Attack, BACKLOG_LIMIT, Footprint, NESTED_DEEPEST, NESTED_MOST, QUIET, SOON, kept};
use crate::log::{Log, Record};
use crate::process::{self, until};

/// What was seen during one attack.
pub(super) struct Watch<'a> {
    arena: &'a Arena,
    name: &'a str,
    attack: Attack,
    processes: Processes,
    most: Footprint,
    /// Why it is not known.
    contid: Result<u64, String>,
    looks: usize,
    due: Instant,
    /// Most namespaces inside that of the attacker at once, and the deepest.
    inside: usize,
    deepest: usize,
}

/// The process of a supervisor that asks the kernel about tasks, and the one that waits for it.
pub(super) fn lookers(serving: u32) -> Vec<u32> {
    let children = |pid: u32| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let lists: String =
            tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default()).collect();
        lists.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
    };
    let outer = children(serving).into_iter().filter(|pid| is_looker(*pid, b"auditns\0membership\0"));
    let both = outer.flat_map(|pid| [vec![pid], children(pid)].concat());
    both.collect()
}

fn is_looker(pid: u32, begin: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(begin))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key}: {value}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key}: {value}"))
}

impl<'a> Watch<'a> {
    pub(super) fn new(arena: &'a Arena, name: &'a str, attack: Attack) -> Self {
        Self {
            arena,
            name,
            attack,
            processes: Processes::new(),
            most: arena.start,
            contid: Err("nothing was asked".to_owned()),
            looks: 0,
            due: Instant::now(),
            inside: 0,
            deepest: 0,
        }
    }

    /// Of no attack.
    pub(super) fn of_nobody(arena: &'a Arena) -> Self {
        Self { contid: Ok(0), ..Self::new(arena, "nobody", super::FLOODS) }
    }

    pub(super) fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Looks at everything if it is time to. `root` is the process that the attacker's descend from.
    pub(super) fn look_when_due(&mut self, root: u32) {
        if self.due <= Instant::now() {
            self.look(root);
            self.due = Instant::now() + self.arena.pause();
        }
    }

    fn look(&mut self, root: u32) {
        self.look_at_all(root);
        // What is looked at takes a while, in which others come to be.
        self.processes.look(root);
    }

    fn look_at_all(&mut self, root: u32) {
        self.processes.look(root);
        self.arena.expect_silent_kernel(self.name);
        self.most = self.most.most(Footprint::of(&self.arena.processes()));
        if self.arena.compares.get() {
            if self.contid.is_err() {
                self.contid = self.arena.supervisor.shown_or_why(self.name, "contid");
            }
        } else {
            let quiet = self.look_at_namespaces();
            self.look_at_processes(quiet);
        }
        // In time for it to come back and be killed once more.
        if self.attack.kills_membership && self.looks % 4 == 1 {
            self.kill_membership();
        }
        self.looks += 1;
    }

    fn list(&self) -> Vec<Value> {
        let told = process::must(self.arena.supervisor.auditns("list").arg("--json"), SOON);
        records::expect_harmless(self.name, &told);
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    /// What people and programs are told of all namespaces. Returns the quiet client's process.
    fn look_at_namespaces(&mut self) -> u64 {
        let supervisor = &self.arena.supervisor;
        records::expect_harmless(self.name, &process::must(&mut supervisor.auditns("list"), SOON));
        let mut all = Vec::new();
        // Whoever does not answer within a second is left out, or not asked: who is where then follows from descent.
        let settled = until(SOON, || {
            all = self.list();
            all.iter().any(|one| {
                one["name"] == QUIET && (one["membership"] == "exact" || self.attack.kills_membership)
            })
        });
        assert!(settled, "the quiet namespace has gone, or the kernel is not asked any more: {all:?}");
        let quiet = all.iter().find(|one| one["name"] == QUIET).expect("it was just there");
        let exact = quiet["membership"] == "exact";
        assert!(!exact || number(quiet, "members") == 1, "others count as members: {quiet}");
        let prefix = format!("{}.", self.name);
        if let Some(own) = all.iter().find(|one| one["name"] == self.name) {
            self.contid = Ok(number(own, "contid"));
        }
        let inside: Vec<&Value> = all.iter().filter(|one| text(one, "name").starts_with(&prefix)).collect();
        assert!(inside.len() <= NESTED_MOST, "more inside than there may be: {inside:?}");
        self.inside = self.inside.max(inside.len());
        for one in inside {
            let depth = text(one, "name").matches('.').count();
            assert!(depth <= NESTED_DEEPEST, "deeper than there may be: {one}");
            assert_eq!(
                number(one, "backlog_limit"),
                BACKLOG_LIMIT >> depth,
                "half of the one around it: {one}"
            );
            self.deepest = self.deepest.max(depth);
        }
        number(quiet, "pid")
    }

    /// A process of the attacker's is in one of its namespaces, and the quiet one where it was.
    fn look_at_processes(&self, quiet: u64) {
        let shown = |pid: u64| {
            let shown = process::run(
                self.arena.supervisor.auditns("show").args(["--pid", &pid.to_string(), "--json"]),
                SOON,
            );
            records::expect_harmless(self.name, &shown.stdout);
            records::expect_printable(self.name, &shown.stderr);
            let told: Option<Value> = serde_json::from_str(&shown.stdout).ok();
            told.map(|told| text(&told, "name").to_owned())
        };
        let mut found = None;
        until(SOON, || {
            found = shown(quiet);
            found.is_some()
        });
        assert_eq!(found.as_deref(), Some(QUIET), "the quiet client is in another namespace");
        if let Some(name) = self.processes.latest().map(u64::from).and_then(shown) {
            let own = name == self.name || name.starts_with(&format!("{}.", self.name));
            assert!(own, "a process of {} is in {name}", self.name);
        }
    }

    fn kill_membership(&self) {
        let looks = lookers(self.arena.serving);
        let serving = looks.into_iter().find(|pid| is_looker(*pid, b"auditns\0membership\0--serve\0"));
        if let Some(pid) = serving.and_then(|pid| Pid::from_raw(pid.cast_signed()))
            && kill_process(pid, Signal::KILL).is_ok()
        {
            let pid = pid.as_raw_nonzero().get().unsigned_abs();
            // Once only.
            assert!(until(SOON, || !lookers(self.arena.serving).contains(&pid)), "{pid} does not die");
            self.arena.kills.set(self.arena.kills.get() + 1);
        }
    }

    /// Checks what was seen in all, and returns the number of the attacker's namespace. So many attacks were there before.
    pub(super) fn finish(&mut self, before: u32) -> u64 {
        self.processes.note_time();
        self.most.expect_bounded(self.arena.start, kept(self.attack, before));
        let contid = self.contid.clone().or_else(|why| self.logged_contid().ok_or(why));
        contid.unwrap_or_else(|why| panic!("{} was never shown: {why}", self.name))
    }

    /// As the log tells that it began, where no look came in time.
    fn logged_contid(&self) -> Option<u64> {
        let log = Log::read(&self.arena.supervisor.logs().join("audit.log"));
        let is_it = |record: &&Record| record.has("op=start ") && record.field("vm") == Some(self.name);
        let begin = log.records.iter().find(is_it)?;
        begin.field("contid")?.parse().ok()
    }
}

impl fmt::Display for Watch<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "at most {} at once, {} deep, {}", self.inside, self.deepest, self.most)
    }
}

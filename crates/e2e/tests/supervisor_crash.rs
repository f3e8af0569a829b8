//! A supervisor that is killed, stopped, replaced, or lacks disk, folder or descriptors: clients notice a short wait at
//! most, and what was acknowledged is in the log once.
//!
//! | variable | meaning |
//! |---|---|
//! | `AUDITNS_CRASH_MEMBERS` | how many members log at once, 64 otherwise |
//! | `AUDITNS_CRASH_CROWD` | the same where they make no pauses, 16 otherwise |
//! | `AUDITNS_CRASH_KILLS` | how often the supervisor is killed, 40 times otherwise |
//! | `AUDITNS_CRASH_SEED` | the seed of the instants, the time otherwise |

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{ScopedJoinHandle, scope, sleep};
use std::time::{Duration, SystemTime};

use auditns_e2e::auditns;
use auditns_e2e::log::Log;
use auditns_e2e::process::{self, until};
use auditns_e2e::senders::{Senders, Told, fill, gaps, numbers};
use auditns_e2e::supervised::Supervisor;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

const SOON: Duration = Duration::from_secs(20);
/// What a call may take while the supervisor is started again, half a second, and what a busy machine adds, where anybody may stand
/// still for seconds. One that is not served again waits for longer.
const LONGEST: Duration = Duration::from_secs(15);
/// What a message may take whose sender asks for no acknowledgement: it sends ahead until its socket takes no more, and
/// then waits for most of that to be read, which depends on all others.
const LONGEST_UNACKED: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(2);

/// These tests measure times: one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number_of(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Random instants that a seed repeats: xorshift.
struct Instants(u64);

impl Instants {
    fn new() -> Self {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        let given = std::env::var("AUDITNS_CRASH_SEED").ok().and_then(|text| text.parse().ok());
        let seed: u64 = given.unwrap_or(time.subsec_nanos().into());
        println!("AUDITNS_CRASH_SEED={seed}");
        Self(seed | 1 << 40)
    }

    fn next(&mut self, from: u64, to: u64) -> Duration {
        for shift in [13, -7, 17] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        Duration::from_millis(from + self.0 % (to - from + 1))
    }
}

/// Waits until a member has something in the log that is newer than what is there now.
fn goes_on(supervisor: &Supervisor, namespace: &str) {
    let before = supervisor.shown(namespace, "records");
    assert!(
        until(SOON, || supervisor.shown(namespace, "records") > before + 20),
        "{namespace}: no new records"
    );
}

fn once_each(supervisor: &Supervisor) {
    let told = || supervisor.starts_and_stops();
    assert!(until(SOON, || told() == (1, 1)), "{:?} beginnings and ends in the log of the host", told());
}

/// Everything is as without a crash.
fn complete(supervisor: &Supervisor, namespace: &str, told: &Told, members: u32, longest: Duration) {
    once_each(supervisor);
    let log = supervisor.log(namespace);
    let mut complaints = told.complaints(&log, false);
    complaints += &told.complaints(&supervisor.log_inside(namespace), false);
    for (before, after) in gaps(&log) {
        let _ = writeln!(complaints, "serial {after} follows {before}");
    }
    assert!(complaints.is_empty(), "{complaints}");
    told.expect_no_error(members);
    assert!(told.longest() <= longest, "a call took {:?}: {}", told.longest(), told.finished.report());
}

#[test]
fn killed_supervisors_lose_nothing() {
    let _alone = alone();
    let (members, kills) = (number_of("AUDITNS_CRASH_MEMBERS", 64), number_of("AUDITNS_CRASH_KILLS", 40));
    let mut instants = Instants::new();
    let mut supervisor = Supervisor::start("killed");
    let senders = Senders::start_with_auditd(&supervisor, "killed", members, PAUSE);
    supervisor.set("killed", "log-size", "1000000000");
    for _ in 0..kills {
        supervisor.answering();
        sleep(instants.next(5, 120));
        supervisor.signal(Signal::KILL);
    }
    goes_on(&supervisor, "killed");
    let restarts = supervisor.shown("killed", "restarts");
    let told = senders.finish();
    println!(
        "{} messages, longest call {:?}, without acknowledgement {:?}",
        told.accepted(),
        told.longest(),
        told.longest_unacked()
    );
    complete(&supervisor, "killed", &told, members, LONGEST);
    assert!(
        told.longest_unacked() <= LONGEST_UNACKED,
        "{:?} without acknowledgement",
        told.longest_unacked()
    );
    let report = told.finished.report();
    for step in ["registered", "members", "still-registered", "all-logged", "auditd-ended"] {
        assert!(told.finished.stdout.contains(&format!("STEP {step} 0\n")), "step {step}: {report}");
    }
    let inside = told.complaints(&Senders::auditd_log(&supervisor), false);
    assert!(inside.is_empty(), "the log of the auditd inside: {inside}");
    assert!(restarts > 0, "no restart is shown after {kills} kills");
    let said = supervisor.stop().stderr;
    assert_eq!(said.matches("the server has ended").count(), kills as usize, "{said}");
}

/// Threads of a process with this name.
fn threads(pid: Pid, name: &str) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

/// Clients without a pause between their messages are served by a thread for each processor.
#[test]
fn killed_supervisors_with_many_threads_lose_nothing() {
    let _alone = alone();
    let (members, kills) = (number_of("AUDITNS_CRASH_CROWD", 16), number_of("AUDITNS_CRASH_KILLS", 40) / 3);
    let mut instants = Instants::new();
    let supervisor = Supervisor::start("crowd");
    let senders = Senders::start(&supervisor, "crowd", members, Duration::ZERO);
    assert!(until(SOON, || supervisor.shown_if_there("crowd", "records") > Some(50)), "nothing is logged");
    supervisor.set("crowd", "log-size", "4000000000");
    let several = std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
    for _ in 0..kills {
        let pid = supervisor.answering();
        let crowded = || threads(pid, "worker") > 0;
        assert!(!several || until(SOON, crowded), "one thread serves {members} members");
        sleep(instants.next(1, 60));
        supervisor.signal(Signal::KILL);
    }
    goes_on(&supervisor, "crowd");
    let told = senders.finish();
    println!("{} messages, longest call {:?}", told.accepted(), told.longest());
    complete(&supervisor, "crowd", &told, members, LONGEST);
}

#[test]
fn supervisors_that_are_killed_while_they_take_over_lose_nothing() {
    let _alone = alone();
    let kills = number_of("AUDITNS_CRASH_KILLS", 40) / 3;
    let mut instants = Instants::new();
    let supervisor = Supervisor::start("twice");
    let senders = Senders::start(&supervisor, "twice", 12, Duration::ZERO);
    assert!(until(SOON, || supervisor.shown_if_there("twice", "records") > Some(50)), "nothing is logged");
    supervisor.set("twice", "log-size", "4000000000");
    for _ in 0..kills {
        supervisor.answering();
        sleep(instants.next(1, 60));
        let first = supervisor.signal(Signal::KILL);
        assert!(until(SOON, || supervisor.pid().is_some_and(|pid| pid != first)), "nobody takes over");
        sleep(instants.next(0, 25));
        supervisor.signal(Signal::KILL);
    }
    goes_on_after(&supervisor, "twice");
    let told = senders.finish();
    println!("{} messages, longest call {:?}", told.accepted(), told.longest());
    complete(&supervisor, "twice", &told, 12, LONGEST);
}

#[test]
fn a_stopped_supervisor_is_waited_for() {
    let _alone = alone();
    let supervisor = Supervisor::start("stopped");
    let senders = Senders::start(&supervisor, "stopped", 8, PAUSE);
    assert!(until(SOON, || supervisor.shown_if_there("stopped", "records") > Some(50)), "nothing is logged");
    supervisor.signal(Signal::STOP);
    sleep(Duration::from_secs(5));
    supervisor.signal(Signal::CONT);
    goes_on(&supervisor, "stopped");
    let told = senders.finish();
    println!("{} messages, longest call {:?}", told.accepted(), told.longest());
    once_each(&supervisor);
    // libaudit does not wait as long, and takes what comes later for the answer to its next message.
    let complaints = told.complaints(&supervisor.log("stopped"), false);
    assert!(complaints.is_empty() && told.failures.is_empty(), "{complaints}{}", told.failures.join("\n"));
    assert!(told.longest() <= Duration::from_secs(5) + LONGEST, "a call took {:?}", told.longest());
}

/// A small file system for logs, until it is dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Self {
        let mut mount = Command::new("mount");
        process::must(
            mount.args(["-t", "tmpfs", "-o", "size=8m,mode=755", "e2e-small-log"]).arg(folder),
            SOON,
        );
        Self(folder.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = process::run(Command::new("umount").arg("--lazy").arg(&self.0), SOON);
    }
}

#[test]
fn a_full_disk_loses_what_it_says_and_no_more() {
    let _alone = alone();
    let mut disk = None;
    let mut supervisor = Supervisor::start_program("full", |dir| {
        disk = Some(SmallDisk::mount(&dir.folder("log")));
        auditns::program().to_owned()
    });
    let senders = Senders::start(&supervisor, "full", 8, PAUSE);
    assert!(until(SOON, || supervisor.shown_if_there("full", "records") > Some(50)), "nothing is logged");
    let filler = supervisor.logs().join("filler");
    fill(&filler, 65536);
    assert!(until(SOON, || supervisor.shown("full", "store_failures") > 0), "the disk does not fill");
    supervisor.signal(Signal::KILL);
    supervisor.answering();
    let at_restart = supervisor.shown("full", "store_failures");
    assert!(at_restart > 0, "the losses are forgotten");
    assert!(
        until(SOON, || supervisor.shown("full", "store_failures") > at_restart),
        "a supervisor that is started with a full disk loses nothing"
    );
    fs::remove_file(&filler).expect("the filler is ours");
    sleep(Duration::from_millis(1500));
    let lost = supervisor.shown("full", "store_failures");
    sleep(Duration::from_millis(300));
    assert_eq!(supervisor.shown("full", "store_failures"), lost, "records are lost with room again");
    let told = senders.finish();
    told.expect_no_error(8);
    assert!(told.longest() <= LONGEST, "a call took {:?}", told.longest());
    once_each(&supervisor);
    let log = supervisor.log("full");
    let complaints = told.complaints(&log, true);
    assert!(complaints.is_empty(), "{complaints}");
    let stored: usize = told.members.keys().map(|&member| numbers(&log, member).len()).sum();
    let sent: u64 = told.members.values().map(|member| member.sent).sum();
    assert_eq!(stored as u64 + lost, sent, "{stored} stored and {lost} counted are not all {sent}");
    for (&number, member) in &told.members {
        assert_eq!(numbers(&log, number).last(), Some(&member.sent), "the last of member {number}");
    }
    assert!(
        log.has("VIRT_CONTROL", &["op=stop", &format!("log_failures={lost} ")]),
        "the end tells no losses"
    );
    let said = supervisor.stop().stderr;
    assert!(said.contains("cannot be written") && said.lines().count() < 60, "{said}");
    drop(disk);
}

#[test]
fn a_log_folder_that_goes_away_comes_back() {
    let _alone = alone();
    let supervisor = Supervisor::start("moved");
    let senders = Senders::start(&supervisor, "moved", 8, PAUSE);
    assert!(until(SOON, || supervisor.shown_if_there("moved", "records") > Some(50)), "nothing is logged");
    let (logs, away) = (supervisor.logs(), supervisor.dir().path().join("away"));
    fs::rename(logs, &away).expect("the folder is ours");
    goes_on(&supervisor, "moved");
    supervisor.signal(Signal::KILL);
    goes_on_after(&supervisor, "moved");
    // What was made in its place meanwhile is kept beside it.
    let mut meanwhile = Vec::new();
    let restored = || {
        let beside = supervisor.dir().path().join(format!("meanwhile-{}", meanwhile.len()));
        if fs::rename(logs, &beside).is_ok() {
            meanwhile.push(beside);
        }
        fs::rename(&away, logs).is_ok()
    };
    assert!(until(SOON, restored), "the folder cannot be moved back");
    goes_on(&supervisor, "moved");
    let failures = supervisor.shown("moved", "store_failures");
    supervisor.signal(Signal::KILL);
    goes_on_after(&supervisor, "moved");
    let told = senders.finish();
    told.expect_no_error(8);
    assert!(told.longest() <= LONGEST, "a call took {:?}", told.longest());
    assert!(until(SOON, || supervisor.has_ended("moved")), "a namespace without members stays");
    let folders = [logs.to_owned()].into_iter().chain(meanwhile);
    let parts: Vec<_> = folders.map(|folder| folder.join("moved/audit.log")).collect();
    let mut log = Log::default();
    for part in parts.iter().filter(|part| part.exists()) {
        log.records.extend(Log::read(part).records);
    }
    log.records.sort_by_key(|record| record.serial);
    let complaints = told.complaints(&log, failures > 0);
    assert!(complaints.is_empty(), "{failures} failures are told\n{complaints}");
    let stored: usize = told.members.keys().map(|&member| numbers(&log, member).len()).sum();
    let sent: u64 = told.members.values().map(|member| member.sent).sum();
    assert_eq!(stored as u64 + failures, sent, "{stored} stored and {failures} counted are not all {sent}");
}

/// As `goes_on`, after a kill.
fn goes_on_after(supervisor: &Supervisor, namespace: &str) {
    supervisor.answering();
    goes_on(supervisor, namespace);
}

/// Leaves a process `spare` more descriptors than it has.
fn limit_descriptors(pid: Pid, spare: u64) -> Rlimit {
    let open =
        fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).expect("root may look").count() as u64;
    let before = prlimit(Some(pid), Resource::Nofile, getrlimit(Resource::Nofile)).expect("root may limit");
    let limit = Rlimit { current: Some(open + spare), maximum: before.maximum };
    prlimit(Some(pid), Resource::Nofile, limit).expect("root may limit");
    before
}

#[test]
fn a_supervisor_without_descriptors_lets_logins_proceed() {
    let _alone = alone();
    let supervisor = Supervisor::start("descriptors");
    let senders = Senders::start(&supervisor, "descriptors", 8, PAUSE);
    assert!(
        until(SOON, || supervisor.shown_if_there("descriptors", "records") > Some(50)),
        "nothing is logged"
    );
    let out = supervisor.dir().path().join("login");
    let script = "until [ -e $0.go ]; do sleep 0.02; done; timeout 10 su -c true; echo su $? >$0; \
                  timeout 10 auditctl -s >>$0 2>&1; echo status $? >>$0; mv $0 $0.done; \
                  until [ -e $0.again ]; do sleep 0.02; done; auditctl -s >$0; echo status $? >>$0";
    let mut beside = supervisor.namespace("logins");
    let beside = process::Running::start(beside.args(["sh", "-c", script]).arg(&out));
    assert!(until(SOON, || supervisor.shown_if_there("logins", "records").is_some()), "no second namespace");
    let pid = supervisor.answering();
    let before = limit_descriptors(pid, 0);
    fs::write(out.with_extension("go"), "").expect("the folder is ours");
    let done = out.with_extension("done");
    assert!(until(SOON, || done.exists()), "a login hangs where the supervisor has no descriptors");
    let logins = fs::read_to_string(&done).expect("the file is there");
    sleep(Duration::from_millis(500));
    prlimit(Some(pid), Resource::Nofile, before).expect("root may limit");
    fs::write(out.with_extension("again"), "").expect("the folder is ours");
    let again = beside.finish_within(SOON);
    assert_eq!(again.code(), Some(0), "{}", again.report());
    goes_on(&supervisor, "descriptors");
    assert_eq!(supervisor.pid(), Some(pid), "the supervisor has ended without descriptors");
    let told = senders.finish();
    println!("{logins}\n{}", told.failures.join("\n"));
    assert!(logins.contains("su 0\n"), "{logins}");
    let after = fs::read_to_string(&out).expect("the file is there");
    assert!(after.contains("enabled 1") && after.contains("status 0"), "with descriptors again: {after}");
    assert!(until(SOON, || supervisor.has_ended("descriptors")), "a namespace without members stays");
    // Whoever has a socket goes on. Whoever needs a new one is told so, in a way that lets logins proceed.
    let complaints = told.complaints(&supervisor.log("descriptors"), false);
    assert!(complaints.is_empty(), "{complaints}");
    for failure in &told.failures {
        let proceeds = ["EINVAL", "EPROTONOSUPPORT", "EAFNOSUPPORT"];
        let errno =
            failure.split("errno=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        assert!(failure.contains("step=open") && proceeds.contains(&errno), "{failure}");
    }
    for member in told.members.values().filter(|member| member.kind != "reopening") {
        assert_eq!(member.errors, 0, "{member:?}");
    }
}

#[test]
fn a_kill_while_namespaces_are_made_leaves_none_behind() {
    let _alone = alone();
    let mut instants = Instants::new();
    let supervisor = Supervisor::start("made");
    let made: Vec<_> = scope(|scope| {
        let makers: Vec<_> = (0..6)
            .map(|maker| {
                let supervisor = &supervisor;
                scope.spawn(move || {
                    (0..60)
                        .map(|number| {
                            let mut run = supervisor.namespace(&format!("made-{maker}-{number}"));
                            process::run(run.args(["auditctl", "-m", "mark=made-1"]), SOON)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        while !makers.iter().all(ScopedJoinHandle::is_finished) {
            supervisor.answering();
            sleep(instants.next(3, 40));
            supervisor.signal(Signal::KILL);
        }
        makers.into_iter().flat_map(|maker| maker.join().expect("a maker ends")).collect()
    });
    supervisor.answering();
    let worked = made.iter().filter(|run| run.code() == Some(0)).count();
    for run in &made {
        let one_line = run.stderr.lines().count() == 1 && run.stderr.starts_with("auditns: ");
        assert!(run.code() == Some(0) || (run.code() == Some(125) && one_line), "{}", run.report());
    }
    println!("{worked} of {} runs worked", made.len());
    assert!(worked > 0, "no run worked");
    let gone = || {
        process::must(supervisor.auditns("list").arg("--json"), SOON).trim() == "[]"
            || supervisor.starts_and_stops().0 == supervisor.starts_and_stops().1
    };
    assert!(until(SOON, gone), "namespaces stay: {:?}", process::run(&mut supervisor.auditns("list"), SOON));
    let (starts, stops) = supervisor.starts_and_stops();
    assert_eq!(starts, stops, "beginnings and ends");
    assert!(starts >= worked, "{starts} beginnings of {worked} namespaces");
}

#[test]
fn an_upgrade_in_place_is_not_noticed() {
    let _alone = alone();
    let mut supervisor = Supervisor::start_program("upgrade", |dir| {
        let program = dir.path().join("auditns");
        fs::copy(auditns::program(), &program).expect("the program can be copied");
        program
    });
    let senders = Senders::start_with_auditd(&supervisor, "upgrade", 8, PAUSE);
    let program = supervisor.dir().path().join("auditns");
    let keeper = supervisor.keeper();
    for _ in 0..3 {
        let before = supervisor.answering();
        let new = program.with_extension("new");
        fs::copy(auditns::program(), &new).expect("the program can be copied");
        fs::rename(&new, &program).expect("the program can be replaced");
        let after = supervisor.upgrade();
        assert_ne!(before, after);
        goes_on(&supervisor, "upgrade");
        for pid in [keeper, after.as_raw_nonzero().get().unsigned_abs()] {
            let runs = fs::read_link(format!("/proc/{pid}/exe")).expect("root may look");
            assert_eq!(runs, program, "process {pid} runs the old program");
        }
    }
    assert_eq!(supervisor.keeper(), keeper);
    let told = senders.finish();
    println!("{} messages, longest call {:?}", told.accepted(), told.longest());
    complete(&supervisor, "upgrade", &told, 8, LONGEST);
    let inside = told.complaints(&Senders::auditd_log(&supervisor), false);
    assert!(inside.is_empty(), "the log of the auditd inside: {inside}");
    assert!(kill_process(Pid::from_raw(keeper.cast_signed()).expect("a pid"), Signal::HUP).is_ok());
    supervisor.answering();
    supervisor.stop();
}

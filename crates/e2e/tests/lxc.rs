//! Containers of LXC: LXC's own monitor hands their calls to the supervisor and answers them.

use std::process::Command;
use std::time::Duration;

use auditns_e2e::container::Mode;
use auditns_e2e::log::Log;
use auditns_e2e::lxc::{Lxc, marks};
use auditns_e2e::process::until;
use auditns_e2e::supervised::Supervisor;
use auditns_e2e::{battery, host, process};
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(200);
const SOON: Duration = Duration::from_secs(20);

/// Marks the log until it is told to end, and tells how many it has sent and how many of these failed.
const MARKS: &str = "touch /e2e/out/began; n=0; bad=0; until [ -e /e2e/out/end ]; do \
                     n=$((n + 1)); auditctl -m mark-$n || bad=$((bad + 1)); done; echo FACT sent $n; echo FACT bad $bad";

fn listed(supervisor: &Supervisor) -> String {
    process::must(&mut supervisor.auditns("list"), SOON)
}

fn battery(mode: Mode) {
    let supervisor = Supervisor::start("lxc-pam");
    let name = format!("pam-{}", mode.name());
    let container = Lxc::new(&supervisor, &name, mode);
    let outcome = container.execute(&["bash", "/e2e/scripts/pam.sh"], Duration::from_secs(120));
    assert_eq!(outcome.fact("required"), "3", "{}", outcome.finished.report());
    assert!(outcome.steps().len() >= 22, "{}", outcome.finished.report());
    battery::expect(&outcome, "", &[]);
    let log = supervisor.log(&name);
    let root = format!("uid={} ", container.host_id(0));
    for (kind, part) in [
        ("ADD_USER", "exe=\"/usr/sbin/useradd\""),
        ("USER_CHAUTHTOK", "exe=\"/usr/bin/passwd\""),
        ("USER_LOGIN", "exe=\"/usr/sbin/sshd\""),
        ("USER_AUTH", "exe=\"/usr/bin/su\""),
        ("USER_CMD", "exe=\"/usr/bin/sudo\""),
        ("USER_START", "exe=\"/usr/sbin/cron\""),
        ("DEL_USER", "exe=\"/usr/sbin/userdel\""),
    ] {
        assert!(log.has(kind, &[part]), "no {kind} {part}:\n{}", log.report());
    }
    assert!(log.has("ADD_USER", &[&root]), "{}", log.report());
    assert!(log.has("VIRT_CONTROL", &["op=start ", " runtime=lxc "]), "{}", log.report());
    assert!(until(LIMIT, || supervisor.starts_and_stops() == (1, 1)), "{:?}", supervisor.starts_and_stops());
}

#[test]
fn logins_work_and_are_recorded() {
    battery(Mode::Init);
}

#[test]
fn logins_work_and_are_recorded_in_a_user_namespace() {
    battery(Mode::User);
}

fn boots(mode: Mode) {
    let supervisor = Supervisor::start("lxc-boot");
    let name = format!("boot-{}", mode.name());
    let outcome = Lxc::new(&supervisor, &name, mode).boot("journald.sh", "handed", LIMIT);
    let report = || format!("{}\n--- journal\n{}", outcome.finished.report(), outcome.output("journal"));
    let failed = outcome.output("failed");
    assert!(outcome.fact("state") == "running" && failed.is_empty(), "{failed}{}", report());
    for step in ["up", "auditd", "status", "first", "useradd", "ssh", "su", "last"] {
        assert_eq!(outcome.step(step), 0, "{step}: {}\n{}", outcome.output(step), report());
    }
    assert_eq!(outcome.output("socket"), "Result=success\nActiveState=active\nSubState=running\n");
    let log = supervisor.log(&name);
    for (kind, part) in [("SERVICE_START", "unit=auditd "), ("SYSTEM_SHUTDOWN", "systemd")] {
        assert!(log.has(kind, &[part]), "no {kind}:\n{}\n{}", log.report(), report());
    }
    assert_eq!(marks(&log, "first-mark").len() + marks(&log, "last-mark").len(), 2, "{}", log.report());
    assert!(
        until(LIMIT, || listed(&supervisor).lines().count() == 1),
        "the namespace ends with the container"
    );
}

#[test]
fn systemd_boots_without_a_failed_unit() {
    boots(Mode::Init);
}

#[test]
fn systemd_boots_without_a_failed_unit_in_a_user_namespace() {
    boots(Mode::User);
}

/// Sends a mark, and waits until it is told to end.
fn waiting(mark: &str) -> String {
    format!("auditctl -m {mark}; touch /e2e/out/began; until [ -e /e2e/out/end ]; do sleep 0.05; done")
}

#[test]
fn containers_are_told_apart_and_what_is_attached_is_in_its_container() {
    let kernel = host::Kernel::enable();
    let supervisor = Supervisor::start("lxc-two");
    let one = Lxc::new(&supervisor, "one", Mode::Init);
    let other = Lxc::new(&supervisor, "two", Mode::User).line("lxc.seccomp.notify.cookie = shop/web");
    let running = [
        one.begin(&["bash", "-c", &waiting("mark-one")]),
        other.begin(&["bash", "-c", &waiting("mark-two")]),
    ];
    for container in [&one, &other] {
        container.told("began");
    }
    let list = listed(&supervisor);
    assert!(list.contains("\none ") && list.contains("\nshop-web "), "{list}");
    for number in 1..=3 {
        let attached = one.attach(&["auditctl", "-m", &format!("mark-attached-{number}")]);
        assert_eq!(attached.code(), Some(0), "{}", attached.report());
    }
    let attached = other.attach(&["su", "-c", "id -u"]);
    assert_eq!(attached.stdout, "0\n", "{}", attached.report());
    let (first, second) = (supervisor.shown("one", "contid"), supervisor.shown("shop-web", "contid"));
    one.tell("end");
    other.stop();
    for (running, code) in running.into_iter().zip([Some(0), None]) {
        let finished = running.finish(LIMIT);
        assert!(code.is_none() || finished.code() == code, "{}", finished.report());
    }
    let gone = || listed(&supervisor).lines().count() == 1;
    assert!(until(SOON, gone), "a namespace outlives its container: {}", listed(&supervisor));
    let (one, two) = (supervisor.log("one"), supervisor.log("shop-web"));
    assert_eq!(marks(&one, "mark-"), ["mark-one", "mark-attached-1", "mark-attached-2", "mark-attached-3"]);
    assert_eq!(marks(&two, "mark-"), ["mark-two"]);
    assert!(two.has("USER_START", &["exe=\"/usr/bin/su\"", "uid=100000 "]), "{}", two.report());
    assert!(!one.has("USER_START", &[]), "{}", one.report());
    for (log, contid) in [(&one, first), (&two, second)] {
        let field = format!("contid={contid} ");
        assert!(log.records.iter().all(|record| record.has(&field)), "{}", log.report());
    }
    assert_eq!(supervisor.starts_and_stops(), (2, 2));
    let texts = kernel.texts();
    let leaked: Vec<_> = texts.iter().filter(|text| text.contains("mark-")).collect();
    assert!(leaked.is_empty(), "in the kernel's stream: {leaked:?}");
}

#[test]
fn what_is_attached_may_come_first_and_its_end_is_not_the_containers() {
    let supervisor = Supervisor::start("lxc-attached");
    let container = Lxc::new(&supervisor, "late", Mode::Init);
    let running = container.begin(&[
        "bash",
        "-c",
        "touch /e2e/out/began; until [ -e /e2e/out/end ]; do sleep 0.05; done; auditctl -m mark-own",
    ]);
    container.told("began");
    let attached = container.attach(&["auditctl", "-m", "mark-attached"]);
    assert_eq!(attached.code(), Some(0), "{}", attached.report());
    container.tell("end");
    let finished = running.finish(LIMIT);
    assert_eq!(finished.code(), Some(0), "{}", finished.report());
    assert_eq!(marks(&supervisor.log("late"), "mark-"), ["mark-attached", "mark-own"]);
    assert!(until(SOON, || supervisor.starts_and_stops() == (1, 1)), "{:?}", supervisor.starts_and_stops());
}

#[test]
fn a_container_that_is_started_again_has_its_name() {
    let supervisor = Supervisor::start("lxc-again");
    for run in 1..=5 {
        let container = Lxc::new(&supervisor, "again", Mode::Init);
        let outcome = container.execute(&["auditctl", "-m", &format!("mark-{run}")], LIMIT);
        assert_eq!(outcome.finished.code(), Some(0), "{}", outcome.finished.report());
    }
    let expected: Vec<String> = (1..=5).map(|run| format!("mark-{run}")).collect();
    assert_eq!(marks(&supervisor.log("again"), "mark-"), expected);
    // While it runs, another one of its name has a name of its own.
    let first = Lxc::new(&supervisor, "again", Mode::Init);
    let running = first.begin(&["bash", "-c", &waiting("mark-first")]);
    first.told("began");
    let second = Lxc::new(&supervisor, "again", Mode::Init);
    let outcome = second.execute(&["auditctl", "-m", "mark-second"], LIMIT);
    assert_eq!(outcome.finished.code(), Some(0), "{}", outcome.finished.report());
    first.stop();
    running.finish(LIMIT);
    assert!(marks(&supervisor.log("again"), "mark-second").is_empty());
    let folders = std::fs::read_dir(supervisor.logs()).expect("the logs can be listed").flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let other: Vec<String> = names.filter(|name| name.starts_with("again-")).collect();
    assert_eq!(other.len(), 1, "{other:?}");
    assert_eq!(marks(&supervisor.log(&other[0]), "mark-"), ["mark-second"]);
}

/// Each mark is in the log once, in order.
fn complete(log: &Log, sent: &str) {
    let sent: usize = sent.parse().expect("a number");
    let expected: Vec<String> = (1..=sent).map(|number| format!("mark-{number}")).collect();
    assert!(marks(log, "mark-") == expected, "of {sent}: {:?}", marks(log, "mark-"));
}

#[test]
fn killed_supervisors_lose_no_call() {
    let supervisor = Supervisor::start("lxc-killed");
    let container = Lxc::new(&supervisor, "killed", Mode::User);
    let running = container.begin(&["bash", "-c", MARKS]);
    container.told("began");
    // At instants that differ: a call takes some milliseconds.
    for kill in 0..25_u64 {
        supervisor.answering();
        std::thread::sleep(Duration::from_micros(kill * 1370 % 9000));
        supervisor.signal(Signal::KILL);
    }
    supervisor.answering();
    let before = supervisor.shown("killed", "records");
    assert!(until(SOON, || supervisor.shown("killed", "records") > before + 5), "nothing more is logged");
    container.tell("end");
    let finished = running.finish(LIMIT);
    let fact = |name: &str| {
        let line = finished.stdout.lines().find_map(|line| line.strip_prefix(&format!("FACT {name} ")));
        line.unwrap_or_else(|| panic!("no {name}: {}", finished.report())).to_owned()
    };
    assert_eq!(fact("bad"), "0", "{}", finished.report());
    assert!(!finished.stderr.contains("seccomp"), "LXC complains: {}", finished.report());
    complete(&supervisor.log("killed"), &fact("sent"));
    assert!(until(SOON, || supervisor.starts_and_stops() == (1, 1)), "{:?}", supervisor.starts_and_stops());
}

#[test]
fn the_call_that_a_supervisor_dies_with_is_answered_by_the_next_one() {
    let supervisor = Supervisor::start("lxc-in-hand");
    let container = Lxc::new(&supervisor, "in-hand", Mode::Init);
    let script = "auditctl -m mark-1; touch /e2e/out/began; until [ -e /e2e/out/stopped ]; do sleep 0.05; done; \
                  auditctl -m mark-2 && auditctl -m mark-3 && echo FACT all 0";
    let running = container.begin(&["bash", "-c", script]);
    container.told("began");
    supervisor.signal(Signal::STOP);
    container.tell("stopped");
    assert!(until(SOON, || container.awaits_answer()), "nothing is asked");
    supervisor.signal(Signal::KILL);
    let finished = running.finish(LIMIT);
    assert!(finished.stdout.contains("FACT all 0\n"), "{}", finished.report());
    assert!(!finished.stderr.contains("seccomp"), "LXC complains: {}", finished.report());
    complete(&supervisor.log("in-hand"), "3");
}

#[test]
fn without_a_keeper_calls_fail_until_there_is_a_supervisor_again() {
    let mut supervisor = Supervisor::start("lxc-down");
    let container = Lxc::new(&supervisor, "down", Mode::Init);
    let script = "auditctl -m mark-before; touch /e2e/out/began; until [ -e /e2e/out/down ]; do sleep 0.05; done; \
                  auditctl -m mark-down; echo FACT down $?; touch /e2e/out/tried; \
                  until [ -e /e2e/out/up ]; do sleep 0.05; done; auditctl -m mark-after; echo FACT after $?";
    let running = container.begin(&["bash", "-c", script]);
    container.told("began");
    supervisor.stop();
    container.tell("down");
    container.told("tried");
    // A container does not even start.
    let second = Lxc::new(&supervisor, "second", Mode::Init);
    let outcome = second.execute(&["true"], LIMIT);
    assert!(outcome.finished.stderr.contains("seccomp proxy"), "{}", outcome.finished.report());
    supervisor.start_again();
    container.tell("up");
    let finished = running.finish(LIMIT);
    assert!(finished.stdout.contains("FACT after 0\n"), "{}", finished.report());
    assert!(!finished.stdout.contains("FACT down 0\n"), "{}", finished.report());
    assert!(finished.stderr.contains("Function not implemented"), "{}", finished.report());
    assert_eq!(marks(&supervisor.log("down"), "mark-"), ["mark-before", "mark-after"]);
}

#[test]
fn a_monitor_whose_process_ids_are_others_is_told_that_there_is_no_audit() {
    let mut supervisor = Supervisor::start("lxc-elsewhere");
    let container = Lxc::new(&supervisor, "elsewhere", Mode::Init).monitor_elsewhere();
    let outcome =
        container.execute(&["bash", "-c", "auditctl -s; echo FACT status $?; su -c 'id -u'"], LIMIT);
    assert!(outcome.finished.stdout.contains("\n0\n"), "logins go on: {}", outcome.finished.report());
    assert!(outcome.finished.stderr.contains("audit support not in kernel"), "{}", outcome.finished.report());
    let said = supervisor.stop().stderr;
    assert_eq!(said.matches("because process ids in its pid namespace").count(), 1, "{said}");
}

#[test]
fn nothing_is_left_behind() {
    let supervisor = Supervisor::start("lxc-left");
    let container = Lxc::new(&supervisor, "left", Mode::User);
    let running = container.begin(&["bash", "-c", &waiting("mark-one")]);
    container.told("began");
    drop(running);
    drop(container);
    assert!(until(SOON, || listed(&supervisor).lines().count() == 1), "{}", listed(&supervisor));
    let groups =
        process::run(Command::new("find").args(["/sys/fs/cgroup", "-name", "auditns-e2e-lxc-left*"]), SOON);
    assert_eq!(groups.stdout, "");
}

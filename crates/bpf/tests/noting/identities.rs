//! What is noted of one sender is what `/proc` says of it.

use crate::world::{Connection, ends_well};
use auditns_bpf::{Identity, Tag};
use rustix::io::write;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `/proc` says of a process.
fn looked_up(pid: u32) -> Identity {
    let folder = format!("/proc/{pid}");
    let status = fs::read_to_string(format!("{folder}/status")).unwrap();
    let field = |name: &str, column: usize| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().nth(column).unwrap().to_owned()
    };
    let number = |file: &str| fs::read_to_string(format!("{folder}/{file}")).unwrap().trim().parse().unwrap();
    Identity {
        tgid: field("Tgid:", 0).parse().unwrap(),
        start: start_ticks(pid),
        uid: field("Uid:", 0).parse().unwrap(),
        gid: field("Gid:", 0).parse().unwrap(),
        euid: field("Uid:", 1).parse().unwrap(),
        egid: field("Gid:", 1).parse().unwrap(),
        loginuid: number("loginuid"),
        sessionid: number("sessionid"),
        user_namespace: u32::try_from(fs::metadata(format!("{folder}/ns/user")).unwrap().ino()).unwrap(),
        capabilities: u64::from_str_radix(&field("CapEff:", 0), 16).unwrap(),
        tag: Tag::default(),
    }
}

fn start_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap()
}

/// With the start in the clock ticks of `/proc`, of which all Linux machines have 100 a second.
fn in_ticks(identity: Identity) -> Identity {
    Identity { start: identity.start / 10_000_000, ..identity }
}

/// Compares what is noted of a sender that waits for its answer with what `/proc` says of it meanwhile.
fn same(steps: &[&str]) -> Identity {
    let connection = Connection::new();
    let child = connection.start(&[steps, &["answered=1"]].concat());
    let (said, noted) = connection.receive();
    assert_eq!(said.pid, child.id());
    let noted = noted.unwrap();
    assert_eq!(in_ticks(noted), looked_up(said.pid));
    connection.answer();
    ends_well(child);
    noted
}

#[test]
fn of_root() {
    let noted = same(&[]);
    assert_eq!((noted.uid, noted.euid), (0, 0));
    assert_ne!(noted.capabilities, 0);
}

#[test]
fn of_other_users_and_groups() {
    let noted = same(&["egid=12", "euid=34"]);
    assert_eq!((noted.uid, noted.euid, noted.gid, noted.egid), (0, 34, 0, 12));
    let noted = same(&["gid=4321", "uid=1234"]);
    assert_eq!((noted.uid, noted.euid, noted.gid, noted.egid), (1234, 1234, 4321, 4321));
    assert_eq!(noted.capabilities, 0);
}

#[test]
fn of_a_login() {
    let noted = same(&["loginuid=4242"]);
    assert_eq!(noted.loginuid, 4242);
    assert_ne!(noted.sessionid, u32::MAX);
}

#[test]
fn of_a_user_namespace() {
    let here = fs::metadata("/proc/self/ns/user").unwrap().ino();
    let noted = same(&["new-user-namespace"]);
    assert_ne!(u64::from(noted.user_namespace), here);
    assert_eq!(noted.uid, 0, "as the first user namespace knows it");
}

#[test]
fn without_capabilities() {
    assert_eq!(same(&["no-capabilities"]).capabilities, 0);
}

#[test]
fn of_a_thread_other_than_the_first() {
    let connection = Connection::new();
    let child = connection.start(&["thread", "answer"]);
    let (said, noted) = connection.receive();
    assert_eq!(in_ticks(noted.unwrap()), looked_up(said.pid));
    connection.answer();
    ends_well(child);
}

#[test]
fn of_a_sender_that_has_ended() {
    let connection = Connection::new();
    let child = connection.start(&["loginuid=77", "gid=5", "uid=6", "send=1"]);
    let pid = child.id();
    ends_well(child);
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
    let noted = connection.receive().1.unwrap();
    assert_eq!((noted.tgid, noted.uid, noted.gid, noted.loginuid), (pid, 6, 5, 77));
}

#[test]
fn one_after_the_other() {
    let connection = Connection::new();
    for uid in 100..120 {
        let child = connection.start(&[&format!("uid={uid}"), "send=3"]);
        for _ in 0..3 {
            let noted = connection.receive().1.unwrap();
            assert_eq!((noted.tgid, noted.uid), (child.id(), uid));
        }
        ends_well(child);
    }
}

#[test]
fn the_cpu_is_the_senders() {
    let connection = Connection::new();
    assert_eq!(connection.watched.cpu(), None);
    let allowed = sched_getaffinity(None).unwrap();
    let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let sent = AtomicBool::new(false);
    for cpu in cpus {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut own = CpuSet::new();
                own.set(cpu);
                sched_setaffinity(None, &own).unwrap();
                write(&connection.sender, &[0; 16]).unwrap();
                sent.store(true, Ordering::Relaxed);
            });
        });
        assert!(sent.swap(false, Ordering::Relaxed));
        assert_eq!(connection.watched.cpu(), Some(u32::try_from(cpu).unwrap()));
        connection.receive();
    }
}

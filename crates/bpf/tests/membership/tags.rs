//! Nested namespaces and logins: what tasks have besides their filters.

use crate::process::{Process, WAYS};
use crate::world::{PATIENCE, Store, World, in_time, patient, wait_until};
use auditns_bpf::{Count, Login, MembershipError, Moved, Start, Tag};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

const LOGIN: Login = Login { loginuid: 1000, sessionid: 3 };

fn moved(world: &World, process: &Process, namespace: u64) -> Moved {
    patient(|| world.membership.move_thread_group(process.pid(), Start::Any, namespace))
}

/// Of a process that makes threads as fast as it can: on a busy machine they are found too slowly at times, which is refused.
fn moved_in_the_end(world: &World, process: &Process, namespace: u64) {
    let moved = || in_time(|| world.membership.move_thread_group(process.pid(), Start::Any, namespace));
    wait_until("it is moved", || match moved() {
        Err(MembershipError::Refused(_)) => false,
        answer => answer.is_ok() || panic!("{answer:?}"),
    });
}

fn tag_of(world: &World, task: u32) -> Tag {
    patient(|| world.membership.of_task(task)).map_or(Tag::default(), |member| member.tag)
}

#[test]
fn however_a_task_is_made_it_inherits() {
    let world = World::new();
    let tag = Tag { namespace: Some(7), login: Some(LOGIN) };
    for way in WAYS {
        let mut process = Process::new(way);
        moved(&world, &process, 7);
        patient(|| world.membership.set_login(process.pid(), Start::Any, Some(LOGIN)));
        let task = process.make();
        // The thread was made before it executed, and inherited then.
        assert_eq!(tag_of(&world, task), tag, "{way}");
        process.end();
    }
    wait_until("nobody is counted any more", || patient(|| world.membership.tagged()) == [(7, 0)]);
    assert_eq!(patient(|| world.membership.losses()).untagged, 0);
}

#[test]
fn children_from_before_stay_where_they_are() {
    let world = World::new();
    let mut process = Process::filtered("fork");
    let listener = process.listener.as_ref().unwrap().as_fd();
    patient(|| world.membership.note_listener(listener, 5));
    let older = process.make();
    moved(&world, &process, 7);
    let namespace = |task| patient(|| world.membership.of_task(task)).unwrap().namespace();
    assert_eq!((namespace(process.pid()), namespace(older)), (Some(7), Some(5)));
    let counts = patient(|| world.membership.counts());
    let one = |namespace| Count { namespace, processes: 1, threads: 1 };
    assert_eq!(counts, [one(5), one(7)]);
    // And from there on.
    moved(&world, &process, 8);
    assert_eq!(namespace(process.pid()), Some(8));
    assert_eq!(world.next_emptied(), 7);
    assert_eq!(patient(|| world.membership.tagged()), [(8, 1)]);
}

#[test]
fn all_threads_are_moved_also_those_that_are_just_being_made() {
    let world = World::new();
    let mut processes = Vec::new();
    // Whoever has given up does not learn how many were moved, and has another process moved.
    wait_until("it is answered in time", || {
        let mut process = Process::new("threads");
        process.make();
        (1..20).for_each(|_| _ = process.next());
        let answer = world.membership.move_thread_group(process.pid(), Start::Any, 7);
        processes.push(process);
        if answer == Err(MembershipError::TimedOut) {
            return false;
        }
        assert_eq!(answer, Ok(Moved { threads: 21, passes: 2 }));
        true
    });
    let process = processes.last().unwrap();
    assert_eq!(moved(&world, process, 7), Moved { threads: 0, passes: 1 }, "they are there");
    for number in 0..20 {
        let mut restless = Process::new("restless");
        restless.make();
        let namespace = 100 + number;
        moved_in_the_end(&world, &restless, namespace);
        for _ in 0..5 {
            let counts = patient(|| world.membership.counts());
            let threads = |counts: &[Count]| {
                counts.iter().find(|count| count.namespace == namespace).map(|count| count.threads)
            };
            assert!(threads(&counts).is_some_and(|threads| threads > 0));
            // None was left where the process was before.
            let tasks = std::fs::read_dir(format!("/proc/{}/task", restless.pid())).unwrap().flatten();
            for task in tasks {
                let task = task.file_name().to_string_lossy().parse().unwrap();
                let found = patient(|| world.membership.of_task(task));
                let is_there = found.is_some_and(|member| member.namespace() == Some(namespace));
                assert!(is_there || has_ended(restless.pid(), task), "{task}: {found:?}");
            }
        }
        restless.kill();
        assert_eq!(world.next_emptied(), namespace);
    }
    assert_eq!(patient(|| world.membership.losses()).untagged, 0);
}

fn has_ended(process: u32, thread: u32) -> bool {
    let path = format!("/proc/{process}/task/{thread}");
    // Whoever exits is in nothing before it is off the lists.
    let until = std::time::Instant::now() + PATIENCE;
    while std::path::Path::new(&path).exists() {
        if std::time::Instant::now() > until {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn a_number_that_is_another_tasks_by_now_is_not_meant() {
    let world = World::new();
    let process = Process::new("own");
    let start = |member: Option<auditns_bpf::Member>| member.unwrap().start;
    let gone = MembershipError::NoSuchTask(process.pid());
    let membership = &world.membership;
    let as_before = |start| in_time(|| membership.move_thread_group(process.pid(), start, 7));
    assert_eq!(as_before(Start::Nanoseconds(1)), Err(gone.clone()));
    let ticks = ticks_of(process.pid());
    assert_eq!(as_before(Start::Ticks(ticks - 1)), Err(gone.clone()));
    as_before(Start::Ticks(ticks)).unwrap();
    let started = start(patient(|| membership.of_task(process.pid())));
    assert_eq!(started / 10_000_000, ticks);
    as_before(Start::Nanoseconds(started)).unwrap();
    let log_in = |start| in_time(|| membership.set_login(process.pid(), start, Some(LOGIN)));
    assert_eq!(log_in(Start::Nanoseconds(started + 1)), Err(gone));
    log_in(Start::Nanoseconds(started)).unwrap();
}

fn ticks_of(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap()
}

#[test]
fn a_login_is_one_tasks_own() {
    let world = World::new();
    let mut process = Process::new("threads");
    let thread = process.make();
    let login = |task| tag_of(&world, task).login;
    let unset = Login { loginuid: u32::MAX, sessionid: u32::MAX };
    for own in [Some(LOGIN), Some(unset), None, Some(LOGIN)] {
        patient(|| world.membership.set_login(thread, Start::Any, own));
        assert_eq!((login(thread), login(process.pid())), (own, None));
    }
    let none = Some(Login { loginuid: 0, sessionid: 0 });
    let refused = in_time(|| world.membership.set_login(thread, Start::Any, none));
    assert!(matches!(refused, Err(MembershipError::Refused(_))), "{refused:?}");
    // It is in no namespace by that.
    assert_eq!(patient(|| world.membership.counts()), []);
    assert_eq!(patient(|| world.membership.all_members(5)), [process.pid()]);
}

#[test]
fn senders_are_noted_with_their_tags() {
    let world = World::new();
    let steering = world.steering.get().unwrap();
    let (receiver, sender) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let watched = steering.attach(receiver.as_fd()).unwrap();
    // Sends a byte for each line.
    let mut child = Command::new("bash")
        .args(["-c", "exec 3<&0; while read -u 3 line; do printf x >&1; done"])
        .stdin(Stdio::piped())
        .stdout(Stdio::from(sender.try_clone().unwrap()))
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut sent = || {
        std::io::Write::write_all(&mut input, b"\n").unwrap();
        rustix::event::poll(&mut [rustix::event::PollFd::new(&receiver, rustix::event::PollFlags::IN)], None)
            .unwrap();
        let mark = watched.mark();
        rustix::io::read(&receiver, &mut [0; 1]).unwrap();
        watched.sender(mark).unwrap()
    };
    let pid = child.id();
    assert_eq!((sent().tgid, sent().tag), (pid, Tag::default()));
    patient(|| world.membership.set_login(pid, Start::Any, Some(LOGIN)));
    assert_eq!(sent().tag, Tag { namespace: None, login: Some(LOGIN) });
    let start = Start::Nanoseconds(sent().start);
    patient(|| world.membership.move_thread_group(pid, start, u64::MAX));
    assert_eq!(sent().tag, Tag { namespace: Some(u64::MAX), login: Some(LOGIN) });
    patient(|| world.membership.set_login(pid, start, None));
    assert_eq!(sent().tag, Tag { namespace: Some(u64::MAX), login: None });
    drop(input);
    child.wait().unwrap();
}

#[test]
fn tags_outlive_whoever_looks_at_tasks() {
    let store = Store::default();
    let world = World::after(&store);
    let mut process = Process::new("fork");
    moved(&world, &process, 7);
    let mut short = Process::new("own");
    moved(&world, &short, 8);
    let child = process.make();
    drop(world);
    // Nobody hears of this one's end.
    short.kill();
    let mut later = Process::new("own");
    let world = World::after(&store);
    assert_eq!(world.next_emptied(), 8, "it is said to the next one");
    assert_eq!(
        (tag_of(&world, process.pid()).namespace, tag_of(&world, child).namespace),
        (Some(7), Some(7))
    );
    assert_eq!(patient(|| world.membership.tagged()), [(7, 2)]);
    moved(&world, &later, 7);
    for _ in 0..3 {
        drop(World::after(&store));
    }
    let world = World::after(&store);
    assert_eq!(patient(|| world.membership.tagged()), [(7, 3)]);
    later.kill();
    process.end();
    assert_eq!(world.next_emptied(), 7);
    assert_eq!(patient(|| world.membership.losses()), auditns_bpf::Losses::default());
}

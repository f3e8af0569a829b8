//! Members by their filters.

use crate::process::{Process, WAYS};
use crate::world::{World, in_time, patient, wait_until};
use auditns_bpf::{Count, MembershipError, Tag};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::fd::AsFd;

fn noted(world: &World, process: &Process, namespace: u64) {
    let listener = process.listener.as_ref().unwrap().as_fd();
    patient(|| world.membership.note_listener(listener, namespace));
}

#[test]
fn however_a_task_is_made_it_is_a_member() {
    let world = World::new();
    let other = Process::filtered("own");
    noted(&world, &other, 6);
    for way in WAYS {
        let mut process = Process::filtered(way);
        noted(&world, &process, 5);
        let task = process.make();
        let member =
            patient(|| world.membership.of_task(task)).unwrap_or_else(|| panic!("{way} is in nothing"));
        assert_eq!((member.tid, member.chain, member.tag), (task, Some(5), Tag::default()), "{way}");
        assert_eq!(member.namespace(), Some(5));
    }
    assert_eq!(patient(|| world.membership.of_task(other.pid())).unwrap().chain, Some(6));
}

#[test]
fn who_has_no_such_filter_is_in_nothing() {
    let world = World::new();
    let (mut without, unknown) = (Process::new("fork"), Process::filtered("own"));
    for task in [without.make(), without.pid(), unknown.pid(), 1, std::process::id(), u32::MAX] {
        assert_eq!(patient(|| world.membership.of_task(task)), None, "{task}");
    }
    assert_eq!(patient(|| world.membership.counts()), []);
}

#[test]
fn what_was_there_before_is_a_member_and_counted() {
    let mut processes = [Process::filtered("threads"), Process::filtered("fork")];
    let tasks = processes.each_mut().map(Process::make);
    (1..20).for_each(|_| _ = processes[0].next());
    let world = World::new();
    noted(&world, &processes[0], 5);
    noted(&world, &processes[1], 5);
    // The first thread and twenty others; two processes.
    assert_eq!(patient(|| world.membership.counts()), [Count { namespace: 5, processes: 3, threads: 23 }]);
    let mut members = vec![processes[0].pid(), processes[1].pid(), tasks[1]];
    members.sort_unstable();
    assert_eq!(patient(|| world.membership.members(5, 10)), members);
    assert_eq!(patient(|| world.membership.members(5, 2)), members[..2]);
    assert_eq!(patient(|| world.membership.members(4, 10)), [0_u32; 0]);
    assert_eq!(patient(|| world.membership.all_members(10)), members);
}

#[test]
fn a_listener_is_given_up() {
    let world = World::new();
    let processes = [Process::filtered("own"), Process::filtered("own")];
    for process in &processes {
        noted(&world, process, 5);
    }
    let of =
        |process: &Process| patient(|| world.membership.of_task(process.pid())).map(|member| member.chain);
    let listener = processes[0].listener.as_ref().unwrap().as_fd();
    patient(|| world.membership.forget_listener(listener));
    assert_eq!((of(&processes[0]), of(&processes[1])), (None, Some(Some(5))));
    noted(&world, &processes[0], 6);
    patient(|| world.membership.forget(5));
    assert_eq!((of(&processes[0]), of(&processes[1])), (Some(Some(6)), None));
    // Twice is as good as once.
    patient(|| world.membership.forget(5));
}

#[test]
fn the_first_thread_of_a_process_may_be_gone() {
    let world = World::new();
    let mut process = Process::filtered("leaderless");
    noted(&world, &process, 5);
    let task = process.make();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    wait_until("the first thread has ended", || state().contains(") Z "));
    for pid in [process.pid(), task] {
        let member = patient(|| world.membership.of_task(pid)).unwrap();
        assert_eq!((member.tid, member.tgid, member.chain), (task, process.pid(), Some(5)));
    }
    assert_eq!(patient(|| world.membership.counts()), [Count { namespace: 5, processes: 1, threads: 1 }]);
}

#[test]
fn what_is_no_listener_is_refused() {
    let world = World::new();
    let event = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    // Named as the kernel names listeners, by whoever likes.
    let memory = memfd_create("seccomp notify", MemfdFlags::CLOEXEC).unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let named = std::fs::File::create(folder.path().join("seccomp notify")).unwrap();
    for fd in [event.as_fd(), memory.as_fd(), file.as_fd(), named.as_fd()] {
        let refused = in_time(|| world.membership.note_listener(fd, 5));
        assert!(matches!(refused, Err(MembershipError::Refused(_))), "{refused:?}");
    }
    assert_eq!(patient(|| world.membership.counts()), []);
}

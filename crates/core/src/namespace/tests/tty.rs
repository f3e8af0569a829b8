//! Terminal auditing: a state of processes that their children inherit.

use super::super::tty::TtyStates;
use super::request::{REQUEST, message};
use super::rig::{Member, Rig};
use crate::sender::ProcessId;
use auditns_wire::message_type::{TTY_GET, TTY_SET};
use auditns_wire::payload::{Status, TtyStatus};
use std::time::Duration;

const EINVAL: i32 = -22;

fn get(rig: &mut Rig, member: &Member) -> (u32, u32) {
    let frames = rig.send(member, &message(TTY_GET, REQUEST, 1, &[]));
    let status = TtyStatus::decode(&frames[0].body);
    (status.enabled, status.log_passwd)
}

fn set(rig: &mut Rig, member: &Member, enabled: u32, log_passwd: u32) -> i32 {
    rig.ask(member, TTY_SET, &TtyStatus { enabled, log_passwd }.encode())
}

/// A process that started now, whose parents are `line`.
fn child(rig: &mut Rig, pid: u32, line: &[Member]) -> Member {
    let mut member = rig.member(pid);
    member.sender.process = ProcessId { pid, started: rig.clock };
    rig.ancestors.insert(pid, line.iter().map(|parent| parent.sender.process).collect());
    member
}

#[test]
fn a_change_is_recorded_with_both_values() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(get(&mut rig, &member), (0, 0));
    assert_eq!(set(&mut rig, &member, 1, 1), 0);
    assert_eq!(
        rig.stored(),
        ["CONFIG_CHANGE pid=10 uid=0 auid=4294967295 ses=4294967295 op=tty_set old-enabled=0 new-enabled=1 \
          old-log_passwd=0 new-log_passwd=1 res=1"]
    );
    assert_eq!(get(&mut rig, &member), (1, 1));
}

#[test]
fn a_bad_value_changes_nothing_and_is_recorded() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for (enabled, log_passwd) in [(2, 0), (0, 2), (u32::MAX, u32::MAX)] {
        assert_eq!(set(&mut rig, &member, enabled, log_passwd), EINVAL);
    }
    let stored = rig.stored();
    assert_eq!(stored.len(), 3);
    assert!(stored[2].ends_with("new-enabled=-1 old-log_passwd=0 new-log_passwd=-1 res=0"), "{stored:?}");
    assert_eq!(get(&mut rig, &member), (0, 0));
}

#[test]
fn a_short_payload_is_filled_with_zeros_and_off_means_no_record() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(set(&mut rig, &member, 1, 1), 0);
    assert_eq!(rig.ask(&member, TTY_SET, &1u32.to_ne_bytes()), 0);
    assert_eq!(get(&mut rig, &member), (1, 0));
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(rig.ask(&member, TTY_SET, &[]), 0);
    assert_eq!((get(&mut rig, &member), rig.stored().len()), ((0, 0), 0));
}

#[test]
fn a_child_has_what_its_parent_had_when_it_was_forked() {
    let mut rig = Rig::new();
    let parent = rig.member(10);
    let before = child(&mut rig, 11, &[parent]);
    rig.advance(Duration::from_secs(1));
    set(&mut rig, &parent, 1, 0);
    rig.advance(Duration::from_secs(1));
    let after = child(&mut rig, 12, &[parent]);
    let grandchild = child(&mut rig, 13, &[after, parent]);
    rig.advance(Duration::from_secs(1));
    set(&mut rig, &parent, 1, 1);
    rig.advance(Duration::from_secs(1));
    let last = child(&mut rig, 14, &[parent]);

    assert_eq!(get(&mut rig, &before), (0, 0));
    assert_eq!(get(&mut rig, &after), (1, 0));
    assert_eq!(get(&mut rig, &grandchild), (1, 0));
    assert_eq!(get(&mut rig, &last), (1, 1));
    // A setting of its own goes before whatever the parent does.
    set(&mut rig, &after, 0, 0);
    assert_eq!(get(&mut rig, &after), (0, 0));
    assert_eq!(get(&mut rig, &grandchild), (1, 0), "forked before");
}

#[test]
fn the_line_counts_from_its_earliest_fork() {
    let mut rig = Rig::new();
    let old = rig.member(10);
    rig.advance(Duration::from_secs(1));
    let middle = child(&mut rig, 11, &[old]);
    rig.advance(Duration::from_secs(1));
    set(&mut rig, &old, 1, 0);
    rig.advance(Duration::from_secs(1));
    // Forked after the setting, but from a process that was forked before it.
    let young = child(&mut rig, 12, &[middle, old]);
    assert_eq!(get(&mut rig, &young), (0, 0));
}

#[test]
fn an_ancestor_that_is_younger_brings_nothing_of_what_came_after_the_fork() {
    let mut rig = Rig::new();
    let old = rig.member(10);
    rig.advance(Duration::from_secs(10));
    let orphan = child(&mut rig, 11, &[old]);
    rig.advance(Duration::from_secs(10));
    set(&mut rig, &old, 1, 0);
    // Adopted by a process that started later, as a subreaper may have.
    let adopter = ProcessId { pid: 12, started: rig.clock + Duration::from_secs(10) };
    rig.ancestors.insert(11, vec![adopter, old.sender.process]);
    assert_eq!(get(&mut rig, &orphan), (0, 0));
}

#[test]
fn starts_are_compared_at_the_grain_of_proc() {
    let mut rig = Rig::new();
    let parent = rig.member(10);
    let begin = rig.clock;
    rig.advance(Duration::from_millis(1007));
    set(&mut rig, &parent, 1, 0);
    // A fork at 1009 ms has 1000 ms in /proc.
    for (started, enabled) in [(1000, 1), (1010, 1), (990, 0)] {
        let mut heir = child(&mut rig, 11, &[parent]);
        heir.sender.process.started = begin + Duration::from_millis(started);
        assert_eq!(get(&mut rig, &heir), (enabled, 0), "{started} ms");
    }
}

#[test]
fn a_pid_that_comes_again_is_another_process() {
    let mut rig = Rig::new();
    let first = rig.member(10);
    set(&mut rig, &first, 1, 0);
    rig.advance(Duration::from_secs(50));
    let again = child(&mut rig, 10, &[]);
    assert_eq!(get(&mut rig, &again), (0, 0));
    assert_eq!(get(&mut rig, &first), (1, 0));
}

#[test]
fn the_table_is_bounded() {
    let mut rig = Rig::new();
    let mut member = rig.member(10);
    let count = TtyStates::PROCESSES + 100;
    for number in 0..count {
        member.sender.process =
            ProcessId { pid: 10, started: Duration::from_millis(u64::try_from(number).unwrap()) };
        assert_eq!(set(&mut rig, &member, 1, 0), 0);
    }
    assert_eq!(rig.namespace.tty.len(), TtyStates::PROCESSES);
    assert_eq!(get(&mut rig, &member), (1, 0), "the youngest is remembered");
    member.sender.process.started = Duration::ZERO;
    assert_eq!(get(&mut rig, &member), (0, 0), "the oldest is not");
}

#[test]
fn settings_of_one_process_are_bounded_and_the_last_one_counts() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for round in 0..1000 {
        set(&mut rig, &member, round % 2, 0);
        rig.advance(Duration::from_millis(20));
    }
    assert_eq!(get(&mut rig, &member), (1, 0));
    let heir = child(&mut rig, 11, &[member]);
    assert_eq!(get(&mut rig, &heir), (1, 0));
}

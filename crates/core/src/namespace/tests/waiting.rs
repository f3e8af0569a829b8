//! Senders that wait for the backlog to shrink (kernel: the end of `audit_receive`).

use super::request::{ASK, errors, message};
use super::rig::{Member, Rig};
use crate::Input;
use auditns_wire::payload::Status;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A stuck daemon, a main queue that is at its limit of 1 and a record in the daemon's hands. `wait` is in jiffies.
fn full(wait: u32) -> (Rig, Member) {
    let mut rig = Rig::new();
    let member = rig.member(20);
    rig.set(&member, &Status { mask: 0x30, backlog_limit: 1, backlog_wait_time: wait, ..Status::default() });
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    rig.set_room(daemon.endpoint, 0);
    rig.say(&member, "in hand");
    rig.say(&member, "at the limit");
    assert!(rig.paused.is_empty(), "the limit itself may be reached");
    (rig, member)
}

fn ask(rig: &mut Rig, member: &Member) -> Vec<i32> {
    errors(&rig.send(member, &message(1112, ASK, 1, b"x\0")))
}

/// Time until the next thing happens.
fn waits_until(rig: &Rig) -> Duration {
    rig.namespace.next_deadline().unwrap().saturating_sub(rig.clock)
}

#[test]
fn a_sender_over_the_limit_feels_it_in_its_acknowledgement() {
    let (mut rig, member) = full(10);
    let stored = rig.trace.len();
    assert_eq!(ask(&mut rig, &member), [] as [i32; 0]);
    assert!(rig.paused.contains(&member.endpoint));
    assert!(rig.trace.len() > stored, "the record is in the log already");
    assert_eq!(waits_until(&rig), 40 * MS);
    rig.advance(39 * MS);
    assert!(rig.paused.contains(&member.endpoint));
    rig.advance(MS);
    assert_eq!(errors(&rig.take(member.endpoint)), [0]);
    assert!(rig.paused.is_empty());
}

#[test]
fn a_sender_that_asked_for_nothing_is_not_read_from() {
    let (mut rig, member) = full(10);
    rig.say(&member, "x");
    assert!(rig.paused.contains(&member.endpoint));
    rig.advance(40 * MS);
    assert!(rig.paused.is_empty());
}

#[test]
fn no_wait_is_shorter_than_a_tick_or_longer_than_twenty_seconds() {
    for (jiffies, wait) in [(0, 4), (1, 4), (2, 8), (10, 40)] {
        let (mut rig, member) = full(jiffies);
        ask(&mut rig, &member);
        assert_eq!(waits_until(&rig), wait * MS, "{jiffies} jiffies");
    }
    let (mut rig, member) = full(150_000);
    let mut crowd: Vec<Member> = (0..200).map(|_| rig.member(20)).collect();
    crowd.push(member);
    for sender in &crowd {
        ask(&mut rig, sender);
    }
    let begin = rig.clock;
    while rig.paused.contains(&member.endpoint) {
        let deadline = rig.namespace.next_deadline().unwrap();
        let step = deadline.saturating_sub(rig.clock);
        rig.advance(step);
    }
    assert_eq!(rig.clock, begin + Duration::from_secs(20));
}

#[test]
fn a_pass_wakes_one_sender_in_order_of_arrival() {
    let (mut rig, first) = full(15000);
    let (second, third) = (rig.member(21), rig.member(22));
    for member in [&first, &second, &third] {
        ask(&mut rig, member);
    }
    assert_eq!(rig.paused.len(), 3);
    rig.advance(100 * MS);
    assert_eq!(errors(&rig.take(first.endpoint)), [0]);
    assert_eq!(rig.paused.len(), 2);
    // The next pass: five attempts for the retry queue, then one for the main queue.
    rig.advance(599 * MS);
    assert_eq!(rig.paused.len(), 2);
    rig.advance(MS);
    assert_eq!(errors(&rig.take(second.endpoint)), [0]);
    assert!(rig.paused.contains(&third.endpoint));
}

#[test]
fn a_worker_that_keeps_up_makes_nobody_wait() {
    let mut rig = Rig::with(|config| config.backlog_limit = 1);
    let member = rig.member(20);
    let many: Vec<u8> = (0..50).flat_map(|number| message(1112, ASK, number, b"x\0")).collect();
    assert_eq!(errors(&rig.send(&member, &many)).len(), 50);
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    assert_eq!(errors(&rig.send(&member, &many)).len(), 50);
    assert!(rig.paused.is_empty());
}

#[test]
fn no_limit_means_no_wait() {
    let (mut rig, member) = full(15000);
    rig.input(Input::HostSetsBacklogLimit(100));
    rig.set(&member, &Status { mask: 0x10, backlog_limit: 0, ..Status::default() });
    for _ in 0..200 {
        assert_eq!(ask(&mut rig, &member), [0]);
    }
}

#[test]
fn any_request_over_the_limit_waits_with_its_data() {
    let (mut rig, member) = full(15000);
    let other = rig.member(30);
    rig.say(&other, "over");
    let frames = rig.send(&member, &message(1000, ASK, 1, &[]));
    assert_eq!(frames, []);
    rig.advance(Duration::from_secs(30));
    let kinds: Vec<u16> = rig.take(member.endpoint).iter().map(super::request::Frame::kind).collect();
    assert_eq!(kinds, [2, 1000]);
}

#[test]
fn the_daemon_is_no_exception_but_its_answers_are() {
    let (mut rig, member) = full(15000);
    ask(&mut rig, &member);
    let daemon =
        Member { endpoint: crate::EndpointId(member.endpoint.0 + 1), sender: super::rig::process(10) };
    rig.take(daemon.endpoint);
    let frames = rig.send(&daemon, &message(1010, ASK, 1, &[]));
    assert_eq!(frames.len(), 2);
    assert!(rig.paused.contains(&daemon.endpoint));
    rig.advance(Duration::from_secs(30));
    assert!(rig.paused.is_empty());
}

#[test]
fn a_closed_endpoint_is_not_resumed() {
    let (mut rig, member) = full(10);
    ask(&mut rig, &member);
    rig.close(member.endpoint);
    rig.advance(Duration::from_secs(30));
    assert_eq!(rig.take(member.endpoint), []);
    assert_eq!(rig.namespace.next_deadline(), None);
}

#[test]
fn waits_are_not_counted_in_the_status() {
    let (mut rig, member) = full(10);
    ask(&mut rig, &member);
    rig.advance(Duration::from_secs(30));
    assert_eq!(rig.status(&member).backlog_wait_time_actual, 0);
}

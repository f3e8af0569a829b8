//! Hold, retry and main queue without a stuck daemon.

use super::rig::{Member, Rig};
use auditns_wire::payload::Status;

fn limited(backlog_limit: u32) -> (Rig, Member) {
    let mut rig = Rig::with(|config| config.backlog_limit = backlog_limit);
    let member = rig.member(20);
    (rig, member)
}

/// The numbers of the messages among records.
fn numbers(texts: &[String]) -> Vec<u32> {
    let messages = texts.iter().filter_map(|text| text.split_once("msg='"));
    messages.map(|(_, number)| number.trim_end_matches('\'').parse().unwrap()).collect()
}

fn say(rig: &mut Rig, member: &Member, numbers: std::ops::Range<u32>) {
    for number in numbers {
        rig.say(member, &number.to_string());
    }
}

#[test]
fn without_a_daemon_records_are_held_up_to_the_limit() {
    let (mut rig, member) = limited(5);
    say(&mut rig, &member, 0..8);
    assert_eq!(rig.namespace.queues.totals().0, [5, 0, 0]);
    let status = rig.status(&member);
    assert_eq!((status.lost, status.backlog), (3, 0), "backlog counts the main queue alone");
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    assert_eq!(rig.namespace.counters().delivered, 6);
    assert_eq!(rig.namespace.queues.totals(), ([0; 3], 0));
}

#[test]
fn no_limit_holds_everything() {
    let (mut rig, member) = limited(1);
    rig.set(&member, &Status { mask: 0x10, backlog_limit: 0, ..Status::default() });
    say(&mut rig, &member, 0..5000);
    assert_eq!(rig.namespace.queues.totals().0, [5001, 0, 0]);
    assert_eq!(rig.status(&member).lost, 0);
}

#[test]
fn a_lowered_limit_drops_nothing_by_itself() {
    let (mut rig, member) = limited(64);
    say(&mut rig, &member, 0..10);
    rig.set(&member, &Status { mask: 0x10, backlog_limit: 2, ..Status::default() });
    assert_eq!(rig.namespace.queues.totals().0, [10, 0, 0], "only its own record found no room");
    assert_eq!(rig.status(&member).lost, 1);
}

#[test]
fn a_daemon_reads_held_records_first_and_in_order() {
    let (mut rig, member) = limited(64);
    say(&mut rig, &member, 0..4);
    let daemon = rig.member(10);
    let mut request = super::request::set_pid(10);
    request[6] = 1;
    let texts: Vec<String> = rig.send(&daemon, &request).iter().map(super::request::Frame::text).collect();
    assert_eq!((numbers(&texts), texts.len()), (vec![0, 1, 2, 3], 5));
    assert!(texts[4].starts_with("op=set audit_pid=10"));
    say(&mut rig, &member, 4..6);
    assert_eq!(numbers(&rig.texts(daemon.endpoint)), [4, 5]);
}

#[test]
fn a_closed_socket_found_in_the_main_queue_costs_nothing() {
    let (mut rig, member) = limited(64);
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    rig.close(daemon.endpoint);
    say(&mut rig, &member, 0..3);
    assert_eq!(rig.namespace.queues.totals().0, [3, 0, 0]);
    let next = rig.member(11);
    rig.set_pid(&next, 11);
    assert_eq!(rig.status(&member).lost, 0);
    assert_eq!(rig.namespace.queues.totals().0, [0; 3]);
}

#[test]
fn a_socket_that_closes_within_the_hold_queue_keeps_the_order() {
    let (mut rig, member) = limited(64);
    say(&mut rig, &member, 0..6);
    let daemon = rig.member(10);
    rig.set_room(daemon.endpoint, 2);
    rig.set_pid(&daemon, 10);
    assert_eq!(rig.namespace.queues.totals().0, [3, 0, 1], "two sent, one in hand, the daemon's own behind");
    rig.close(daemon.endpoint);
    let next = rig.member(11);
    let mut request = super::request::set_pid(11);
    request[6] = 1;
    let texts: Vec<String> = rig.send(&next, &request).iter().map(super::request::Frame::text).collect();
    assert_eq!(numbers(&texts), [2, 3, 4, 5]);
    assert_eq!(texts.len(), 6, "and both registrations");
}

#[test]
fn records_wait_for_the_next_record_if_the_registration_left_none() {
    let (mut rig, member) = limited(64);
    say(&mut rig, &member, 0..2);
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    assert_eq!(numbers(&rig.texts(daemon.endpoint)), [] as [u32; 0]);
    rig.ask(&member, 1107, b"2\0");
    assert_eq!(numbers(&rig.texts(daemon.endpoint)), [0, 1, 2]);
}

#[test]
fn the_memory_of_all_queues_is_bounded_whatever_the_limit() {
    let mut rig = Rig::with(|config| config.queue_bytes = 4096);
    let member = rig.member(20);
    rig.set(&member, &Status { mask: 0x10, backlog_limit: 0, ..Status::default() });
    say(&mut rig, &member, 0..1000);
    let ([held, ..], bytes) = rig.namespace.queues.totals();
    assert!(held > 10 && bytes <= 4096 && bytes > 3900, "{held} records, {bytes} bytes");
    assert_eq!(rig.status(&member).lost as usize, 1001 - held);
    assert_eq!(rig.namespace.counters().records, 1001, "the host has them all");
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    // The daemon's own record found no memory and is lost, but what is held goes out all the same.
    assert_eq!(rig.namespace.queues.totals(), ([0; 3], 0));
    assert_eq!(rig.texts(daemon.endpoint).len(), 0, "taken with the answer to the registration");
    rig.say(&member, "1000");
    assert_eq!(numbers(&rig.texts(daemon.endpoint)), [1000]);
}

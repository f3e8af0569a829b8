//! A daemon whose socket is full: attempts, time, retry queue (kernel: `kauditd_send_queue`).

use super::rig::{Member, Rig};
use crate::action::{LossReason, Notice};
use auditns_wire::payload::Status;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A registered daemon whose socket is full, and a client.
fn stuck(backlog_limit: u32) -> (Rig, Member, Member) {
    let mut rig = Rig::with(|config| config.backlog_limit = backlog_limit);
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    rig.set_room(daemon.endpoint, 0);
    let member = rig.member(20);
    (rig, daemon, member)
}

fn totals(rig: &Rig) -> [usize; 3] {
    rig.namespace.queues.totals().0
}

#[test]
fn one_attempt_for_a_fresh_record_then_it_is_retried() {
    let (mut rig, daemon, member) = stuck(64);
    let before = rig.attempts;
    rig.say(&member, "0");
    assert_eq!((rig.attempts - before, totals(&rig)), (1, [0, 0, 0]), "in hand");
    assert_eq!(rig.namespace.next_deadline(), Some(rig.clock + 100 * MS));
    rig.advance(99 * MS);
    assert_eq!(totals(&rig), [0, 0, 0]);
    rig.advance(MS);
    assert_eq!((rig.attempts - before, totals(&rig)), (1, [0, 1, 0]));
    assert_eq!(rig.namespace.next_deadline(), None);
    rig.set_room(daemon.endpoint, 10);
    assert_eq!(rig.texts(daemon.endpoint), [] as [&str; 0], "nothing new, so no pass");
    rig.say(&member, "1");
    let texts = rig.texts(daemon.endpoint);
    assert!(texts[0].ends_with("msg='0'") && texts[1].ends_with("msg='1'"), "{texts:?}");
}

#[test]
fn room_in_time_ends_the_attempt_well() {
    let (mut rig, daemon, member) = stuck(64);
    rig.say(&member, "0");
    rig.advance(60 * MS);
    rig.set_room(daemon.endpoint, 1);
    assert_eq!((rig.texts(daemon.endpoint).len(), totals(&rig)), (1, [0; 3]));
    rig.say(&member, "1");
    assert_eq!(rig.namespace.next_deadline(), Some(rig.clock + 100 * MS), "a new attempt has its own time");
}

#[test]
fn a_false_alarm_does_not_prolong_the_attempt() {
    let (mut rig, daemon, member) = stuck(64);
    rig.say(&member, "0");
    let deadline = rig.namespace.next_deadline();
    for _ in 0..3 {
        rig.advance(20 * MS);
        rig.input(crate::Input::Writable { endpoint: daemon.endpoint });
        assert_eq!(rig.namespace.next_deadline(), deadline);
    }
    rig.advance(40 * MS);
    assert_eq!(totals(&rig), [0, 1, 0]);
}

#[test]
fn after_the_first_failure_the_rest_of_the_pass_is_not_tried() {
    let (mut rig, _, member) = stuck(64);
    rig.say(&member, "0");
    rig.say(&member, "1");
    rig.say(&member, "2");
    assert_eq!(totals(&rig), [0, 0, 2]);
    let before = rig.attempts;
    rig.advance(100 * MS);
    // The pass began with one record; the next one, with two, begins with the record to be retried.
    assert_eq!((rig.attempts - before, totals(&rig)), (1, [0, 0, 2]));
    rig.advance(400 * MS);
    assert_eq!(rig.attempts - before, 5, "four more for it, then the first of the main queue");
    assert_eq!(totals(&rig), [0, 0, 2]);
    rig.advance(100 * MS);
    assert_eq!(rig.attempts - before, 6);
    assert_eq!(totals(&rig), [0, 1, 1], "it waits again, the main queue's first is in hand");
    rig.advance(100 * MS);
    assert_eq!((rig.attempts - before, totals(&rig)), (6, [0, 3, 0]), "the second was not tried");
}

#[test]
fn an_old_record_has_five_attempts() {
    let mut rig = Rig::new();
    let member = rig.member(20);
    rig.say(&member, "0");
    let daemon = rig.member(10);
    rig.set_room(daemon.endpoint, 0);
    rig.set_pid(&daemon, 10);
    let before = rig.attempts;
    rig.advance(400 * MS);
    assert_eq!((rig.attempts - before, totals(&rig)), (4, [0, 0, 1]));
    rig.advance(99 * MS);
    assert_eq!(totals(&rig), [0, 0, 1]);
    rig.advance(MS);
    assert_eq!(totals(&rig), [1, 0, 0], "held again; the main queue's record is in hand");
    rig.advance(100 * MS);
    assert_eq!(totals(&rig), [1, 1, 0]);
}

#[test]
fn a_delivery_gives_the_next_record_all_its_attempts() {
    let mut rig = Rig::new();
    let member = rig.member(20);
    rig.say(&member, "0");
    rig.say(&member, "1");
    let daemon = rig.member(10);
    rig.set_room(daemon.endpoint, 0);
    rig.set_pid(&daemon, 10);
    rig.advance(450 * MS);
    rig.set_room(daemon.endpoint, 1);
    let before = rig.attempts;
    rig.advance(499 * MS);
    assert_eq!((rig.attempts - before, totals(&rig)), (4, [0, 0, 1]));
    rig.advance(MS);
    assert_eq!(totals(&rig), [1, 0, 0]);
}

#[test]
fn a_full_retry_queue_loses_records() {
    let (mut rig, _, member) = stuck(2);
    for number in 0..6 {
        let sender = Member { endpoint: rig.open(30 + number), ..member };
        rig.say(&sender, &number.to_string());
    }
    rig.advance(Duration::from_secs(10));
    assert_eq!(totals(&rig), [0, 2, 0]);
    assert_eq!(rig.namespace.counters().lost, 4);
    let lost = rig.notices().into_iter().filter(|notice| matches!(notice, Notice::Lost { .. }));
    let lost: Vec<Notice> = lost.collect();
    assert_eq!(lost.len(), 4);
    let reason = LossReason::RetryOverflow;
    assert_eq!(lost[3], Notice::Lost { reason, lost: 4, failure: 1, rate_limit: 0, backlog_limit: 2 });
}

#[test]
fn closing_while_an_attempt_waits_ends_the_registration() {
    let (mut rig, daemon, member) = stuck(64);
    rig.say(&member, "0");
    rig.say(&member, "1");
    rig.close(daemon.endpoint);
    assert_eq!(rig.status(&member).pid, 0);
    assert_eq!(totals(&rig), [2, 0, 0]);
    assert_eq!(rig.namespace.next_deadline(), None);
}

#[test]
fn a_daemon_that_leaves_while_an_attempt_waits_may_still_get_that_record() {
    let (mut rig, daemon, member) = stuck(64);
    rig.say(&member, "0");
    let second = daemon.on(rig.open(10));
    rig.set_pid(&second, 0);
    rig.set_room(daemon.endpoint, 1);
    assert!(rig.texts(daemon.endpoint)[0].ends_with("msg='0'"));
    assert_eq!(rig.status(&member).pid, 0);
    rig.set_room(daemon.endpoint, 10);
    rig.say(&member, "1");
    assert_eq!(rig.texts(daemon.endpoint), [] as [&str; 0]);
    assert_eq!(totals(&rig), [2, 0, 0]);
}

#[test]
fn a_new_registration_survives_the_failure_of_the_old_one() {
    let (mut rig, daemon, member) = stuck(64);
    rig.say(&member, "0");
    let second = daemon.on(rig.open(10));
    rig.set_pid(&second, 0);
    let next = rig.member(11);
    rig.set_pid(&next, 11);
    rig.close(daemon.endpoint);
    assert_eq!(rig.status(&member).pid, 11);
    rig.say(&member, "1");
    assert_eq!(rig.namespace.counters().lost, 0);
    assert_eq!(totals(&rig), [0; 3]);
    assert_eq!(rig.namespace.counters().delivered, rig.namespace.counters().records);
}

#[test]
fn the_status_shows_the_main_queue() {
    let (mut rig, _, member) = stuck(64);
    for number in 0..5 {
        rig.say(&member, &number.to_string());
    }
    assert_eq!(rig.status(&member).backlog, 4);
    rig.set(&member, &Status { mask: 8, ..Status::default() });
    assert_eq!(rig.status(&member).backlog, 5);
}

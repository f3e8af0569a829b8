//! `rate_limit` (kernel: `audit_rate_check`, `audit_log_lost`).

use super::request::{ASK, errors, message};
use super::rig::{Member, Rig};
use crate::action::{LossReason, Notice};
use auditns_wire::payload::Status;
use std::time::Duration;

fn limited(rate_limit: u32) -> (Rig, Member) {
    let mut rig = Rig::new();
    let member = rig.member(20);
    rig.set(&member, &Status { mask: 8, rate_limit, ..Status::default() });
    rig.stored();
    (rig, member)
}

/// Sends `count` messages and returns how many left a record.
fn flood(rig: &mut Rig, member: &Member, count: usize) -> usize {
    for _ in 0..count {
        rig.say(member, "x");
    }
    rig.stored().len()
}

#[test]
fn a_window_lets_its_limit_pass() {
    let (mut rig, member) = limited(10);
    // The tenth finds the last reset long ago and opens a window of its own.
    assert_eq!(flood(&mut rig, &member, 40), 19);
    assert_eq!(rig.status(&member).lost, 21);
    rig.advance(Duration::from_secs(1));
    assert_eq!(flood(&mut rig, &member, 40), 0, "a second must have passed, not just come");
    rig.advance(Duration::from_millis(1));
    assert_eq!(flood(&mut rig, &member, 40), 10);
    assert_eq!(rig.status(&member).lost, 21 + 40 + 30);
}

#[test]
fn one_a_second() {
    let (mut rig, member) = limited(1);
    for _ in 0..5 {
        rig.advance(Duration::from_millis(1001));
        assert_eq!(flood(&mut rig, &member, 3), 1);
    }
}

#[test]
fn what_is_dropped_is_acknowledged_and_takes_a_serial() {
    let (mut rig, member) = limited(1);
    flood(&mut rig, &member, 1);
    assert_eq!(errors(&rig.send(&member, &message(1112, ASK, 1, b"x\0"))), [0]);
    let serial = rig.namespace.serial;
    flood(&mut rig, &member, 3);
    assert_eq!(rig.namespace.serial, serial + 3);
}

#[test]
fn notices_come_once_a_second_while_there_is_a_limit() {
    let (mut rig, member) = limited(1);
    rig.say(&member, "passes");
    flood(&mut rig, &member, 100);
    let lost = |lost| {
        let reason = LossReason::RateLimit;
        Notice::Lost { reason, lost, failure: 1, rate_limit: 1, backlog_limit: 64 }
    };
    assert_eq!(rig.notices(), [lost(1)]);
    rig.advance(Duration::from_millis(1001));
    flood(&mut rig, &member, 100);
    assert_eq!(rig.notices(), [lost(1), lost(101)]);
}

#[test]
fn no_limit_lets_everything_pass() {
    let (mut rig, member) = limited(0);
    assert_eq!(flood(&mut rig, &member, 1000), 1000);
}

#[test]
fn the_host_hears_of_losses_whatever_failure_says() {
    let mut rig = Rig::with(|config| config.backlog_limit = 1);
    let member = rig.member(20);
    rig.set(&member, &Status { mask: 2, failure: 0, ..Status::default() });
    flood(&mut rig, &member, 10);
    assert_eq!((rig.status(&member).lost, rig.notices().len()), (10, 10));
}

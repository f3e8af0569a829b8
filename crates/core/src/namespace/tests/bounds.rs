//! Whatever a member sends, memory stays bounded.

use super::request::{ASK, REQUEST, errors, message, rule};
use super::rig::Rig;
use crate::rules::RuleSet;
use auditns_wire::message_type::{ADD_RULE, LIST_RULES};
use auditns_wire::rule::field;

const ENOMEM: i32 = -12;

/// A rule of its own for each number, spread over the lists.
fn numbered(number: usize) -> Vec<u8> {
    let list = [0, 1, 4, 5, 7][number % 5];
    rule(list, 2, &[(field::UID, 0x4000_0000, 100_000 + u32::try_from(number).unwrap())])
}

#[test]
fn one_rule_more_than_the_limit_is_refused() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for number in 0..RuleSet::LIMIT {
        assert_eq!(rig.ask(&member, ADD_RULE, &numbered(number)), 0, "rule {number}");
    }
    assert_eq!(rig.ask(&member, ADD_RULE, &numbered(RuleSet::LIMIT)), ENOMEM);
    assert!(rig.stored().last().unwrap().ends_with("op=add_rule key=(null) list=1 res=0"));

    // A datagram full of requests for the list gets one of this size.
    let datagram: Vec<u8> =
        (0..1000).flat_map(|sequence| message(LIST_RULES, REQUEST, sequence, &[])).collect();
    let frames = rig.send(&member, &datagram);
    assert_eq!(errors(&frames), [ENOMEM; 999]);
    assert_eq!(frames.len(), 999 + RuleSet::LIMIT + 1);
    assert_eq!(rig.ask(&member, LIST_RULES, &[]), 0);
}

#[test]
fn short_lists_may_be_asked_for_several_times_in_a_datagram() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.ask(&member, ADD_RULE, &numbered(1));
    let datagram: Vec<u8> = (0..500).flat_map(|sequence| message(LIST_RULES, ASK, sequence, &[])).collect();
    assert_eq!(errors(&rig.send(&member, &datagram)), [0; 500]);
}

#[test]
fn the_memory_limit_counts_the_record_in_the_workers_hands() {
    let mut rig = Rig::with(|config| config.queue_bytes = 20_000);
    let member = rig.member(10);
    let long = "x".repeat(5000);
    for _ in 0..3 {
        rig.say(&member, &long);
    }
    let daemon = rig.member(11);
    rig.set_room(daemon.endpoint, 0);
    rig.set_pid(&daemon, 11);
    assert!(rig.namespace.worker.bytes() > 5000, "the first of the held ones");
    for _ in 0..10 {
        rig.say(&member, &long);
        assert!(rig.namespace.queues.totals().1 + rig.namespace.worker.bytes() <= 20_000);
        rig.advance(std::time::Duration::from_millis(30));
    }
    assert!(rig.namespace.counters().lost > 0);
    rig.close(daemon.endpoint);
    assert!(rig.namespace.queues.totals().1 <= 20_000);
}

#[test]
fn a_sender_waits_at_most_once() {
    let mut rig = Rig::with(|config| config.backlog_limit = 1);
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    rig.set_room(daemon.endpoint, 0);
    let senders: Vec<_> = (0..100).map(|_| rig.member(20)).collect();
    // The rig refuses to send from a paused endpoint, so each of these is the only message of its sender.
    for sender in &senders {
        rig.send(sender, &[message(1112, ASK, 1, b"x\0"), message(1112, ASK, 2, b"x\0")].concat());
    }
    assert_eq!(rig.paused.len(), 99, "all but the first, whose record the worker took in hand");
    for sender in &senders {
        rig.close(sender.endpoint);
    }
    assert!(rig.paused.is_empty());
    rig.advance(std::time::Duration::from_secs(60));
}

#[test]
fn answers_are_held_back_up_to_a_bound_for_all_senders_together() {
    let mut rig = Rig::with(|config| config.backlog_limit = 1);
    let daemon = rig.member(10);
    for number in 0..300 {
        rig.ask(&daemon, ADD_RULE, &numbered(number));
    }
    rig.set_pid(&daemon, 10);
    rig.set_room(daemon.endpoint, 0);
    let senders: Vec<_> = (20..40).map(|pid| rig.member(pid)).collect();
    let datagram =
        [message(1112, ASK, 1, b"x\0"), message(1112, ASK, 2, b"x\0"), message(LIST_RULES, ASK, 3, &[])]
            .concat();
    let mut at_once = 0;
    for sender in &senders {
        at_once += usize::from(!rig.send(sender, &datagram).is_empty());
        assert!(rig.namespace.waiters.held() <= 1 << 20);
    }
    assert!((10..20).contains(&at_once), "{at_once}");
    assert_eq!(rig.paused.len(), 19, "whether its answers wait or not, a sender over the limit is not read");
}

//! `failure` 2: what cannot be written to the host's log is refused.

use super::request::{ASK, REQUEST, errors, message, set_pid};
use super::rig::{Member, Rig};
use auditns_wire::Errno;
use auditns_wire::payload::Status;

const ENOSPC: i32 = -28;
const EIO: i32 = -5;

fn careful() -> (Rig, Member) {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: Status::MASK_FAILURE, failure: 2, ..Status::default() });
    (rig, member)
}

fn text(flags: u16, sequence: u32) -> Vec<u8> {
    message(1112, flags, sequence, b"x\0")
}

#[test]
fn the_acknowledgement_becomes_a_refusal() {
    let (mut rig, member) = careful();
    rig.stores.push_back(Err(Errno::ENOSPC));
    let request = text(ASK, 7);
    let frames = rig.send(&member, &request);
    assert_eq!(errors(&frames), [ENOSPC]);
    assert_eq!(frames[0].body[4..], request);
    assert_eq!((frames[0].header.sequence, frames[0].header.port), (7, 10));
    assert_eq!(rig.status(&member).lost, 1);
    assert_eq!(rig.ask(&member, 1112, b"x\0"), 0, "the next one is fine");
}

#[test]
fn a_message_that_asked_for_nothing_is_refused_too() {
    let (mut rig, member) = careful();
    rig.stores.push_back(Err(Errno::EIO));
    assert_eq!(errors(&rig.send(&member, &text(REQUEST, 7))), [EIO]);
}

#[test]
fn of_several_messages_each_has_its_own_fate() {
    for failing in 0..3 {
        let (mut rig, member) = careful();
        rig.stores.extend((0..failing).map(|_| Ok(())));
        rig.stores.push_back(Err(Errno::ENOSPC));
        let datagram = [text(ASK, 0), text(ASK, 0), text(ASK, 0)].concat();
        let mut expected = [0; 3];
        expected[failing] = ENOSPC;
        assert_eq!(errors(&rig.send(&member, &datagram)), expected);
    }
}

#[test]
fn equal_sequence_numbers_are_told_apart() {
    let (mut rig, member) = careful();
    rig.stores.push_back(Err(Errno::ENOSPC));
    let frames = rig.send(&member, &[text(REQUEST, 0), text(ASK, 0)].concat());
    let echoes: Vec<(i32, u16)> =
        frames.iter().map(|frame| (frame.error().unwrap(), frame.echo().flags)).collect();
    assert_eq!(echoes, [(ENOSPC, REQUEST), (0, ASK)]);
}

#[test]
fn settings_are_acknowledged_all_the_same() {
    let (mut rig, member) = careful();
    rig.stores.push_back(Err(Errno::ENOSPC));
    assert_eq!(rig.set(&member, &Status { mask: 8, rate_limit: 0, ..Status::default() }), 0);
    assert_eq!(rig.status(&member).lost, 1);
}

/// A careful namespace whose next senders wait: a stuck daemon, a main queue at its limit.
fn crowded() -> (Rig, Member) {
    let (mut rig, member) = careful();
    let daemon = rig.member(20);
    rig.set_pid(&daemon, 20);
    rig.set_room(daemon.endpoint, 0);
    rig.set(&member, &Status { mask: Status::MASK_BACKLOG_LIMIT, backlog_limit: 1, ..Status::default() });
    rig.say(&member, "fills");
    (rig, member)
}

#[test]
fn a_held_back_acknowledgement_becomes_a_refusal() {
    let (mut rig, member) = crowded();
    rig.stores.push_back(Err(Errno::ENOSPC));
    assert_eq!(rig.send(&member, &text(ASK, 9)), [], "the sender waits");
    assert!(rig.paused.contains(&member.endpoint));
    rig.advance(std::time::Duration::from_secs(1));
    assert_eq!(errors(&rig.take(member.endpoint)), [ENOSPC]);
}

#[test]
fn equal_messages_that_wait_are_refused_one_by_one() {
    let (mut rig, member) = crowded();
    rig.stores.extend([Err(Errno::ENOSPC), Err(Errno::EIO)]);
    rig.send(&member, &[text(ASK, 0), text(ASK, 0), text(ASK, 0)].concat());
    rig.advance(std::time::Duration::from_secs(1));
    assert_eq!(errors(&rig.take(member.endpoint)), [ENOSPC, EIO, 0]);
}

#[test]
fn a_refusal_that_nobody_asked_for_waits_in_its_place() {
    for failing in 0..3 {
        let (mut rig, member) = crowded();
        rig.stores.extend((0..failing).map(|_| Ok(())));
        rig.stores.extend([Err(Errno::ENOSPC), Err(Errno::EIO)]);
        let flags = [ASK, REQUEST, REQUEST, ASK];
        let datagram = (1..).zip(flags).flat_map(|(sequence, flags)| text(flags, sequence));
        assert_eq!(rig.send(&member, &datagram.collect::<Vec<_>>()), [], "the sender waits");
        rig.advance(std::time::Duration::from_secs(1));
        let answers = rig.take(member.endpoint).into_iter();
        let answers: Vec<_> = answers.map(|frame| (frame.header.sequence, frame.error())).collect();
        let (first, second, success) = (Some(ENOSPC), Some(EIO), Some(0));
        let expected = [
            &[(1, first), (2, second), (4, success)][..],
            &[(1, success), (2, first), (3, second), (4, success)],
            &[(1, success), (3, first), (4, second)],
        ];
        assert_eq!(answers, expected[failing]);
    }
}

/// A registration's acknowledgement repeats the first message of the datagram, which may be another that is refused.
#[test]
fn a_refusal_leaves_the_acknowledgement_of_a_registration_alone() {
    let (mut rig, member) = careful();
    rig.stores.push_back(Err(Errno::ENOSPC));
    let frames = rig.send(&member, &[text(REQUEST, 5), set_pid(10)].concat());
    assert_eq!(errors(&frames), [ENOSPC, 0]);
    assert_eq!(rig.status(&member).pid, 10);
}

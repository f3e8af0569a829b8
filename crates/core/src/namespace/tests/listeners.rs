//! READLOG listeners.

use super::super::endpoints::LISTENERS;
use super::rig::{ALL, Rig};
use crate::sender::Capabilities;
use crate::socket::SocketRequest;
use auditns_wire::Errno;
use auditns_wire::address::Address;
use auditns_wire::payload::Status;

fn record(group: u32, operation: &str, result: u8) -> String {
    format!(
        "EVENT_LISTENER pid=10 uid=0 auid=4294967295 tty=(none) ses=4294967295 comm=\"auditctl\" \
         exe=\"/sbin/auditctl\" nl-mcgrp={group} op={operation} res={result}"
    )
}

#[test]
fn joining_leaving_and_closing_are_recorded() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(rig.membership(&member, 1, true), Ok(()));
    assert_eq!(rig.stored(), [record(1, "connect", 1)]);
    assert_eq!(rig.membership(&member, 1, false), Ok(()));
    assert_eq!(rig.stored(), [record(1, "disconnect", 1)]);
    assert_eq!(rig.membership(&member, 1, false), Ok(()), "leaving what one is not in succeeds");
    assert_eq!(rig.stored(), [record(1, "disconnect", 1)]);
    assert_eq!(rig.membership(&member, 1, true), Ok(()));
    rig.stored();
    rig.close(member.endpoint);
    assert_eq!(rig.stored(), [record(1, "disconnect", 1)]);
    rig.close(member.endpoint);
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn closing_a_socket_that_never_joined_leaves_no_record() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.close(member.endpoint);
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn joining_needs_the_capability_and_leaving_does_not() {
    let mut rig = Rig::new();
    let member = rig.member(10).with(Capabilities { read: false, ..ALL });
    assert_eq!(rig.membership(&member, 1, true), Err(Errno::EPERM));
    assert_eq!(rig.membership(&member, 32, true), Err(Errno::EPERM));
    assert_eq!(rig.membership(&member, 1, false), Ok(()));
    assert_eq!(rig.stored(), [record(1, "connect", 0), record(32, "connect", 0), record(1, "disconnect", 1)]);
    rig.say(&member, "x");
    assert_eq!(rig.take(member.endpoint), []);
}

#[test]
fn while_auditing_is_off_nothing_is_recorded() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(rig.membership(&member, 1, true), Ok(()));
    rig.close(member.endpoint);
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn every_listener_gets_every_record_with_its_full_length() {
    let mut rig = Rig::new();
    let (one, two, other) = (rig.member(10), rig.member(11), rig.member(12));
    rig.membership(&one, 1, true).unwrap();
    rig.membership(&two, 1, true).unwrap();
    rig.membership(&other, 2, true).unwrap();
    rig.membership(&other, 1, false).unwrap();
    for member in [one, two, other] {
        rig.take(member.endpoint);
    }
    rig.say(&other, "hello");
    for member in [one, two] {
        let frames = rig.take(member.endpoint);
        assert_eq!(frames.len(), 1);
        let header = frames[0].header;
        assert_eq!((header.message_type, header.flags, header.sequence, header.port), (1112, 0, 0, 0));
        assert_eq!(header.length as usize, frames[0].body.len() + 16);
        assert!(frames[0].text().ends_with("msg='hello'"));
    }
    assert_eq!(rig.take(other.endpoint), [], "only group 1 carries records");
    rig.membership(&one, 1, false).unwrap();
    rig.take(one.endpoint);
    rig.say(&other, "again");
    assert_eq!((rig.take(one.endpoint).len(), rig.texts(two.endpoint).len()), (0, 2));
}

#[test]
fn listeners_wait_with_a_stuck_daemon() {
    let mut rig = Rig::new();
    let (daemon, listener, sender) = (rig.member(10), rig.member(11), rig.member(12));
    rig.set_pid(&daemon, 10);
    rig.membership(&listener, 1, true).unwrap();
    rig.set_room(daemon.endpoint, 0);
    rig.texts(listener.endpoint);
    rig.say(&sender, "one");
    rig.say(&sender, "two");
    assert_eq!(rig.texts(listener.endpoint).len(), 1, "the copy leaves before the attempt");
    // As in the kernel: 100 ms for this attempt, then five of them for the same record again.
    rig.advance(std::time::Duration::from_millis(599));
    assert_eq!(rig.texts(listener.endpoint).len(), 0);
    rig.advance(std::time::Duration::from_millis(1));
    assert_eq!(rig.texts(listener.endpoint).len(), 1);
}

#[test]
fn the_number_of_listeners_is_bounded() {
    let mut rig = Rig::new();
    let members: Vec<_> = (0..LISTENERS).map(|_| rig.member(10)).collect();
    for member in &members {
        assert_eq!(rig.membership(member, 1, true), Ok(()));
    }
    let late = rig.member(10);
    rig.stored();
    assert_eq!(rig.membership(&late, 1, true), Err(Errno::ENOMEM));
    assert_eq!(rig.stored(), [record(1, "connect", 0)]);
    assert_eq!(rig.membership(&late, 2, true), Ok(()), "other groups cost nothing");
    assert_eq!(rig.membership(&members[3], 1, true), Ok(()), "one that is in may ask again");
    rig.close(members[0].endpoint);
    assert_eq!(rig.membership(&late, 1, true), Ok(()));
}

#[test]
fn a_member_that_is_not_bound_gets_nothing() {
    let mut rig = Rig::new();
    let (listener, sender) = (rig.member(10), rig.member(11));
    let mut unbound = listener;
    unbound.endpoint = rig.open(10);
    rig.join_unbound(&unbound);
    rig.say(&sender, "one");
    assert_eq!(rig.take(unbound.endpoint), []);
    rig.request(&unbound, SocketRequest::Connect { address: &Address::default().encode() }).unwrap();
    rig.say(&sender, "two");
    assert_eq!(rig.texts(unbound.endpoint).len(), 1);
}

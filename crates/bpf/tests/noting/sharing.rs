//! Senders that share a socket: an identity that is given is the right one, whatever the order of messages.

use crate::world::{Connection, Said, ends_well, pair};
use auditns_bpf::{Identity, Steering};
use rustix::io::{read, write};
use std::os::fd::AsFd;

const MESSAGES: u32 = 100_000;

/// How many of the messages had an identity. Fails if one is wrong.
fn certain(connection: &Connection, messages: u32, mut after: impl FnMut(u32)) -> u32 {
    let mut certain = 0;
    for number in 0..messages {
        let (said, noted) = connection.receive();
        if let Some(noted) = noted {
            assert_eq!(as_said(noted, said.loginuid), said, "message {number}: {noted:?}");
            certain += 1;
        }
        after(number);
    }
    certain
}

/// Messages of threads do not say the login uid.
fn as_said(noted: Identity, loginuid: u32) -> Said {
    let loginuid = if loginuid == u32::MAX { u32::MAX } else { noted.loginuid };
    Said { pid: noted.tgid, uid: noted.uid, euid: noted.euid, loginuid }
}

#[test]
fn two_processes_at_once() {
    let connection = Connection::new();
    let half = format!("bursts={}", MESSAGES / 2);
    let children = [
        connection.start(&["loginuid=1001", "uid=1", &half]),
        connection.start(&["loginuid=1002", "uid=2", &half]),
    ];
    let certain = certain(&connection, MESSAGES, |_| {});
    println!("{certain} of {MESSAGES} were certain");
    assert!(certain > 0);
    children.into_iter().for_each(ends_well);
}

#[test]
fn a_process_whose_user_changes() {
    let connection = Connection::new();
    let child = connection.start(&[&format!("changing={MESSAGES}")]);
    let certain = certain(&connection, MESSAGES, |_| {});
    println!("{certain} of {MESSAGES} were certain");
    assert!(certain > 0);
    ends_well(child);
}

#[test]
fn threads_with_different_users() {
    let connection = Connection::new();
    let child = connection.start(&[&format!("threads={MESSAGES}")]);
    let certain = certain(&connection, MESSAGES, |_| {});
    println!("{certain} of {MESSAGES} were certain");
    assert!(certain > 0);
    ends_well(child);
}

#[test]
fn one_process_that_waits_for_no_answer_is_always_certain() {
    let connection = Connection::new();
    let child = connection.start(&["uid=3", "send=5000"]);
    assert_eq!(certain(&connection, 5000, |_| {}), 5000);
    ends_well(child);
}

#[test]
fn one_process_that_waits_for_answers_is_always_certain() {
    let connection = Connection::new();
    let child = connection.start(&["uid=4", "answered=2000"]);
    let certain = certain(&connection, 2000, |_| connection.answer());
    assert_eq!(certain, 2000);
    ends_well(child);
}

#[test]
fn messages_from_before_are_nobodys() {
    let steering = Steering::load(1).unwrap();
    let (receiver, sender) = pair();
    let send = || write(&sender, &[0; 16]).unwrap();
    send();
    let watched = steering.attach(receiver.as_fd()).unwrap();
    let connection = Connection { steering, watched, receiver, sender: sender.try_clone().unwrap() };
    send();
    assert_eq!(connection.receive().1, None, "sent before");
    assert_eq!(connection.receive().1, None, "sent beside it");
    send();
    assert_eq!(connection.receive().1.unwrap().tgid, std::process::id());
}

#[test]
fn who_sends_next_is_not_taken_for_who_sent() {
    let connection = Connection::new();
    write(&connection.sender, &[0; 16]).unwrap();
    let mark = connection.watched.mark();
    read(&connection.receiver, &mut [0; 16]).unwrap();
    // Alone, and so noted, before anybody asks whose the first one was.
    let child = connection.start(&["send=1"]);
    let pid = child.id();
    ends_well(child);
    assert_eq!(connection.watched.sender(mark), None);
    assert_eq!(connection.receive().1.unwrap().tgid, pid);
}

#[test]
fn a_change_on_the_way_is_in_doubt_until_it_is_over() {
    let connection = Connection::new();
    let own = std::process::id();
    let pid_of = |noted: Option<Identity>| noted.map(|noted| noted.tgid);
    let send = || write(&connection.sender, &[0; 16]).unwrap();

    send();
    assert_eq!(pid_of(connection.receive().1), Some(own));
    send();
    let child = connection.start(&["send=1"]);
    ends_well(child);
    // Both are queued, and nobody can tell by the slot which is which.
    assert_eq!(connection.receive().1, None);
    assert_eq!(connection.receive().1, None);
    send();
    assert_eq!(pid_of(connection.receive().1), Some(own));
}

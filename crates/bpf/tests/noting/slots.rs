//! Attaching: bounds, sockets that are attached again, processes that take over.

use crate::world::{Connection, ends_well, pair};
use auditns_bpf::{AttachError, SLOTS_MAX, Steering};
use rustix::io::write;
use std::fs::File;
use std::os::fd::AsFd;

#[test]
fn slots_run_out_and_come_back() {
    let steering = Steering::load(1).unwrap();
    let mut kept = Vec::new();
    // Cookies rise by one, so nearly all slots are found before a socket finds none.
    let refused = loop {
        let (receiver, sender) = pair();
        match steering.attach(receiver.as_fd()) {
            Ok(watched) => kept.push((watched, receiver, sender)),
            Err(error) => break error,
        }
    };
    let most = steering.slots();
    assert!(matches!(refused, AttachError::NoSlot { slots, .. } if slots == most), "{refused}");
    assert!(kept.len() > most as usize / 2 && kept.len() <= most as usize, "{} of {most}", kept.len());
    kept.clear();
    let (receiver, _sender) = pair();
    steering.attach(receiver.as_fd()).unwrap();
}

#[test]
fn there_are_two_slots_for_a_connection_up_to_the_most() {
    assert_eq!(Steering::load(0).unwrap().slots(), 64);
    assert_eq!(Steering::load(100).unwrap().slots(), 256);
    assert_eq!(Steering::load(u32::MAX).unwrap().slots(), SLOTS_MAX);
}

#[test]
fn a_socket_is_attached_once_at_a_time() {
    let connection = Connection::new();
    let again = connection.steering.attach(connection.receiver.as_fd());
    assert!(matches!(again, Err(AttachError::Watched { .. })));
    let Connection { steering, watched, receiver, sender } = connection;
    drop(watched);
    let watched = steering.attach(receiver.as_fd()).unwrap();
    assert_eq!(watched.cpu(), None, "nothing is left of before");
    write(&sender, b"x").unwrap();
    assert!(watched.cpu().is_some());
}

#[test]
fn what_is_no_socket_is_refused() {
    let steering = Steering::load(1).unwrap();
    let file = File::open("/dev/null").unwrap();
    assert!(matches!(steering.attach(file.as_fd()), Err(AttachError::Cookie(_))));
}

/// As a supervisor does that takes sockets over, with messages on the way that the program before it has seen.
#[test]
fn another_program_takes_over() {
    let before = Connection::new();
    ends_well(before.start(&["uid=5", "send=2"]));
    let steering = Steering::load(1).unwrap();
    let watched = steering.attach(before.receiver.as_fd()).unwrap();
    drop((before.steering, before.watched));
    let after = Connection { steering, watched, receiver: before.receiver, sender: before.sender };
    let child = after.start(&["uid=6", "send=1"]);
    let pid = child.id();
    ends_well(child);
    for _ in 0..3 {
        assert_eq!(after.receive().1, None);
    }
    let child = after.start(&["uid=7", "send=1"]);
    assert_ne!(child.id(), pid);
    let noted = after.receive().1.unwrap();
    assert_eq!((noted.tgid, noted.uid), (child.id(), 7));
    ends_well(child);
}

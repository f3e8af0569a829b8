use super::{CallSlot, Inbox, Mark, SharedMemory};
use crate::endpoint::{Received, Sent, SentBy};
use crate::testing::eventually;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

const LENGTH: usize = 1 << 20;

fn pair() -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    sockopt::set_socket_passcred(&other, true).unwrap();
    (one, other)
}

#[test]
fn memory_is_shared_with_whoever_opens_it_and_its_bounds_hold() {
    let memory = SharedMemory::create("test", LENGTH).unwrap();
    let other = SharedMemory::open(memory.as_fd().try_clone_to_owned().unwrap(), LENGTH).unwrap();
    assert!(memory.write(LENGTH - 3, b"abc"));
    let mut bytes = [0; 3];
    assert!(other.read(LENGTH - 3, &mut bytes));
    assert_eq!(&bytes, b"abc");
    assert!(!memory.write(LENGTH - 2, b"abc") && !memory.read(usize::MAX, &mut bytes));
    memory.word(8).unwrap().store(7, Ordering::Release);
    assert_eq!(other.word(8).unwrap().load(Ordering::Acquire), 7);
    assert!(memory.word(LENGTH).is_none() && memory.word(4).is_none());
    memory.discard(0, 4096).unwrap();
    assert_eq!(other.word(8).unwrap().load(Ordering::Acquire), 0);
    let fd = memory.as_fd().try_clone_to_owned().unwrap();
    assert!(SharedMemory::open(fd, LENGTH / 2).is_err());
    assert!(rustix::fs::ftruncate(&memory, 0).is_err(), "nobody can make it shorter");
}

#[test]
fn a_mark_is_set_by_what_was_sent_alone() {
    let memory = SharedMemory::create("test", LENGTH).unwrap();
    let mark = Mark::new(&memory, 64).unwrap();
    let (one, other) = pair();
    mark.clear();
    assert!(!mark.is_set());
    assert_eq!(mark.send(&one, b"x", SentBy::Supervisor).unwrap(), Sent::Sent);
    assert!(mark.is_set());
    while mark.send(&one, &[0; 4096], SentBy::Supervisor).unwrap() == Sent::Sent {
        assert!(mark.is_set());
    }
    assert!(!mark.is_set(), "the queue is full");
    drop(other);
    // A test that forks at this moment holds a copy for a while.
    eventually("end", || mark.send(&one, b"x", SentBy::Supervisor).unwrap() == Sent::Closed);
    assert!(!mark.is_set());
    assert!(Mark::new(&memory, LENGTH - 8).is_none() && Mark::new(&memory, 4).is_none());
}

#[test]
fn an_inbox_holds_what_was_received_and_who_sent_it() {
    let memory = SharedMemory::create("test", LENGTH).unwrap();
    let inbox = Inbox::new(&memory, 128, 16).unwrap();
    let (one, other) = pair();
    inbox.clear();
    assert_eq!(inbox.message(), None);
    assert!(matches!(inbox.receive(&other).unwrap(), Received::WouldBlock));
    assert_eq!(inbox.message(), None);
    rustix::io::write(&one, b"twenty bytes of text").unwrap();
    let Received::Message { length: 20, truncated: true, credentials } = inbox.receive(&other).unwrap()
    else {
        panic!("not received")
    };
    assert_eq!(credentials.pid, std::process::id());
    assert_eq!(inbox.message(), Some((20, credentials)));
    let mut bytes = [0; 16];
    assert!(inbox.read(&mut bytes));
    assert_eq!(&bytes, b"twenty bytes of ");
    rustix::io::write(&one, b"").unwrap();
    assert!(matches!(inbox.receive(&other).unwrap(), Received::Message { length: 0, .. }));
    assert_eq!(inbox.message().map(|(length, _)| length), Some(0));
    drop(one);
    // As above.
    eventually("end", || matches!(inbox.receive(&other).unwrap(), Received::Closed));
    assert_eq!(inbox.message(), None);
}

#[test]
fn a_slot_keeps_a_call_until_it_is_cleared() {
    let memory = SharedMemory::create("test", LENGTH).unwrap();
    let slot = CallSlot::new(&memory, 0).unwrap();
    assert_eq!(slot.call(), None);
    memory.write(0, &77_u64.to_ne_bytes());
    memory.write(8, &5_u32.to_ne_bytes());
    memory.write(16, &41_u32.to_ne_bytes());
    memory.write(72, &9_u64.to_ne_bytes());
    let call = slot.call().unwrap();
    assert_eq!((call.id, call.tid, call.data.number, call.data.arguments[5]), (77, 5, 41, 9));
    slot.clear();
    assert_eq!(slot.call(), None);
}

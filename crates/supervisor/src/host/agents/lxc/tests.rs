use super::*;
use crate::host::tests::World;
use crate::testing::{Background, ORDINARY, eventually};
use auditns_sys::arch::Architecture::X86_64;
use auditns_sys::listener::{Answerer, Response};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, recv, sendmsg, socket_with, socketpair,
};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::path::Path;

const NETLINK: [u64; 2] = [16, 9];
const PROTONOSUPPORT: i32 = -93;

/// A message with a call of this process: `socket(2)` of a family and protocol.
fn message(id: u64, init: u32, [family, protocol]: [u64; 2]) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    for number in [std::process::id(), init] {
        bytes.extend_from_slice(&number.to_ne_bytes());
    }
    for length in [80_u16, 24, 64, 0] {
        bytes.extend_from_slice(&length.to_ne_bytes());
    }
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&id.to_ne_bytes());
    bytes.extend_from_slice(&std::process::id().to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&X86_64.calls().socket.to_ne_bytes());
    bytes.extend_from_slice(&X86_64.audit_value().to_ne_bytes());
    for word in [0, family, 3, protocol, 0, 0, 0] {
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    bytes.resize(32 + 80 + 24, 0);
    bytes
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn monitor_at(path: &Path) -> OwnedFd {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    socket
}

fn tell(monitor: &OwnedFd, message: &[u8], descriptors: usize) {
    let file = File::open("/dev/null").unwrap();
    let given = vec![file.as_fd(); descriptors];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if descriptors > 0 {
        assert!(control.push(SendAncillaryMessage::ScmRights(&given)));
    }
    sendmsg(monitor, &[IoSlice::new(message)], &mut control, SendFlags::NOSIGNAL).unwrap();
}

/// The error and the flags of the next answer.
fn answered(monitor: &OwnedFd, id: u64) -> (i32, u32) {
    let mut bytes = [0; 200];
    let (length, _) = recv(monitor, &mut bytes, RecvFlags::empty()).unwrap();
    assert_eq!(length, 136, "an answer is as long as LXC wants it");
    assert_eq!(bytes[112..120], id.to_ne_bytes());
    let word = |at: usize| *bytes[at..].first_chunk().unwrap();
    (i32::from_ne_bytes(word(128)), u32::from_ne_bytes(word(132)))
}

fn pending(connection: &Arc<Connection>) -> Arc<Pending> {
    let message = connection.next(false).unwrap().unwrap();
    let frame = Frame::parse(&message.bytes).unwrap();
    let call = Notification::from_noted(frame.call()).unwrap();
    Pending::new(Arc::clone(connection), frame, call)
}

#[test]
fn a_message_stays_until_it_is_answered_with_its_descriptors() {
    let (monitor, own) = pair();
    let connection = Connection::new(own);
    let bytes = message(5, 1, NETLINK);
    tell(&monitor, &bytes, 5);
    tell(&monitor, &message(6, 1, NETLINK), 0);
    for with_descriptors in [true, true, false] {
        let found = connection.next(with_descriptors).unwrap().unwrap();
        assert_eq!(found.bytes, bytes);
        let expected = if with_descriptors { 3 } else { 0 };
        assert_eq!(found.descriptors.len(), expected, "more than three are left out");
    }
    connection.answer(b"answer").unwrap();
    let next = connection.next(true).unwrap().unwrap();
    assert!(next.bytes != bytes && next.descriptors.is_empty());
    drop(monitor);
    // What a monitor has left behind is answered by an error.
    eventually("an error", || {
        connection.next(true).unwrap();
        connection.answer(b"answer").is_err()
    });
    assert!(connection.next(true).unwrap().is_none());
}

#[test]
fn a_message_longer_than_any_is_not_taken() {
    let (monitor, own) = pair();
    tell(&monitor, &vec![0; Frame::LENGTH_MAX + 1], 0);
    let error = Connection::new(own).next(true).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MSGSIZE.raw_os_error()));
}

#[test]
fn a_call_is_answered_once_and_refused_when_nobody_will() {
    let (monitor, own) = pair();
    let connection = Arc::new(Connection::new(own));
    let response = |id| Response { id, value: 7, error: 0, flags: 0 };
    tell(&monitor, &message(5, 1, NETLINK), 0);
    let call = pending(&connection);
    let answerer = Box::new(call.answerer());
    let listener = Listener::proxied(File::open("/dev/null").unwrap().into(), answerer);
    assert!(listener.answer_value(6, 7).is_err(), "that is another call");
    assert!(!call.wait(Duration::ZERO));
    listener.answer_value(5, 7).unwrap();
    assert!(call.wait(Duration::ZERO) && listener.answer_value(5, 7).is_err());
    drop(listener);
    call.refuse();
    assert_eq!(answered(&monitor, 5), (0, 0));
    // The next one is answered by nobody: by whoever drops it, or when the time is over.
    for (id, asks, refused) in [(6, NETLINK, (PROTONOSUPPORT, 0)), (7, [2, 0], (0, 1))] {
        tell(&monitor, &message(id, 1, asks), 0);
        let call = pending(&connection);
        drop(call.answerer());
        assert!(call.wait(Duration::ZERO));
        assert_eq!(answered(&monitor, id), refused);
    }
    tell(&monitor, &message(8, 1, NETLINK), 0);
    let call = pending(&connection);
    let answerer = call.answerer();
    call.refuse();
    assert_eq!(answered(&monitor, 8), (PROTONOSUPPORT, 0));
    assert!(answerer.answer(response(8)).is_err(), "it comes too late");
}

#[test]
fn monitors_of_users_and_of_other_pid_namespaces_are_told_that_there_is_no_audit() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
    let host = world.host(folder.path());
    let agents = Agents::new(Arc::clone(&host.shared));
    let own = std::process::id();
    let user = Peer { uid: ORDINARY, gid: 1, pid: own, login: (0, 0) };
    let gone = Background::new(&["sleep", "60"]).end();
    let elsewhere = Peer { uid: 0, gid: 0, pid: gone, login: (0, 0) };
    for (peer, distrust) in [(user, Distrust::User(ORDINARY)), (elsewhere, Distrust::Elsewhere(gone))] {
        let (monitor, socket) = pair();
        tell(&monitor, &message(5, own, NETLINK), 3);
        std::thread::scope(|scope| {
            scope.spawn(|| converse(&agents, socket, peer));
            assert_eq!(answered(&monitor, 5), (PROTONOSUPPORT, 0));
            tell(&monitor, &message(6, own, [2, 0]), 3);
            assert_eq!(answered(&monitor, 6), (0, 1));
            drop(monitor);
        });
        let said = world.said();
        assert!(said.len() == 1 && said[0].contains(&distrust.to_string()), "{said:?}");
    }
    assert_eq!(host.namespaces(), 0);
}

#[test]
fn what_cannot_be_served_is_answered_and_what_is_no_message_ends_the_connection() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
    let host = world.host(folder.path());
    let monitor = monitor_at(&folder.path().join("lxc"));
    let gone = Background::new(&["sleep", "60"]).end();
    for (id, init, descriptors, said) in [
        (5, std::process::id(), 2, "sent no listener"),
        (6, std::process::id(), 3, "descriptor"),
        (7, gone, 3, "descriptor"),
    ] {
        tell(&monitor, &message(id, init, NETLINK), descriptors);
        assert_eq!(answered(&monitor, id), (PROTONOSUPPORT, 0));
        tell(&monitor, &message(id + 10, init, [2, 0]), descriptors);
        assert_eq!(answered(&monitor, id + 10), (0, 1));
        let heard = world.said();
        assert!(heard.iter().all(|line| line.to_lowercase().contains(said)), "{heard:?}");
        assert!(heard.len() <= 1, "the same is said once: {heard:?}");
    }
    assert!(world.kept().contains(&"x0".to_owned()), "{:?}", world.kept());
    tell(&monitor, b"junk", 0);
    let end = recv(&monitor, &mut [0], RecvFlags::empty()).unwrap_err();
    assert_eq!(end, rustix::io::Errno::CONNRESET, "there is no answer to it");
    assert_eq!(host.namespaces(), 0);
    while world.kept().contains(&"x0".to_owned()) {
        std::thread::yield_now();
    }
}

#[test]
fn a_supervisor_answers_what_came_to_the_one_before() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
    let (monitor, socket) = pair();
    tell(&monitor, &message(5, std::process::id(), NETLINK), 0);
    {
        let dead = Connection::new(socket.try_clone().unwrap());
        assert!(dead.next(true).unwrap().is_some());
    }
    world.keep("xa", &socket);
    drop(socket);
    let host = world.host(folder.path());
    assert_eq!(answered(&monitor, 5), (PROTONOSUPPORT, 0));
    let next = monitor_at(&folder.path().join("lxc"));
    tell(&next, &message(6, std::process::id(), NETLINK), 0);
    assert_eq!(answered(&next, 6), (PROTONOSUPPORT, 0));
    assert_eq!(world.kept(), ["xa", "xb"], "no name is given twice");
    drop((monitor, next));
    while !world.kept().is_empty() {
        std::thread::yield_now();
    }
    drop(host);
}

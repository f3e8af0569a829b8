//! A watched connection and programs that send on it.

use auditns_bpf::{Identity, Steering, Watched};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Longer than any step takes on a busy machine.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

pub(crate) struct Connection {
    pub(crate) steering: Steering,
    pub(crate) watched: Watched,
    pub(crate) receiver: OwnedFd,
    pub(crate) sender: OwnedFd,
}

/// What a message says of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) euid: u32,
    pub(crate) loginuid: u32,
}

impl Connection {
    pub(crate) fn new() -> Connection {
        let steering = Steering::load(64).unwrap();
        let (receiver, sender) = pair();
        let watched = steering.attach(receiver.as_fd()).unwrap();
        Connection { steering, watched, receiver, sender }
    }

    /// Starts a program that sends.
    pub(crate) fn start(&self, steps: &[&str]) -> Child {
        let socket = self.sender.try_clone().unwrap();
        Command::new(program()).args(steps).stdin(Stdio::from(socket)).spawn().unwrap()
    }

    /// Receives a message. What it says, and what was noted.
    pub(crate) fn receive(&self) -> (Said, Option<Identity>) {
        assert!(self.readable(&PATIENCE), "no message came");
        let mark = self.watched.mark();
        let mut message = [0; 16];
        assert_eq!(read(&self.receiver, &mut message).unwrap(), 16);
        let noted = self.watched.sender(mark);
        let number = |at: usize| u32::from_ne_bytes(message[at..at + 4].try_into().unwrap());
        (Said { pid: number(0), uid: number(4), euid: number(8), loginuid: number(12) }, noted)
    }

    pub(crate) fn readable(&self, within: &Timespec) -> bool {
        poll(&mut [PollFd::new(&self.receiver, PollFlags::IN)], Some(within)).unwrap() == 1
    }

    /// Answers whoever waits.
    pub(crate) fn answer(&self) {
        write(&self.receiver, &[0; 16]).unwrap();
    }
}

pub(crate) fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

/// The example program, which is built with the tests.
pub(crate) fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples/sender");
    assert!(program.exists(), "build the examples: cargo build -p auditns-bpf --examples");
    program
}

pub(crate) fn ends_well(mut child: Child) {
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

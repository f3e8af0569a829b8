use super::*;
use crate::log::Place;
use crate::testing::{self, Background};
use crate::time::now;
use auditns_core::{Action, Answers, EndpointId, Family, Input};
use auditns_sys::{Received, Sent, SentBy};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use std::os::fd::OwnedFd;
use std::path::Path;

mod going_on;

const ENDPOINT: EndpointId = EndpointId(17);
const ROOT: u64 = 1;

fn family() -> Family {
    testing::family(testing::config())
}

fn frame() -> Frame {
    testing::frame(Path::new("/"))
}

/// A user message of this process, and its sender.
fn sender() -> auditns_core::Sender {
    let pid = std::process::id();
    let owner = crate::identity::Owner::of_first_opener(pid, 0).unwrap();
    let mut resolver = crate::identity::Resolver::new(1);
    let opener = resolver.learn(pid, &owner).unwrap();
    resolver.sender(auditns_sys::Credentials { pid, uid: 0, gid: 0 }, &opener, &owner)
}

fn user_message() -> Vec<u8> {
    let text = b"op=test\0";
    let length = u32::try_from(16 + text.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(1100_u16.to_ne_bytes());
    bytes.extend(5_u16.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(text);
    bytes
}

fn pair() -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    sockopt::set_socket_passcred(&one, true).unwrap();
    (one, other)
}

struct Rig {
    state: State,
    journal: Journal,
    family: Family,
}

impl Rig {
    fn new() -> Rig {
        let state = State::create().unwrap();
        let journal = state.new_journal();
        let family = family();
        journal.snapshot(&(&family, frame())).unwrap();
        Rig { state, journal, family }
    }

    fn feed(&mut self, input: Input<'_>) {
        let now = now();
        self.journal.note(&Entry::Input(&input, now));
        self.family.handle(ROOT, input, now);
    }

    fn take(&mut self) -> Option<Action> {
        let action = self.family.poll_action().map(|(_, action)| action);
        if action.is_some() {
            self.journal.take_up();
        } else {
            self.journal.all_done();
        }
        action
    }

    /// What the next process finds, and that it is where this one was.
    fn found(&self) -> (Kept, Replayed) {
        let (_, kept) = self.state.left().unwrap();
        let (mut family, replayed) = replay(&kept).unwrap();
        let bytes = |family: &Family| postcard::to_stdvec(family).unwrap();
        assert_eq!(bytes(&family), bytes(&self.family));
        // It has the same to do.
        let _ = family.poll_action();
        (kept, replayed)
    }
}

#[test]
fn at_every_step_the_next_process_is_where_this_one_was() {
    let mut rig = Rig::new();
    let sender = sender();
    let answers = Answers::default();
    let bytes = user_message();
    for round in 0..20 {
        let endpoint = EndpointId(ENDPOINT.0 + round);
        rig.feed(Input::EndpointOpened { endpoint, kind: 3, pid: 1 });
        rig.found();
        rig.feed(Input::Datagram { endpoint, sender: &sender, bytes: &bytes, answers: &answers });
        rig.found();
        while let Some(action) = rig.take() {
            let (_, replayed) = rig.found();
            assert_eq!(replayed.doubt.unwrap().action, action);
        }
        assert!(rig.found().1.doubt.is_none());
        rig.feed(Input::EndpointClosed { endpoint });
        if round % 5 == 4 {
            while rig.take().is_some() {}
            rig.journal.snapshot(&(&rig.family, frame())).unwrap();
            rig.found();
        }
    }
    assert_eq!(rig.family.root().counters().records, 20);
    rig.feed(Input::Ended);
    assert!(rig.found().1.ended);
}

/// Kilobytes that the memory of a state takes.
fn kilobytes(rig: &Rig) -> i64 {
    rustix::fs::fstat(&rig.state.memory).unwrap().st_blocks / 2
}

#[test]
fn a_busy_namespace_keeps_some_memory_of_the_journal_before_and_one_that_rests_none() {
    let mut rig = Rig::new();
    assert!(!rig.journal.has_spare(), "there was none before");
    let fill = |rig: &mut Rig, bytes: usize| {
        let (sender, answers, message) = (sender(), Answers::default(), vec![b'x'; 8000]);
        for _ in 0..bytes / message.len() {
            let input =
                Input::Datagram { endpoint: ENDPOINT, sender: &sender, bytes: &message, answers: &answers };
            rig.journal.note(&Entry::Input(&input, now()));
        }
        rig.journal.snapshot(&(&rig.family, frame())).unwrap();
    };
    let new = kilobytes(&rig);
    fill(&mut rig, 256 << 10);
    let busy = kilobytes(&rig);
    assert!(busy > new + 200 && rig.journal.has_spare());
    rig.journal.give_back();
    assert!(kilobytes(&rig) < new + 100 && !rig.journal.has_spare());
    fill(&mut rig, 16 << 20);
    fill(&mut rig, 16 << 20);
    assert!(kilobytes(&rig) < new + 2 * 600, "no more stays than is needed again");
    assert_eq!(rig.found().0.entries.len(), 0, "what holds is all there");
}

#[test]
fn what_is_written_and_the_write_in_doubt_are_known_until_the_next_snapshot() {
    let rig = Rig::new();
    assert_eq!((rig.found().1.write, rig.found().1.written), (None, [None; 2]));
    let place = Place { inode: 5, length: 7 };
    for log in [Log::Host, Log::Inside] {
        for last in [1, 0, u32::MAX] {
            let write = Write { nested: None, log, last, place };
            rig.journal.begin_write(write);
            assert_eq!(rig.found().1.write, Some(write));
            rig.journal.note_written(log, last);
            assert_eq!(rig.found().1.written[log as usize], Some(last));
        }
    }
    rig.journal.snapshot(&(&rig.family, frame())).unwrap();
    assert_eq!((rig.found().1.write, rig.found().1.written), (None, [None; 2]));
}

#[test]
fn lines_for_the_log_inside_are_known_until_they_are_written() {
    let mut rig = Rig::new();
    rig.family = testing::family(auditns_core::Config { inside_log: true, ..testing::config() });
    rig.journal.snapshot(&(&rig.family, frame())).unwrap();
    let (sender, answers, bytes) = (sender(), Answers::default(), user_message());
    rig.feed(Input::EndpointOpened { endpoint: ENDPOINT, kind: 3, pid: 1 });
    let mut serials = Vec::new();
    for _ in 0..5 {
        rig.feed(Input::Datagram { endpoint: ENDPOINT, sender: &sender, bytes: &bytes, answers: &answers });
        while let Some(action) = rig.take() {
            if let Action::StoreInside { serial, .. } = action {
                serials.push(serial);
            }
        }
    }
    let unwritten = |rig: &Rig| rig.found().1.inside.len();
    assert_eq!((serials.len(), unwritten(&rig)), (5, 5));
    rig.journal.note_written(Log::Inside, serials[2]);
    assert_eq!(unwritten(&rig), 2);
    rig.journal.note_written(Log::Inside, serials[4]);
    assert_eq!(unwritten(&rig), 0);
}

#[test]
fn the_action_in_doubt_says_whether_something_was_sent() {
    let mut rig = Rig::new();
    let (ours, theirs) = pair();
    assert!(matches!(rig.take(), Some(Action::Store { lifetime: true, .. })));
    assert!(rig.take().is_none());
    let (sender, answers) = (sender(), Answers::default());
    rig.feed(Input::EndpointOpened { endpoint: ENDPOINT, kind: 3, pid: 1 });
    let bytes = user_message();
    rig.feed(Input::Datagram { endpoint: ENDPOINT, sender: &sender, bytes: &bytes, answers: &answers });
    let reply = loop {
        match rig.take() {
            Some(Action::Reply { frame, .. }) => break frame,
            Some(_) => {}
            None => panic!("nothing is answered"),
        }
    };
    let doubt = rig.found().1.doubt.unwrap();
    assert!(!doubt.sent, "marks of actions before do not count");
    assert_eq!(rig.journal.send(&ours, &reply, SentBy::Supervisor).unwrap(), Sent::Sent);
    assert!(rig.found().1.doubt.unwrap().sent);
    drop(theirs);
    crate::testing::eventually("closed", || {
        rig.journal.send(&ours, &reply, SentBy::Supervisor).unwrap() == Sent::Closed
    });
    assert!(!rig.found().1.doubt.unwrap().sent);
}

#[test]
fn a_message_that_was_received_is_there_until_it_is_handled() {
    let mut rig = Rig::new();
    let (ours, theirs) = pair();
    let bytes = user_message();
    rustix::io::write(&theirs, &bytes).unwrap();
    let mut buffer = vec![0; 1000];
    let received = rig.journal.receive(ENDPOINT, &ours, &mut buffer).unwrap();
    assert!(matches!(received, Received::Message { length, .. } if length == bytes.len()));
    assert_eq!(buffer[..bytes.len()], bytes);
    let (endpoint, credentials, kept) = rig.found().0.message.unwrap();
    assert_eq!((endpoint, credentials.pid, kept), (ENDPOINT, std::process::id(), bytes.clone()));
    let (sender, answers) = (sender(), Answers::default());
    rig.feed(Input::EndpointOpened { endpoint: ENDPOINT, kind: 3, pid: 1 });
    assert!(rig.found().0.message.is_some(), "another input does not handle it");
    rig.feed(Input::Datagram { endpoint: ENDPOINT, sender: &sender, bytes: &bytes, answers: &answers });
    assert!(rig.found().0.message.is_none());
    assert!(matches!(rig.journal.receive(ENDPOINT, &ours, &mut buffer).unwrap(), Received::WouldBlock));
    assert!(rig.found().0.message.is_none());
}

/// Notes a connection on which these answers wait.
fn connect(rig: &Rig, unsent: &[&[u8]]) {
    let process = Background::new(&["sleep", "60"]);
    let owner = crate::identity::Owner::of_first_opener(process.pid(), 0).unwrap();
    let opener = crate::identity::Resolver::new(1).learn(process.pid(), &owner).unwrap();
    let mut state = ConnectionState::new(1, None, true, opener);
    state.unsent.extend(unsent.iter().map(|answer| answer.to_vec()));
    rig.journal.note(&Entry::Connected(ENDPOINT, &state));
}

#[test]
fn late_answers_are_counted_once() {
    let rig = Rig::new();
    let (ours, _theirs) = pair();
    connect(&rig, &[b"one", b"two"]);
    let waiting = |rig: &Rig| rig.found().1.connections[&ENDPOINT].unsent.len();
    assert_eq!(waiting(&rig), 2);
    let (sent, number) = rig.journal.send_late(ENDPOINT, &ours, b"one", SentBy::Supervisor);
    assert_eq!(sent.unwrap(), Sent::Sent);
    assert_eq!(waiting(&rig), 1, "sent and not noted");
    rig.journal.note(&Entry::Flushed(ENDPOINT, number));
    assert_eq!(waiting(&rig), 1, "sent and noted");
}

#[test]
fn memory_that_is_none_of_ours_is_refused() {
    let state = State::create().unwrap();
    assert_eq!(state.left().unwrap_err().kind(), io::ErrorKind::NotFound, "it never began");
    let rig = Rig::new();
    rig.journal.note(&Entry::Flushed(ENDPOINT, 1));
    // The length of the journal says more than there is.
    let word = rig.state.memory.word(layout::half(1) + layout::LENGTH_OF_JOURNAL).unwrap();
    for length in [3, u64::MAX] {
        word.store(length, std::sync::atomic::Ordering::Release);
        let _ = rig.state.left().map(|(_, kept)| replay(&kept).map(|_| ()));
    }
    rig.state.memory.write(layout::snapshot(1), &[0xff; 64]);
    word.store(0, std::sync::atomic::Ordering::Release);
    let (_, kept) = rig.state.left().unwrap();
    assert_eq!(replay(&kept).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

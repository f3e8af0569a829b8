//! A server whose members' ends are in the test's own hands.

use super::*;
use crate::log::LogFile;
use crate::log::Rotation;
use crate::state::{ConnectionState, State};
use crate::testing;
use auditns_sys::{LaunchOptions, SentBy, launch};
use rustix::io::IoSlice;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair, sockopt,
};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

struct Deaf;

impl Observer for Deaf {
    fn observe(&mut self, _: &Event<'_>) {}
}

/// The first member: it lives until the value goes, and so does the listener.
struct Member(Child);

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn with_server(test: impl FnOnce(&mut Server<'_>)) {
    with_server_for(|mut server| test(&mut server));
}

/// As [`with_server`], for a test that shares it out among threads.
pub(super) fn with_server_for(test: impl FnOnce(Server<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped());
    let launched = launch::spawn(command, &LaunchOptions::default()).unwrap();
    let _member = Member(launched.child);
    let parts = Parts {
        namespace: Durable::new(testing::family(testing::config()), None),
        nesting: None,
        answers: None,
        calls: Calls::new(None),
        storage: Storage::new(LogFile::new(folder.path(), Rotation::default())),
        clients: Clients::new(&[]),
        sockets: crate::testing::sockets(),
        descriptors: 1 << 16,
        origin: testing::origin(folder.path()),
        settings: testing::settings(),
        keeping: None,
        steering: Arc::default(),
        membership: auditns_bpf::Membership::absent("this is a test"),
        login_files: None,
    };
    let mut observer = Deaf;
    let mut server = Server::new(parts, &mut observer).unwrap();
    server.add_listener(launched.listener, launched.wait_killable, None).unwrap();
    server.owner = Some(Owner::of_first_opener(std::process::id(), 0).unwrap());
    test(server);
}

/// Gives the server an endpoint that this process opened. Returns the member's end.
pub(super) fn endpoint(server: &mut Server<'_>, ours: OwnedFd, refuses_descriptors: bool) -> EndpointId {
    let pid = std::process::id();
    let opener = server.resolver.learn(pid, server.owner.as_ref().unwrap()).unwrap();
    // No call is made on the member's end, so its inode number is never looked for.
    let inode = server.last_endpoint;
    server.add_connection(
        ours,
        SentBy::Supervisor,
        ConnectionState::new(inode, None, refuses_descriptors, opener),
        3,
    )
}

fn turn(server: &mut Server<'_>) {
    threads::turn_once(server);
}

/// An `AUDIT_GET`.
pub(super) fn get() -> [u8; 16] {
    let mut message = [0; 16];
    message[..4].copy_from_slice(&16_u32.to_ne_bytes());
    message[4..6].copy_from_slice(&1000_u16.to_ne_bytes());
    message[6..8].copy_from_slice(&1_u16.to_ne_bytes());
    message
}

/// A pair as on a kernel that lets descriptors through.
fn permissive_pair() -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (server, client) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    sockopt::set_socket_passcred(&server, true).unwrap();
    (server, client)
}

/// A connection whose last close waits for ten seconds, because its data cannot be delivered.
fn lingering() -> (std::net::TcpListener, OwnedFd) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    while std::io::Write::write(&mut &stream, &[0; 8192]).is_ok() {}
    stream.set_nonblocking(false).unwrap();
    sockopt::set_socket_linger(&stream, Some(Duration::from_secs(10))).unwrap();
    (listener, stream.into())
}

#[test]
fn descriptors_that_close_slowly_hold_nobody_up() {
    with_server(|server| {
        let (hostile, hostile_client) = permissive_pair();
        let hostile = endpoint(server, hostile, false);
        let pair = server.sockets.take(true).unwrap().pair;
        endpoint(server, pair.server, pair.refuses_descriptors);
        let (_peer, stream) = lingering();
        {
            let descriptors = [stream.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
            sendmsg(&hostile_client, &[IoSlice::new(&get())], &mut control, SendFlags::empty()).unwrap();
        }
        drop(stream);
        rustix::io::write(&pair.client, &get()).unwrap();
        let start = Instant::now();
        for _ in 0..4 {
            turn(server);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(!server.connections.contains_key(&hostile), "its socket is closed");
        let mut answer = [0; 100];
        assert_eq!(rustix::io::read(&pair.client, &mut answer), Ok(60), "the other one is served");
    });
}

#[test]
fn answers_that_wait_are_bounded_and_the_oldest_go_first() {
    const EACH: usize = 4 << 20;
    with_server(|server| {
        let mut clients = Vec::new();
        let mut endpoints = Vec::new();
        for _ in 0..12 {
            let pair = server.sockets.take(true).unwrap().pair;
            endpoints.push(endpoint(server, pair.server, pair.refuses_descriptors));
            clients.push(pair.client);
        }
        for endpoint in &endpoints {
            for _ in 0..EACH / 65536 {
                server.reply(*endpoint, vec![0; 65536]);
                assert!(server.unsent_bytes <= 33 << 20, "{}", server.unsent_bytes);
            }
        }
        let sum: usize = server.connections.values().map(Connection::unsent_bytes).sum();
        assert_eq!(sum, server.unsent_bytes);
        let waiting: Vec<bool> =
            endpoints.iter().map(|endpoint| !server.connections[endpoint].may_read()).collect();
        assert!(!waiting[0] && !waiting[1] && waiting[11], "{waiting:?}");
        // Whoever reads gets all of it; closing gives the room back.
        drop(clients);
        crate::testing::eventually("closed", || {
            turn(server);
            server.connections.is_empty()
        });
        assert_eq!(server.unsent_bytes, 0);
    });
}

#[test]
fn sockets_of_processes_without_privileges_leave_room_for_the_others() {
    with_server(|server| {
        server.limits = Limits { sockets: 8, processes: 4, calls: 4, advance: 1 };
        let ordinary = testing::Background::ordinary(&["sleep", "60"]);
        let owner = server.owner.as_ref().unwrap();
        let unprivileged = server.resolver.learn(ordinary.pid(), owner).unwrap();
        let privileged = server.resolver.learn(std::process::id(), owner).unwrap();
        let refusal = |server: &Server<'_>, closing, opener| {
            server.limits.refusal(&server.connections, closing, opener).map(|(errno, _)| errno)
        };
        for number in 0..8 {
            let refused = refusal(server, 0, &unprivileged);
            assert_eq!(refused, (number >= 4).then_some(rustix::io::Errno::NFILE), "{number}");
            assert_eq!(refusal(server, 0, &privileged), None, "{number}");
            assert!(refusal(server, 8 - number, &privileged).is_some(), "what is being closed counts");
            let opener = if number < 4 { unprivileged } else { privileged };
            let pair = server.sockets.take(true).unwrap().pair;
            let id = EndpointId(100 + u64::try_from(number).unwrap());
            server.insert_connection(
                id,
                pair.server,
                SentBy::Supervisor,
                ConnectionState::new(0, None, true, opener),
            );
        }
        assert_eq!(refusal(server, 0, &privileged), Some(rustix::io::Errno::NFILE));
    });
}

#[test]
fn only_so_many_sockets_ever_get_the_buffer_of_a_daemon() {
    with_server(|server| {
        let mut clients = Vec::new();
        for _ in 0..20 {
            let pair = server.sockets.take(true).unwrap().pair;
            let endpoint = endpoint(server, pair.server, true);
            assert_eq!(server.deliver(endpoint, b"record"), auditns_core::Delivery::Sent);
            clients.push(pair.client);
        }
        let raised = server.connections.values().filter(|connection| connection.is_raised()).count();
        assert_eq!(raised, limits::RAISED_BUFFERS);
        assert_eq!(server.deliver(EndpointId(1), b"record"), auditns_core::Delivery::Closed);
    });
}

#[test]
fn messages_left_behind_are_handled_at_the_end() {
    with_server(|server| {
        let pair = server.sockets.take(true).unwrap().pair;
        endpoint(server, pair.server, true);
        for _ in 0..50 {
            rustix::io::write(&pair.client, &get()).unwrap();
        }
        server.finish();
        assert_eq!(server.namespace.counters().datagrams, 50);
    });
}

/// What a proxy was told.
#[derive(Clone, Debug, Default)]
struct Told(Arc<std::sync::Mutex<Vec<auditns_sys::listener::Response>>>);

impl auditns_sys::listener::Answerer for Told {
    fn answer(&self, response: auditns_sys::listener::Response) -> io::Result<()> {
        self.0.lock().unwrap().push(response);
        Ok(())
    }
}

#[test]
fn a_receive_that_a_proxy_hands_on_is_the_kernels_for_the_proxy_would_wait_with_it() {
    let architecture = auditns_sys::arch::Architecture::X86_64;
    let calls = architecture.calls().on_socket;
    with_server(|server| {
        for (id, number) in [(5, calls.recvfrom), (6, calls.recvmsg)] {
            let told = Told::default();
            let data = auditns_sys::SeccompData {
                number,
                architecture: architecture.audit_value(),
                instruction_pointer: 0,
                arguments: [870, 0, 0, 0, 0, 0],
            };
            let call = Notification { id, tid: std::process::id(), data, origin: 0 };
            let fd = std::fs::File::open("/dev/null").unwrap().into();
            let listener = Listener::proxied(fd, Box::new(told.clone()));
            server.answer_proxied(call, listener).unwrap();
            let expected = auditns_sys::listener::Response { id, value: 0, error: 0, flags: 1 };
            assert_eq!(*told.0.lock().unwrap(), [expected]);
        }
    });
}

#[test]
fn a_listener_that_is_served_already_is_not_served_twice() {
    with_server(|server| {
        let listener = server.calls.listener(0).unwrap();
        let again = listener.as_fd().try_clone_to_owned().unwrap();
        server.add_listener(Listener::from(again), true, None).unwrap();
        assert_eq!((server.calls.count(), server.listeners.len()), (1, 1));
    });
}

#[test]
fn memory_that_a_journal_does_not_need_is_given_back_when_the_namespace_rests() {
    with_server(|server| {
        let state = State::create().unwrap();
        let journal = Arc::new(state.new_journal());
        server.namespace = Durable::new(testing::family(testing::config()), Some(Arc::clone(&journal)));
        server.save();
        assert_eq!(server.spare_until, None, "there was no journal before");
        server.feed(Input::Tick);
        server.save();
        let until = server.spare_until.unwrap();
        assert!(journal.has_spare() && server.due().unwrap() <= until);
        // However slow the machine is.
        server.spare_until = Some(clock::since_boot() + Duration::from_secs(3600));
        turn(server);
        assert!(journal.has_spare(), "it may go on at once");
        server.spare_until = Some(clock::since_boot());
        turn(server);
        assert!(!journal.has_spare() && server.spare_until.is_none());
    });
}

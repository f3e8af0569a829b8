//! A server with a host that does what a test says.

use crate::Refusal;
use crate::client::Client;
use crate::interface::{
    CreateReply, CreateRequest, IntroduceRequest, JoinReply, JoinRequest, NamespaceInfo, PrepareReply,
    PrepareRequest, SetReply, SetRequest, SupervisorInfo, Which,
};
use crate::server::{Host, Limits, Peer, Server, serve_within};
use rustix::fs::Mode;
use rustix::process::{Gid, Uid};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any step of a test takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A user without privileges, and another.
pub(crate) const ALICE: u32 = 54_321;
pub(crate) const BOB: u32 = 54_322;

/// The value of a setting that the host waits for until it is released.
pub(crate) const SLOW: &str = "slow";

#[derive(Debug, Default)]
pub(crate) struct FakeHost {
    pub(crate) created: Mutex<Vec<CreateRequest>>,
    pub(crate) peers: Mutex<Vec<Peer>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    calls: usize,
    released: bool,
}

impl FakeHost {
    /// Waits until so many slow calls wait.
    pub(crate) fn wait_for_slow_calls(&self, calls: usize) {
        let waiting = self.waiting.lock().unwrap();
        let waiting = self.changed.wait_timeout_while(waiting, PATIENCE, |w| w.calls < calls).unwrap().0;
        assert!(waiting.calls >= calls, "the slow calls never came");
    }

    /// Lets slow calls go on.
    pub(crate) fn release(&self) {
        self.waiting.lock().unwrap().released = true;
        self.changed.notify_all();
    }

    fn be_slow(&self) {
        let mut waiting = self.waiting.lock().unwrap();
        waiting.calls += 1;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(waiting, PATIENCE, |w| !w.released).unwrap());
    }
}

impl Host for FakeHost {
    fn list(&self, peer: Peer) -> Result<Vec<NamespaceInfo>, Refusal> {
        self.peers.lock().unwrap().push(peer);
        let folder = "f".repeat(3000);
        Ok((0..100)
            .map(|contid| NamespaceInfo { contid, log_folder: folder.clone(), ..namespace() })
            .collect())
    }

    fn show(&self, peer: Peer, which: Which) -> Result<NamespaceInfo, Refusal> {
        match which {
            Which::Name(name) => Ok(NamespaceInfo { name, uid: peer.uid, ..namespace() }),
            Which::Contid(contid) => Ok(NamespaceInfo { contid, ..namespace() }),
            Which::Pid(pid) => Ok(NamespaceInfo { pid, ..namespace() }),
            Which::Container(container) => Ok(NamespaceInfo { container: container.id, ..namespace() }),
        }
    }

    /// A value that is a refusal is what is answered.
    fn set(&self, _: Peer, request: SetRequest) -> Result<SetReply, Refusal> {
        if request.value == SLOW {
            self.be_slow();
        }
        match serde_json::from_str(&request.value) {
            Ok(refusal) => Err(refusal),
            Err(_) => Ok(SetReply { before: request.key, after: request.value }),
        }
    }

    /// Writes the name to the descriptor.
    fn create(&self, _: Peer, request: CreateRequest, listener: OwnedFd) -> Result<CreateReply, Refusal> {
        let name = request.name.clone().unwrap_or_default();
        rustix::io::write(&listener, name.as_bytes()).unwrap();
        let backlog_limit = request.backlog_limit.unwrap_or(64);
        self.created.lock().unwrap().push(request);
        Ok(CreateReply { contid: 7, name, log_folder: "/logs".to_owned(), backlog_limit })
    }

    fn prepare(&self, _: Peer, request: PrepareRequest) -> Result<PrepareReply, Refusal> {
        Ok(PrepareReply { loginuid: request.runtime, own_logins: true })
    }

    fn join(&self, _: Peer, request: JoinRequest, listener: OwnedFd) -> Result<JoinReply, Refusal> {
        let name = request.name.or(request.container.map(|container| container.id)).unwrap();
        rustix::io::write(&listener, name.as_bytes()).unwrap();
        Ok(JoinReply { contid: u64::from(request.pid), name })
    }

    fn introduce(&self, _: Peer, request: IntroduceRequest) -> Result<JoinReply, Refusal> {
        Ok(JoinReply { contid: u64::from(request.pid), name: request.container.root })
    }

    fn reload(&self, _: Peer) -> Result<Vec<String>, Refusal> {
        Ok(vec!["read again".to_owned()])
    }

    fn supervisor(&self, peer: Peer) -> Result<SupervisorInfo, Refusal> {
        self.peers.lock().unwrap().push(peer);
        Ok(SupervisorInfo {
            version: "1.2.3".to_owned(),
            pid: 4,
            started: 5,
            restarts: 6,
            namespaces: 7,
            sockets: 8,
            ready_sockets: 17,
            senders_noted: true,
            membership: crate::interface::Membership::Exact,
            tags_lost: 0,
            own_logins: true,
            log_folder: "/logs".to_owned(),
        })
    }
}

/// A namespace of which every optional field is there.
pub(crate) fn namespace() -> NamespaceInfo {
    NamespaceInfo {
        contid: u64::MAX,
        name: "web".to_owned(),
        members: Some(3),
        parent: Some(1),
        ..NamespaceInfo::default()
    }
}

pub(crate) struct Rig {
    folder: TempDir,
    pub(crate) host: Arc<FakeHost>,
    pub(crate) listener: UnixListener,
    pub(crate) server: Option<Server>,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::within(Limits::default())
    }

    pub(crate) fn within(limits: Limits) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        rustix::fs::chmod(folder.path(), Mode::from_raw_mode(0o755)).unwrap();
        let path = folder.path().join(crate::interface::NAME);
        let listener = UnixListener::bind(&path).unwrap();
        rustix::fs::chmod(&path, Mode::from_raw_mode(0o666)).unwrap();
        let host = Arc::new(FakeHost::default());
        let server = serve_within(listener.try_clone().unwrap(), host.clone(), limits).unwrap();
        Rig { folder, host, listener, server: Some(server) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(crate::interface::NAME)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect_within(&self.path(), PATIENCE).unwrap().unwrap()
    }

    pub(crate) fn raw(&self) -> Raw {
        let socket = UnixStream::connect(self.path()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Raw(socket)
    }

    /// Whether a new client gets an answer.
    pub(crate) fn serves(&self) -> bool {
        self.client().supervisor().is_ok()
    }
}

/// A client that sends what a test says.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) UnixStream);

impl Raw {
    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.write_all(&[0]).unwrap();
    }

    /// The next reply; `None` at the end of the connection.
    pub(crate) fn receive(&mut self) -> Option<serde_json::Value> {
        let mut reply = Vec::new();
        loop {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) if byte == [0] => return Some(serde_json::from_slice(&reply).unwrap()),
                Ok(1) => reply.push(byte[0]),
                Ok(_) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    pub(crate) fn ask(&mut self, text: &str) -> serde_json::Value {
        self.send(text);
        self.receive().expect("the connection ended")
    }

    /// Whether the connection is answered, by now.
    pub(crate) fn is_served(&mut self) -> bool {
        self.ask(r#"{"method":"io.auditns.GetSupervisor"}"#).get("parameters").is_some()
    }
}

/// Does something as another user, in a thread that becomes that user. Only root can.
pub(crate) fn as_user<R: Send>(uid: u32, act: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
            rustix::thread::set_thread_res_gid(group, group, group).expect("tests of users run as root");
            rustix::thread::set_thread_res_uid(user, user, user).expect("tests of users run as root");
            act()
        });
        thread.join().unwrap()
    })
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Limits of which a test changes what it is about.
pub(crate) fn limits() -> Limits {
    Limits { connections: 6, for_root: 2, for_user: 2, ..Limits::default() }
}

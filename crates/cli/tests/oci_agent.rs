//! The seccomp agent of OCI runtimes, as runc, crun and others talk to it, and as nobody should.

mod common;

use auditns_sys::Listener;
use auditns_sys::filter::FilterOptions;
use auditns_sys::launch::{self, LaunchOptions, Launched, LoginuidReset};
use common::supervisor::{Supervisor, namespace_log, of_type, until};
use common::{as_member, start};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use std::fs;
use std::io::{IoSlice, PipeWriter, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// A process below a filter with a listener, as a runtime has it when it sends the listener away.
#[derive(Debug)]
struct Container {
    process: Child,
    input: Option<PipeWriter>,
    listener: Option<Listener>,
}

/// Does what a script does once it is told to.
const WAITING: &str = "input()\n";

impl Container {
    fn new(script: &str) -> Container {
        let (reader, input) = std::io::pipe().unwrap();
        let mut command = Command::new(common::PYTHON);
        as_member(&mut command, &format!("{WAITING}{script}"));
        // The words of `as_member` begin with the interpreter.
        let words: Vec<_> = command.get_args().skip(1).map(ToOwned::to_owned).collect();
        let mut command = Command::new(common::PYTHON);
        command.args(words).stdin(reader).stdout(Stdio::piped()).stderr(Stdio::piped());
        let filter = FilterOptions { notify_signals: false, ..FilterOptions::default() };
        let options = LaunchOptions { filter, loginuid: LoginuidReset::Keep, ..LaunchOptions::default() };
        let Launched { child, listener, .. } = launch::spawn(command, &options).unwrap();
        Container { process: child, input: Some(input), listener: Some(listener) }
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends the listener with a state, in pieces, and ends the connection or not.
    fn hand_over(&mut self, supervisor: &Supervisor, state: &Value) -> UnixStream {
        let stream = UnixStream::connect(supervisor.run_folder().join("oci.sock")).unwrap();
        let text = state.to_string();
        let (first, rest) = text.as_bytes().split_at(1);
        let listener = self.listener.take().unwrap();
        send(&stream, first, &[listener.as_fd()]);
        drop(listener);
        for piece in rest.chunks(100) {
            (&stream).write_all(piece).unwrap();
        }
        stream
    }

    /// Lets it go on to its end.
    fn finish(mut self) -> String {
        if let Some(mut input) = self.input.take() {
            input.write_all(b"\n").unwrap();
        }
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn send(stream: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    assert_eq!(
        sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap(),
        bytes.len()
    );
}

fn state(id: &str, status: &str, pid: u32) -> Value {
    json!({
        "ociVersion": "1.0.2", "fds": ["seccompFd"], "pid": pid, "metadata": "",
        "state": {"ociVersion": "1.0.2", "id": id, "status": status, "pid": pid, "bundle": "/b", "annotations": {}},
    })
}

/// Sends a record, which is acknowledged.
const SPEAKS: &str = "expect(asked(audit(), user(b'spoken')), ('error', 0))";
/// Is told that there is no audit, and can open other sockets.
const REFUSED: &str = r"
try:
    audit()
    sys.exit('it has audit')
except OSError as error:
    expect(error.errno, 93)
socket.socket(16, socket.SOCK_RAW, 0)
";

#[test]
fn a_container_is_served_and_what_is_executed_in_it_joins() {
    let supervisor = Supervisor::new();
    let mut container = Container::new(SPEAKS);
    // Old runtimes leak the connection.
    let open = container.hand_over(&supervisor, &state("c1", "creating", container.pid()));
    until("it is served", || supervisor.json(&["list", "--json"]) != json!([]));
    let shown = supervisor.json(&["show", "c1", "--json"]);
    assert_eq!((&shown["pid"], &shown["container"]), (&json!(container.pid()), &json!("c1")));
    // crun names no process, and a bundle that is none.
    let mut executed = Container::new(SPEAKS);
    drop(executed.hand_over(&supervisor, &state("c1", "running", 0)));
    let log = || namespace_log(&supervisor, "c1", "audit.log");
    until("it has joined", || log().contains(" op=join "));
    executed.finish();
    container.finish();
    drop(open);
    until("it ends", || log().contains(" op=stop "));
    assert_eq!(of_type(&log(), "USER_LOGIN").len(), 2, "{}", log());
    assert!(log().contains(" runtime=oci "), "{}", log());
}

#[test]
fn a_container_that_is_started_again_has_its_name_again() {
    let supervisor = Supervisor::new();
    for _ in 0..3 {
        let mut container = Container::new(SPEAKS);
        container.hand_over(&supervisor, &state("c1", "creating", container.pid()));
        container.finish();
    }
    let log = || namespace_log(&supervisor, "c1", "audit.log");
    until("all have ended", || log().matches(" op=stop ").count() == 3);
    assert_eq!(of_type(&log(), "USER_LOGIN").len(), 3, "{}", log());
}

#[test]
fn what_is_not_served_finds_no_audit_and_nothing_else_is_different() {
    let supervisor = Supervisor::with_policy("[[namespace]]\nname = 'bad'\nrefuse = true\n");
    let mut off = state("off", "creating", std::process::id());
    off["state"]["annotations"] = json!({"io.auditns.off": "true"});
    let mut wrong = state("wrong", "creating", std::process::id());
    wrong["state"]["annotations"] = json!({"io.auditns.policy": "lax"});
    for (state, said) in [
        (state("bad", "creating", std::process::id()), "refuse"),
        (state("unknown", "running", 0), "is not served"),
        (off, "io.auditns.off"),
        (wrong, "io.auditns.policy"),
    ] {
        let mut container = Container::new(REFUSED);
        container.hand_over(&supervisor, &state);
        until("it is said", || supervisor.stderr().contains(said));
        assert_eq!(supervisor.json(&["list", "--json"]), json!([]));
        container.finish();
    }
    // Whoever is refused is so by the next supervisor as well.
    let mut container = Container::new(REFUSED);
    container.hand_over(&supervisor, &state("bad", "creating", container.pid()));
    until("it is refused", || supervisor.stderr().matches("refuse").count() >= 2);
    supervisor.kill();
    container.finish();
}

#[test]
fn whatever_else_is_sent_harms_nobody() {
    let supervisor = Supervisor::new();
    let path = supervisor.run_folder().join("oci.sock");
    let file: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    let good = state("c2", "creating", std::process::id()).to_string();
    for bytes in [&b"{"[..], b"[]", b"null", b"\0\0", b"{}", good.as_bytes(), &vec![b'{'; 2 << 20]] {
        for descriptors in [&[file.as_fd(); 4][..], &[file.as_fd()], &[]] {
            let stream = UnixStream::connect(&path).unwrap();
            let (first, rest) = bytes.split_at(1);
            send(&stream, first, descriptors);
            let _ = (&stream).write_all(rest);
        }
    }
    // Some say nothing for as long as they may; others are served meanwhile.
    let silent: Vec<UnixStream> = (0..40).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let mut container = Container::new(SPEAKS);
    container.hand_over(&supervisor, &state("c1", "creating", container.pid()));
    container.finish();
    drop(silent);
    until("it has ended", || namespace_log(&supervisor, "c1", "audit.log").contains(" op=stop "));
    until("nothing is left", || supervisor.json(&["list", "--json"]) == json!([]));
    let restarts = start(supervisor.command_as(0, &["show", "c1"]).arg("--json")).wait();
    assert_eq!(restarts.code(), 125, "{restarts:?}");
}

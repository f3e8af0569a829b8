//! A client whose supervisor does not do what it should.

use super::rig::Rig;
use crate::Refusal;
use crate::client::{Client, ClientError};
use crate::interface::SetRequest;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);

/// A supervisor that does as it is told with the first connection.
fn supervisor(folder: &Path, act: impl FnOnce(UnixStream) + Send + 'static) -> (PathBuf, JoinHandle<()>) {
    supervisors(folder, move |listener| act(listener.accept().unwrap().0))
}

/// Supervisors, one after the other, that do as they are told with the socket that they have in common.
fn supervisors<T: Send + 'static>(
    folder: &Path,
    act: impl FnOnce(UnixListener) -> T + Send + 'static,
) -> (PathBuf, JoinHandle<T>) {
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    (path, std::thread::spawn(move || act(listener)))
}

fn answered_with(reply: impl Into<Vec<u8>>) -> ClientError {
    let folder = tempfile::tempdir().unwrap();
    let reply = reply.into();
    let (path, thread) = supervisor(folder.path(), move |mut socket| {
        let _ = socket.read(&mut [0; 1024]).unwrap();
        // The client may leave before all is sent.
        let _ = socket.write_all(&reply);
    });
    let error = Client::connect(&path).unwrap().unwrap().supervisor().unwrap_err();
    thread.join().unwrap();
    error
}

#[test]
fn no_supervisor_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    assert!(Client::connect(&path).unwrap().is_none());
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(Client::connect(&path).unwrap().is_none());
}

#[test]
fn a_socket_that_cannot_be_connected_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x".repeat(200));
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("xxx"));
}

#[test]
fn a_supervisor_that_does_not_answer_is_not_waited_for_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let mut client = Client::connect_within(&path, SOON).unwrap().unwrap();
    assert!(matches!(client.list(), Err(ClientError::TimedOut(SOON))));
}

#[test]
fn a_supervisor_that_does_not_accept_is_not_waited_for_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 0).unwrap();
    let mut waiting = Vec::new();
    let error = loop {
        match Client::connect_within(&path, SOON) {
            Ok(client) => waiting.push(client.unwrap()),
            Err(error) => break error,
        }
        assert!(waiting.len() < 10, "there is room for any number");
    };
    assert!(matches!(error, ClientError::TimedOut(SOON)), "{error:?}");
}

#[test]
fn a_late_reply_is_not_taken_for_that_of_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let (answer, answered) = std::sync::mpsc::channel();
    let (path, thread) = supervisor(folder.path(), move |mut socket| {
        answered.recv().unwrap();
        let _ = socket.write_all(b"{\"parameters\":{\"messages\":[\"late\"]}}\0");
    });
    let mut client = Client::connect_within(&path, SOON).unwrap().unwrap();
    assert!(matches!(client.list(), Err(ClientError::TimedOut(_))));
    answer.send(()).unwrap();
    thread.join().unwrap();
    assert!(client.reload().is_err());
}

#[test]
fn what_a_supervisor_that_ends_does_not_answer_is_asked_of_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, calls) = supervisors(folder.path(), |listener| {
        let mut calls = Vec::new();
        for reply in ["", "{\"para", "{\"parameters\":{\"messages\":[\"answered\"]}}\0"] {
            let mut socket = listener.accept().unwrap().0;
            let mut call = [0; 1024];
            let read = socket.read(&mut call).unwrap();
            calls.push(call[..read].to_vec());
            socket.write_all(reply.as_bytes()).unwrap();
        }
        calls
    });
    assert_eq!(Client::connect(&path).unwrap().unwrap().reload().unwrap(), ["answered"]);
    let calls = calls.join().unwrap();
    assert!(calls.iter().all(|call| call.ends_with(b"\0") && *call == calls[0]), "{calls:?}");
}

#[test]
fn a_call_that_ends_each_supervisor_is_made_three_times() {
    let folder = tempfile::tempdir().unwrap();
    let (path, calls) = supervisors(folder.path(), |listener| {
        let mut calls = 0;
        while listener.accept().unwrap().0.read(&mut [0; 1024]).unwrap() > 0 {
            calls += 1;
        }
        calls
    });
    assert!(matches!(Client::connect(&path).unwrap().unwrap().list(), Err(ClientError::Closed)));
    drop(UnixStream::connect(&path).unwrap());
    assert_eq!(calls.join().unwrap(), 3);
}

#[test]
fn replies_that_make_no_sense_are_errors() {
    for junk in ["", "x", "[]", "{}", r#"{"parameters":{}}"#, r#"{"parameters":{"version":1}}"#] {
        let error = answered_with(format!("{junk}\0"));
        assert!(matches!(error, ClientError::Reply(_)), "{junk}: {error:?}");
    }
    assert!(matches!(answered_with("{\"parameters\":"), ClientError::Closed));
    assert!(matches!(answered_with(vec![b' '; (16 << 20) + 1]), ClientError::TooLong(_)));
}

#[test]
fn errors_that_the_client_does_not_know_are_named() {
    for error in ["org.varlink.service.MethodNotFound", "io.auditns.Novel", "io.auditns.NameTaken"] {
        match answered_with(format!("{{\"error\":\"{error}\",\"parameters\":{{\"method\":\"a\"}}}}\0")) {
            ClientError::NotUnderstood(named) => assert_eq!(named, error),
            other => panic!("{error} became {other:?}"),
        }
    }
}

#[test]
fn a_call_that_is_too_long_is_refused_with_the_limit() {
    let rig = Rig::new();
    for length in [256 << 10, 300_000, 4 << 20] {
        let request = SetRequest { name: "web".to_owned(), key: "k".to_owned(), value: "v".repeat(length) };
        let outcome = rig.client().set(&request);
        let expected = Refusal::LimitReached { limit: "bytes of a message".to_owned(), value: 256 << 10 };
        assert!(
            matches!(&outcome, Err(ClientError::Refused(refusal)) if *refusal == expected),
            "{outcome:?}"
        );
    }
}

#[test]
fn long_replies_arrive() {
    let rig = Rig::new();
    let namespaces = rig.client().list().unwrap();
    // More than a read and more than a call may have.
    assert!(serde_json::to_vec(&namespaces).unwrap().len() > 256 << 10);
}

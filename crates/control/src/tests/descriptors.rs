//! Descriptors beside calls.

use super::rig::Rig;
use crate::Refusal;
use crate::client::ClientError;
use crate::transport::send;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::json;
use std::io::{IoSlice, PipeReader, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Sends bytes with more descriptors than a receiver keeps.
pub(crate) fn send_with(socket: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
    assert_eq!(sent, bytes.len());
}

/// The reader ends when all copies of the writing end are closed.
fn read_to_end(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

fn join(name: &str) -> Vec<u8> {
    let parameters = json!({ "name": name, "pid": 1, "wait_killable": false });
    let mut bytes = json!({ "method": "io.auditns.Join", "parameters": parameters }).to_string().into_bytes();
    bytes.push(0);
    bytes
}

#[test]
fn a_call_that_needs_a_listener_is_refused_without() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let call = String::from_utf8(join("web")).unwrap();
    let reply = raw.ask(call.trim_end_matches('\0'));
    assert_eq!(reply["error"], "io.auditns.MissingDescriptor");
    assert!(matches!(serde_json::from_value(reply), Ok(Refusal::MissingDescriptor)));
}

#[test]
fn the_first_descriptor_is_the_listener_and_all_others_are_closed() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let (readers, writers): (Vec<_>, Vec<_>) = (0..253).map(|_| std::io::pipe().unwrap()).unzip();
    let borrowed: Vec<_> = writers.iter().map(AsFd::as_fd).collect();
    send_with(&raw.0, &join("web"), &borrowed);
    assert!(raw.receive().unwrap().get("parameters").is_some());
    drop(writers);
    let written: Vec<_> = readers.into_iter().map(read_to_end).collect();
    assert_eq!(written[0], "web");
    assert!(written[1..].iter().all(String::is_empty));
}

#[test]
fn descriptors_of_calls_that_need_none_are_closed() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let (reader, writer) = std::io::pipe().unwrap();
    send_with(&raw.0, b"{\"method\":\"io.auditns.Reload\"}\0", &[writer.as_fd()]);
    assert!(raw.receive().unwrap().get("parameters").is_some());
    drop(writer);
    assert_eq!(read_to_end(reader), "");
}

#[test]
fn each_call_gets_its_own_descriptor_when_calls_are_sent_together() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let mut readers = Vec::new();
    for name in ["first", "second", "third"] {
        let (reader, writer) = std::io::pipe().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        raw.send(r#"{"method":"io.auditns.Reload"}"#);
        send(raw.0.as_fd(), &join(name), &[writer.as_fd()], deadline).unwrap();
        readers.push((name, reader));
    }
    for _ in 0..6 {
        assert!(raw.receive().unwrap().get("parameters").is_some());
    }
    for (name, reader) in readers {
        assert_eq!(read_to_end(reader), name);
    }
}

#[test]
fn a_descriptor_of_one_call_is_not_used_for_the_next() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let (_reader, writer) = std::io::pipe().unwrap();
    send_with(&raw.0, b"{\"method\":\"io.auditns.Reload\"}\0", &[writer.as_fd()]);
    raw.receive().unwrap();
    let request = crate::interface::JoinRequest {
        name: Some("web".to_owned()),
        ..crate::interface::JoinRequest::default()
    };
    assert!(rig.client().join(&request, writer.as_fd()).is_ok());
    let call = String::from_utf8(join("web")).unwrap();
    assert_eq!(raw.ask(call.trim_end_matches('\0'))["error"], "io.auditns.MissingDescriptor");
}

#[test]
fn descriptors_that_cannot_be_used_harm_only_the_call() {
    // The supervisor gets whatever the client sends; that the fake host fails on it shows that it arrived.
    let rig = Rig::new();
    let closed_end = {
        let (_, writer) = UnixStream::pair().unwrap();
        writer
    };
    let request = crate::interface::JoinRequest {
        name: Some("web".to_owned()),
        ..crate::interface::JoinRequest::default()
    };
    let outcome = rig.client().join(&request, closed_end.as_fd());
    assert!(matches!(outcome, Err(ClientError::Closed)), "{outcome:?}");
    assert!(rig.serves());
}

//! Who may have a connection.

use super::descriptors::send_with;
use super::rig::{ALICE, BOB, PATIENCE, Raw, Rig, SLOW, as_user, eventually, limits};
use crate::Refusal;
use crate::client::{Client, ClientError};
use crate::server::{Limits, serve_within};
use rustix::net::sockopt::set_socket_linger;
use serde_json::json;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

fn connect_as(rig: &Rig, uid: u32) -> Raw {
    as_user(uid, || rig.raw())
}

fn served_as(rig: &Rig, uid: u32) -> Raw {
    let mut raw = connect_as(rig, uid);
    assert!(raw.is_served());
    raw
}

fn refused(raw: &mut Raw) -> serde_json::Value {
    let reply = raw.receive().expect("the connection ended without a word");
    assert_eq!(reply["error"], "io.auditns.LimitReached");
    assert_eq!(reply["parameters"]["limit"], "connections");
    assert!(raw.receive().is_none());
    reply["parameters"]["value"].clone()
}

#[test]
fn a_user_has_so_many_connections_and_others_have_their_own() {
    let rig = Rig::within(limits());
    let _held = [served_as(&rig, ALICE), served_as(&rig, ALICE)];
    assert_eq!(refused(&mut connect_as(&rig, ALICE)), json!(2));
    served_as(&rig, BOB);
    assert!(rig.serves());
}

#[test]
fn the_default_is_sixteen_for_a_user_and_sixty_four_for_root() {
    let rig = Rig::new();
    let users: Vec<_> = (0..16).map(|_| served_as(&rig, ALICE)).collect();
    assert_eq!(refused(&mut connect_as(&rig, ALICE)), json!(16));
    let root: Vec<_> = (0..48).map(|_| served_as(&rig, 0)).collect();
    assert_eq!(refused(&mut connect_as(&rig, 0)), json!(64));
    drop((users, root));
}

#[test]
fn users_together_leave_places_for_root() {
    let rig = Rig::within(limits());
    let users: Vec<_> = [ALICE, ALICE, BOB, BOB].into_iter().map(|uid| served_as(&rig, uid)).collect();
    assert_eq!(refused(&mut connect_as(&rig, BOB + 1)), json!(4));
    let _root = [served_as(&rig, 0), served_as(&rig, 0)];
    assert_eq!(refused(&mut connect_as(&rig, 0)), json!(6));
    drop(users);
}

#[test]
fn who_leaves_makes_room() {
    let rig = Rig::within(limits());
    for _ in 0..50 {
        let mut held = Vec::new();
        eventually("there is room for two", || {
            let mut raw = connect_as(&rig, ALICE);
            // Sending fails if the refusal was faster.
            let _ = raw.0.write_all(b"{\"method\":\"io.auditns.Reload\"}\0");
            if raw.receive().unwrap().get("error").is_none() {
                held.push(raw);
            }
            held.len() == 2
        });
    }
}

#[test]
fn the_connection_that_is_idle_longest_is_closed_for_a_new_one() {
    // One counts as idle a moment after its reply has come: on a busy machine that may be too late at times.
    assert!((0..5).any(|_| second_is_closed_for_third()), "the one that is idle longest is never closed");
}

fn second_is_closed_for_third() -> bool {
    let rig = Rig::within(Limits { idle: Duration::ZERO, ..limits() });
    let mut first = served_as(&rig, ALICE);
    let mut second = served_as(&rig, ALICE);
    let mut other = served_as(&rig, BOB);
    assert!(first.is_served());
    let mut third = connect_as(&rig, ALICE);
    // Sending fails where there is no place for it, or its own has been taken since.
    let is_there = |raw: &mut Raw| {
        let _ = raw.0.write_all(b"{\"method\":\"io.auditns.Reload\"}\0");
        raw.receive().is_some_and(|reply| reply.get("parameters").is_some())
    };
    if !is_there(&mut third) || !is_there(&mut first) {
        return false;
    }
    assert!(second.receive().is_none());
    assert!(third.is_served() && other.is_served());
    true
}

#[test]
fn connections_in_use_are_not_closed_for_a_new_one() {
    let rig = Rig::within(Limits { idle: Duration::ZERO, ..limits() });
    let call =
        json!({ "method": "io.auditns.Set", "parameters": { "name": "n", "key": "k", "value": SLOW } });
    let mut held = [connect_as(&rig, ALICE), connect_as(&rig, ALICE)];
    for raw in &mut held {
        raw.send(&call.to_string());
    }
    rig.host.wait_for_slow_calls(2);
    assert_eq!(refused(&mut connect_as(&rig, ALICE)), json!(2));
    rig.host.release();
    for raw in &mut held {
        assert!(raw.receive().unwrap().get("parameters").is_some());
    }
}

#[test]
fn many_connections_in_a_row_leave_the_server_as_it_was() {
    let rig = Rig::within(limits());
    let held = [served_as(&rig, ALICE), served_as(&rig, ALICE)];
    for _ in 0..500 {
        let _ = connect_as(&rig, ALICE);
    }
    assert!(rig.serves());
    drop(held);
}

#[test]
fn the_client_says_which_limit_was_reached() {
    let rig = Rig::within(limits());
    let _held = [served_as(&rig, ALICE), served_as(&rig, ALICE)];
    let path = rig.path();
    let outcome = as_user(ALICE, || Client::connect(&path).unwrap().unwrap().list());
    match outcome {
        Err(ClientError::Refused(Refusal::LimitReached { limit, value })) => {
            assert_eq!((limit.as_str(), value), ("connections", 2));
        }
        other => panic!("{other:?}"),
    }
}

/// A socket whose closing takes as long as it lingers: what was sent on it is not read.
fn lingering() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    while ours.write(&[0; 1 << 14]).is_ok() {}
    ours.set_nonblocking(false).unwrap();
    set_socket_linger(&ours, Some(PATIENCE)).unwrap();
    (ours, theirs)
}

#[test]
fn descriptors_that_take_long_to_close_hold_up_nobody() {
    let mut rig = Rig::within(limits());
    rig.server = None;
    let mut silent = Vec::new();
    // Two get places, four are turned away; all have sent before the server sees them.
    let senders: Vec<_> = (0..6)
        .map(|_| {
            let raw = connect_as(&rig, ALICE);
            let (ours, theirs) = lingering();
            silent.push(theirs);
            send_with(&raw.0, b"{\"method\":\"io.auditns.Reload\"}\0", &[ours.as_fd()]);
            raw
        })
        .collect();
    let begun = Instant::now();
    let listener = rig.listener.try_clone().unwrap();
    rig.server = Some(serve_within(listener, rig.host.clone(), limits()).unwrap());
    assert!(rig.serves());
    assert!(begun.elapsed() < PATIENCE / 2, "closing held up the server");
    drop((silent, senders));
}

#[test]
fn a_server_that_stops_ends_conversations_and_leaves_the_socket_to_its_successor() {
    let mut rig = Rig::new();
    let mut held = [served_as(&rig, 0), served_as(&rig, ALICE)];
    rig.server = None;
    for raw in &mut held {
        assert!(raw.receive().is_none());
    }
    let listener = rig.listener.try_clone().unwrap();
    rig.server = Some(serve_within(listener, rig.host.clone(), Limits::default()).unwrap());
    assert!(rig.serves());
}

#[test]
fn a_server_that_stops_does_not_wait_for_ever_for_a_call() {
    let mut rig = Rig::new();
    let mut raw = rig.raw();
    let call =
        json!({ "method": "io.auditns.Set", "parameters": { "name": "n", "key": "k", "value": SLOW } });
    raw.send(&call.to_string());
    rig.host.wait_for_slow_calls(1);
    let begun = Instant::now();
    rig.server = None;
    assert!(begun.elapsed() < PATIENCE / 2);
    rig.host.release();
}

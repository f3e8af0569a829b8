//! Clients that break the rules.

use super::rig::{PATIENCE, Rig, SLOW, eventually};
use crate::server::Limits;
use serde_json::json;
use std::io::Write;
use std::time::{Duration, Instant};

fn hasty() -> Limits {
    Limits { transfer: Duration::from_millis(100), ..Limits::default() }
}

#[test]
fn half_a_message_is_not_waited_for_longer_than_a_message_may_take() {
    let rig = Rig::within(hasty());
    let mut raw = rig.raw();
    assert!(raw.is_served());
    raw.0.write_all(b"{\"method\":").unwrap();
    assert!(raw.receive().is_none());
}

#[test]
fn a_message_byte_by_byte_has_no_more_time_than_one_that_stops() {
    let rig = Rig::within(hasty());
    let mut raw = rig.raw();
    let begun = Instant::now();
    eventually("the connection ends", || raw.0.write_all(b" ").is_err());
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert!(raw.receive().is_none());
}

#[test]
fn every_message_has_its_own_time() {
    // Longer than any one message takes on a busy machine.
    let transfer = Duration::from_secs(6);
    let rig = Rig::within(Limits { transfer, ..Limits::default() });
    let mut raw = rig.raw();
    let begun = Instant::now();
    while begun.elapsed() < transfer + Duration::from_secs(1) {
        raw.0.write_all(b"{\"method\":").unwrap();
        // Long enough for the server to see half a message.
        std::thread::sleep(Duration::from_millis(10));
        assert!(raw.ask("\"io.auditns.Reload\"}").get("parameters").is_some());
    }
}

#[test]
fn half_messages_hold_up_nobody() {
    let rig = Rig::new();
    let halves: Vec<_> = (0..8)
        .map(|_| {
            let mut raw = rig.raw();
            raw.0.write_all(b"{").unwrap();
            raw
        })
        .collect();
    assert!(rig.serves());
    drop(halves);
}

#[test]
fn a_message_has_so_many_bytes_and_no_more() {
    let rig = Rig::new();
    let call = |length: usize| {
        let empty = json!({ "method": "io.auditns.Reload", "padding": "" }).to_string().len();
        json!({ "method": "io.auditns.Reload", "padding": "x".repeat(length - empty) }).to_string()
    };
    let limit = 256 << 10;
    let mut raw = rig.raw();
    assert!(raw.ask(&call(limit)).get("parameters").is_some());
    // The server may have left before the last byte.
    let _ = raw.0.write_all((call(limit + 1) + "\0").as_bytes());
    let refusal = raw.receive().unwrap();
    assert_eq!(refusal["error"], "io.auditns.LimitReached");
    assert_eq!(refusal["parameters"], json!({ "limit": "bytes of a message", "value": limit }));
    assert!(raw.receive().is_none());
}

#[test]
fn a_message_without_end_is_not_kept() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let chunk = [b' '; 1 << 14];
    let sent = (0..1000).take_while(|_| raw.0.write_all(&chunk).is_ok()).count();
    // The limit, what the server reads beyond it at once, and what the kernel keeps for a socket.
    assert!(sent < 100, "{sent} chunks were taken");
    assert_eq!(raw.receive().unwrap()["error"], "io.auditns.LimitReached");
}

#[test]
fn what_is_not_a_call_ends_the_connection_and_nothing_else() {
    let rig = Rig::new();
    let deep = |open: &str, close: &str| {
        format!(r#"{{"method":"io.auditns.Set","parameters":{}{}}}"#, open.repeat(1000), close.repeat(1000))
    };
    for junk in [
        "",
        "x",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"method":1}"#,
        r#"{"method":null}"#,
        r#"{"method":"a.b","oneway":1}"#,
        r#"{"method":"a.b"} {}"#,
        r#"{"method":"a.b","method":"a.c"}"#,
        "{\"method\":\"\n\"}",
        r#"{"method":"\ud800"}"#,
        &"[".repeat(100_000),
        &r#"{"a":"#.repeat(40_000),
        &deep("[", ""),
    ] {
        let mut raw = rig.raw();
        raw.send(junk);
        assert!(raw.receive().is_none(), "{junk:.100} was answered");
    }
    for call in [deep("[", "]"), deep(r#"{"a":"#, "1}").replace("1}1}", "1}}")] {
        let mut raw = rig.raw();
        raw.send(&call);
        if let Some(reply) = raw.receive() {
            assert_eq!(reply["error"], "org.varlink.service.InvalidParameter", "{call:.100}");
        }
    }
    let mut raw = rig.raw();
    raw.0.write_all(b"{\"method\":\"\xff\"}\0").unwrap();
    assert!(raw.receive().is_none());
    assert!(rig.serves());
}

#[test]
fn errors_quote_no_more_than_a_line_of_what_a_client_sent() {
    let rig = Rig::new();
    let call =
        json!({ "method": "io.auditns.Join", "parameters": { "name": "a", "pid": "\u{1b}".repeat(30_000) } });
    let reply = rig.raw().ask(&call.to_string());
    assert_eq!(reply["error"], "org.varlink.service.InvalidParameter");
    assert_eq!(reply["parameters"]["parameter"].as_str().unwrap().chars().count(), 200);
}

#[test]
fn who_does_not_read_replies_is_left() {
    let rig = Rig::within(hasty());
    let mut raw = rig.raw();
    let calls = "{\"method\":\"io.auditns.List\"}\0".repeat(1000);
    // Replies fill the socket, then the server reads no more, then it leaves.
    raw.0.set_write_timeout(Some(PATIENCE)).unwrap();
    eventually("the server leaves", || raw.0.write_all(calls.as_bytes()).is_err());
    assert!(rig.serves());
}

#[test]
fn a_call_that_takes_long_holds_up_nobody() {
    let rig = Rig::new();
    let mut slow = rig.raw();
    let call = json!({
        "method": "io.auditns.Set",
        "parameters": { "name": "web", "key": "k", "value": SLOW },
    });
    slow.send(&call.to_string());
    rig.host.wait_for_slow_calls(1);
    assert!(rig.serves());
    rig.host.release();
    assert_eq!(slow.receive().unwrap()["parameters"]["after"], SLOW);
}

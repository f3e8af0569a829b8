//! Every call, every error, who called.

use super::rig::{ALICE, Rig, as_user};
use crate::Refusal;
use crate::client::ClientError;
use crate::interface::{
    Container, CreateRequest, IntroduceRequest, JoinRequest, Policy, PrepareRequest, SetRequest, Which,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::AsFd;

fn set(value: &str) -> SetRequest {
    SetRequest { name: "web".to_owned(), key: "rate_limit".to_owned(), value: value.to_owned() }
}

fn container() -> Container {
    Container { id: "c0ffee".to_owned(), root: "/run/crun".to_owned() }
}

#[test]
fn every_method_reaches_the_host_and_its_reply_the_client() {
    let rig = Rig::new();
    let mut client = rig.client();

    assert_eq!(client.list().unwrap().len(), 100);
    assert_eq!(client.show(Which::Name("db".to_owned())).unwrap().name, "db");
    assert_eq!(client.show(Which::Contid(u64::MAX)).unwrap().contid, u64::MAX);
    assert_eq!(client.show(Which::Pid(17)).unwrap().pid, 17);
    assert_eq!(client.show(Which::Container(container())).unwrap().container, "c0ffee");
    let introduced = client.introduce(&IntroduceRequest { container: container(), pid: 18 }).unwrap();
    assert_eq!((introduced.contid, introduced.name.as_str()), (18, "/run/crun"));
    let reply = client.set(&set("5")).unwrap();
    assert_eq!((reply.before.as_str(), reply.after.as_str()), ("rate_limit", "5"));
    assert_eq!(client.reload().unwrap(), ["read again"]);
    let supervisor = client.supervisor().unwrap();
    assert_eq!((supervisor.version.as_str(), supervisor.pid, supervisor.started), ("1.2.3", 4, 5));
    assert_eq!((supervisor.restarts, supervisor.namespaces, supervisor.sockets), (6, 7, 8));
    assert!(supervisor.senders_noted);
}

#[test]
fn a_namespace_is_made_and_joined_with_the_listener_that_was_sent() {
    let rig = Rig::new();
    let mut client = rig.client();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let request = CreateRequest {
        name: Some("web\u{1b}\0".to_owned()),
        container: Some(container()),
        runtime: "crun".to_owned(),
        pid: 12,
        no_new_privileges: true,
        wait_killable: true,
        loginuid: "unset".to_owned(),
        command: vec!["sh".to_owned(), "-c".to_owned(), "exit \0".to_owned()],
        annotations: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        backlog_limit: Some(9),
        policy: Some(Policy::Strict),
        strict_clients: vec!["auditd".to_owned()],
    };
    let reply = client.create(&request, writer.as_fd()).unwrap();
    assert_eq!((reply.contid, reply.log_folder.as_str(), reply.backlog_limit), (7, "/logs", 9));
    assert_eq!(*rig.host.created.lock().unwrap(), [request]);

    let wanted = PrepareRequest { runtime: "keep".to_owned(), ..PrepareRequest::default() };
    let reply = client.prepare(&wanted).unwrap();
    assert_eq!((reply.loginuid.as_str(), reply.own_logins), ("keep", true));

    let request = JoinRequest { name: Some("web".to_owned()), pid: 13, ..JoinRequest::default() };
    let reply = client.join(&request, writer.as_fd()).unwrap();
    assert_eq!((reply.contid, reply.name.as_str()), (13, "web"));
    let request = JoinRequest { container: Some(container()), ..JoinRequest::default() };
    assert_eq!(client.join(&request, writer.as_fd()).unwrap().name, "c0ffee");

    // The end of the pipe shows that nobody kept a copy of the descriptor.
    drop(writer);
    let mut written = String::new();
    reader.read_to_string(&mut written).unwrap();
    assert_eq!(written, "web\u{1b}\0webc0ffee");
}

#[test]
fn what_may_be_missing_may_be_missing() {
    let rig = Rig::new();
    let (_reader, writer) = std::io::pipe().unwrap();
    let request = CreateRequest { name: None, backlog_limit: None, policy: None, ..CreateRequest::default() };
    assert_eq!(rig.client().create(&request, writer.as_fd()).unwrap().backlog_limit, 64);
    assert_eq!(*rig.host.created.lock().unwrap(), [request]);
}

#[test]
fn every_refusal_arrives_as_the_host_gave_it() {
    let text = || "x\u{7}".to_owned();
    let refusals = [
        Refusal::NoSuchNamespace { which: text() },
        Refusal::NameTaken { name: text() },
        Refusal::InvalidName { name: text() },
        Refusal::NotPermitted { operation: text(), why: text() },
        Refusal::InvalidValue { key: text(), value: text(), why: text() },
        Refusal::UnknownKey { key: text(), known: vec![text()] },
        Refusal::LimitReached { limit: text(), value: 3 },
        Refusal::MissingDescriptor,
        Refusal::Unavailable { why: text() },
    ];
    let rig = Rig::new();
    let mut client = rig.client();
    for refusal in refusals {
        match client.set(&set(&serde_json::to_string(&refusal).unwrap())) {
            Err(ClientError::Refused(arrived)) => {
                assert_eq!(arrived, refusal);
                assert!(!arrived.to_string().contains('\u{7}'), "a control character reaches the terminal");
            }
            other => panic!("{refusal:?} became {other:?}"),
        }
    }
    assert!(client.supervisor().is_ok(), "a refusal ended the connection");
}

#[test]
fn errors_have_the_form_of_varlink() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let refusal = json!({ "error": "io.auditns.NameTaken", "parameters": { "name": "web" } });
    let call = json!({
        "method": "io.auditns.Set",
        "parameters": { "name": "web", "key": "k", "value": refusal.to_string() },
    });
    assert_eq!(raw.ask(&call.to_string()), refusal);
}

#[test]
fn calls_that_do_not_fit_the_interface_are_answered_with_what_is_wrong() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let mut error = |call: &str| {
        let reply = raw.ask(call);
        (reply["error"].as_str().unwrap().to_owned(), reply["parameters"].clone())
    };

    let (name, parameters) = error(r#"{"method":"io.auditns.Fly","parameters":{}}"#);
    assert_eq!(name, "org.varlink.service.MethodNotFound");
    assert_eq!(parameters, json!({ "method": "io.auditns.Fly" }));
    for (method, interface) in [("com.example.Fly", "com.example"), ("Fly", "Fly"), ("", "")] {
        let (name, parameters) = error(&json!({ "method": method }).to_string());
        assert_eq!(name, "org.varlink.service.InterfaceNotFound");
        assert_eq!(parameters, json!({ "interface": interface }));
    }
    for call in [
        r#"{"method":"io.auditns.Set"}"#,
        r#"{"method":"io.auditns.Set","parameters":null}"#,
        r#"{"method":"io.auditns.Set","parameters":{"name":"a","key":"b"}}"#,
        r#"{"method":"io.auditns.Set","parameters":{"name":"a","key":"b","value":1}}"#,
        r#"{"method":"io.auditns.Set","parameters":{"name":"a","key":"b","value":"c","other":1}}"#,
        r#"{"method":"io.auditns.Set","parameters":{"name":"a","name":"b","key":"b","value":"c"}}"#,
        r#"{"method":"io.auditns.List","parameters":{"name":"a"}}"#,
        r#"{"method":"io.auditns.Show","parameters":{}}"#,
        r#"{"method":"io.auditns.Show","parameters":{"name":"a","pid":1}}"#,
        r#"{"method":"io.auditns.Show","parameters":{"pid":-1}}"#,
        r#"{"method":"io.auditns.Show","parameters":{"contid":18446744073709551616}}"#,
        r#"{"method":"io.auditns.Join","parameters":{"name":"a","pid":4294967296,"wait_killable":true}}"#,
        r#"{"method":"io.auditns.Join","parameters":{"pid":1,"wait_killable":true}}"#,
        r#"{"method":"io.auditns.Join","parameters":{"name":"a","container":{"id":"a","root":""},"pid":1,"wait_killable":true}}"#,
    ] {
        let (name, parameters) = error(call);
        assert_eq!(name, "org.varlink.service.InvalidParameter", "{call}");
        assert!(!parameters["parameter"].as_str().unwrap().is_empty(), "{call}");
    }
}

#[test]
fn the_service_describes_itself() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let info = raw.ask(r#"{"method":"org.varlink.service.GetInfo"}"#);
    assert_eq!(info["parameters"]["interfaces"], json!(["org.varlink.service", "io.auditns"]));
    assert_eq!(info["parameters"]["version"], env!("CARGO_PKG_VERSION"));
    let mut describe = |interface: &str| {
        let method = "org.varlink.service.GetInterfaceDescription";
        raw.ask(&json!({ "method": method, "parameters": { "interface": interface } }).to_string())
    };
    assert_eq!(describe("io.auditns")["parameters"]["description"], crate::interface::DESCRIPTION);
    let service = describe("org.varlink.service");
    assert!(
        service["parameters"]["description"].as_str().unwrap().contains("\ninterface org.varlink.service\n")
    );
    assert_eq!(describe("com.example")["error"], "org.varlink.service.InterfaceNotFound");
}

#[test]
fn calls_sent_together_are_answered_in_order_and_those_one_way_are_not() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let show = |name: &str, oneway: Value| {
        json!({ "method": "io.auditns.Show", "parameters": { "name": name }, "oneway": oneway }).to_string()
    };
    let calls = [
        show("silent", json!(true)),
        show("first", json!(false)),
        r#"{"method":"nothing","oneway":true}"#.to_owned(),
        show("second", json!(null)),
    ];
    raw.send(&calls.join("\0"));
    for name in ["first", "second"] {
        assert_eq!(raw.receive().unwrap()["parameters"]["namespace"]["name"], name);
    }
}

#[test]
fn the_host_is_told_who_called() {
    let rig = Rig::new();
    let path = rig.path();
    rig.client().supervisor().unwrap();
    as_user(ALICE, || crate::client::Client::connect(&path).unwrap().unwrap().supervisor().unwrap());

    let peers = rig.host.peers.lock().unwrap();
    let pid = std::process::id();
    let ids: Vec<_> = peers.iter().map(|peer| (peer.uid, peer.gid, peer.pid)).collect();
    assert_eq!(ids, [(0, 0, pid), (ALICE, ALICE, pid)]);
}

//! The interface file says what the types do.

use super::rig::namespace;
use crate::interface::{
    Container, CreateReply, CreateRequest, DESCRIPTION, IntroduceRequest, JoinReply, JoinRequest, Policy,
    PrepareReply, PrepareRequest, SetReply, SetRequest, SupervisorInfo,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What stands in the brackets after a heading, and what follows them.
fn in_brackets(heading: &str) -> (&'static str, &'static str) {
    let after = DESCRIPTION.split_once(heading).unwrap_or_else(|| panic!("no {heading}")).1;
    after.split_once(')').unwrap()
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let fields = text.trim().split(',').filter(|field| !field.trim().is_empty());
    fields
        .map(|field| {
            let (name, kind) = field.split_once(':').unwrap();
            (name.trim().to_owned(), kind.trim().to_owned())
        })
        .collect()
}

/// A value's fields must be those of the file, of the same types.
fn agrees(heading: &str, declared: &str, value: &impl Serialize) {
    let declared = fields(declared);
    let value = serde_json::to_value(value).unwrap();
    let value = value.as_object().unwrap();
    let names: BTreeSet<_> = value.keys().collect();
    assert_eq!(names, declared.keys().collect(), "{heading}");
    for (name, value) in value {
        let kind = declared[name].trim_start_matches('?');
        let fits = match kind {
            "int" => value.is_u64(),
            "string" | "Policy" | "Membership" => value.is_string(),
            "bool" => value.is_boolean(),
            "[]string" => value.is_array(),
            "[string]string" | "Container" | "?Container" => value.is_object(),
            other => panic!("{heading}: {name} is a {other}"),
        };
        assert!(fits, "{heading}: {name} is {value}, not {kind}");
    }
}

fn method_agrees(method: &str, request: &impl Serialize, reply: &impl Serialize) {
    let heading = format!("\nmethod {method}(");
    let (parameters, rest) = in_brackets(&heading);
    agrees(method, parameters, request);
    let returned = rest.trim_start().strip_prefix("-> (").unwrap().split_once(')').unwrap().0;
    agrees(method, returned, reply);
}

#[test]
fn types_have_the_fields_of_the_file() {
    agrees("NamespaceInfo", in_brackets("type NamespaceInfo (").0, &namespace());
    let text = || "x".to_owned();
    let set = SetRequest { name: text(), key: text(), value: text() };
    method_agrees("Set", &set, &SetReply { before: text(), after: text() });
    let create = CreateRequest {
        name: Some(text()),
        container: Some(Container::default()),
        backlog_limit: Some(1),
        policy: Some(Policy::Normal),
        ..CreateRequest::default()
    };
    let created = CreateReply { contid: 1, name: text(), log_folder: text(), backlog_limit: 1 };
    method_agrees("Create", &create, &created);
    let prepare = PrepareRequest {
        name: Some(text()),
        container: Some(Container::default()),
        ..PrepareRequest::default()
    };
    method_agrees("Prepare", &prepare, &PrepareReply { loginuid: text(), own_logins: true });
    let join = JoinRequest {
        name: Some(text()),
        container: Some(Container::default()),
        pid: 1,
        wait_killable: true,
    };
    method_agrees("Join", &join, &JoinReply { contid: 1, name: text() });
    agrees("Container", in_brackets("type Container (").0, &Container::default());
    let reply = JoinReply { contid: 1, name: text() };
    method_agrees("Introduce", &IntroduceRequest::default(), &reply);
    let supervisor = SupervisorInfo {
        version: text(),
        pid: 1,
        started: 1,
        restarts: 1,
        namespaces: 1,
        sockets: 1,
        ready_sockets: 17,
        senders_noted: true,
        membership: crate::interface::Membership::Exact,
        tags_lost: 0,
        own_logins: true,
        log_folder: text(),
    };
    method_agrees("GetSupervisor", &BTreeMap::<String, String>::new(), &supervisor);
}

/// varlinkctl of systemd 255 and 256 knows comments between declarations only.
#[test]
fn comments_stand_between_declarations() {
    let mut inside = false;
    for line in DESCRIPTION.lines() {
        let comment = line.trim_start().starts_with('#');
        assert!(!(comment && (inside || line.starts_with(' '))), "{line}");
        if !comment {
            let opened = line.matches('(').count() + usize::from(inside);
            inside = opened > line.matches(')').count();
        }
    }
    assert!(!inside);
}

#[test]
fn policies_are_those_of_the_file() {
    let declared = in_brackets("type Policy (").0;
    let declared: Vec<_> = declared.split(", ").collect();
    let written = [Policy::Normal, Policy::Strict].map(|policy| serde_json::to_value(policy).unwrap());
    assert_eq!(declared, written.each_ref().map(|policy| policy.as_str().unwrap()));
}

#[test]
fn the_server_knows_every_method_of_the_file() {
    let rig = super::rig::Rig::new();
    let mut raw = rig.raw();
    let methods: Vec<_> = DESCRIPTION
        .lines()
        .filter_map(|line| line.strip_prefix("method "))
        .map(|line| line.split_once('(').unwrap().0)
        .collect();
    assert_eq!(
        methods,
        ["List", "Show", "Set", "Create", "Prepare", "Join", "Introduce", "Reload", "GetSupervisor"]
    );
    for method in methods {
        let reply = raw.ask(&format!("{{\"method\":\"io.auditns.{method}\"}}"));
        assert_ne!(reply["error"], "org.varlink.service.MethodNotFound", "{method}");
    }
}

#[test]
fn the_client_knows_every_error_of_the_file() {
    let errors = DESCRIPTION.lines().filter_map(|line| line.strip_prefix("error "));
    let mut count = 0;
    for line in errors {
        let (name, rest) = line.split_once(" (").unwrap();
        let parameters: serde_json::Map<_, _> = fields(rest.trim_end_matches(')'))
            .into_iter()
            .map(|(field, kind)| {
                let value = match kind.as_str() {
                    "int" => 1.into(),
                    "[]string" => serde_json::json!(["x"]),
                    _ => "x".into(),
                };
                (field, value)
            })
            .collect();
        let mut reply = serde_json::json!({ "error": format!("io.auditns.{name}") });
        if !parameters.is_empty() {
            reply["parameters"] = parameters.into();
        }
        let refusal: crate::Refusal = serde_json::from_value(reply.clone()).unwrap();
        assert_eq!(serde_json::to_value(&refusal).unwrap(), reply, "{name}");
        count += 1;
    }
    assert_eq!(count, 9);
}

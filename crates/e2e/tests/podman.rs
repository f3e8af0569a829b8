//! podman beyond what every manager proves: annotations, containers that are started again or paused, pods, starts while the
//! supervisor is killed, profiles with a listener, and a container that systemd boots.

use std::time::Duration;

use auditns_e2e::container::Outcome;
use auditns_e2e::log::Log;
use auditns_e2e::managers::Host;
use auditns_e2e::managers::proof::{Way, runs};

const LIMIT: Duration = Duration::from_secs(200);

/// What says on a host that audit is not there.
const NO_AUDIT: &str = "audit support not in kernel";

fn host(name: &str) -> Host {
    Host::new(name).file(
        "/etc/containers/containers.conf.d/auditns.conf",
        "[engine.runtimes]\nauditns = [\"/usr/bin/auditns-crun\"]\n",
    )
}

/// Runs a script of this crate, all of whose steps end with 0 but for those named. Nothing is left.
fn done(host: &Host, script: &str, others: &[(&str, i32)]) -> Outcome {
    let outcome = host.run("podman", &format!(". \"$SHARE/e2e/scripts/{script}\"\n"), LIMIT);
    let expected =
        |name: &str| others.iter().find(|(other, _)| *other == name).map_or(0, |(_, status)| *status);
    assert!(outcome.steps().len() > 1, "{}", outcome.finished.report());
    let steps: Vec<(&str, i32)> =
        outcome.steps().keys().map(|name| (name.as_str(), expected(name))).collect();
    outcome.expect(&steps);
    assert_eq!(outcome.fact("left"), "[]", "every namespace has ended");
    outcome
}

/// What happened in a namespace: its frames, and the texts of messages, in order.
fn story(log: &Log) -> Vec<String> {
    let told = ["op=start ", "op=init ", "op=stop ", "text="];
    let of = |text: &str| {
        let at = told.iter().find_map(|part| text.find(part))?;
        text[at..].split(' ').next().map(str::to_owned)
    };
    log.records.iter().filter_map(|record| of(&record.text)).collect()
}

#[test]
fn annotations_are_obeyed_or_refused() {
    let host = host("podman-annotations");
    let refused = ["off", "key", "limit", "name", "policy"].map(|what| (format!("refused-{what}"), 126));
    let others: Vec<(&str, i32)> = refused.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    let outcome = done(&host, "ctr-annotations.sh", &others);
    for ((step, _), sentence) in refused.iter().zip([
        "io.auditns.off is \"maybe\"",
        "\"io.auditns.color\" (value \"red\") is not known",
        "io.auditns.backlog-limit is \"-3\"",
        "io.auditns.name is \"a/b\"",
        "io.auditns.policy is \"none\"",
    ]) {
        let said = outcome.output(step);
        assert!(said.contains(sentence) && said.lines().count() == 1, "{step}: {said}");
    }
    assert_eq!(outcome.fact("containers"), "[]", "nothing is left half done");
    assert!(
        outcome.output("off").contains("Operation not permitted") || outcome.output("off").contains(NO_AUDIT)
    );
    assert!(outcome.output("named").contains("backlog_limit 77\n"), "{}", outcome.output("named"));
    assert!(outcome.output("privileges").contains("NoNewPrivs:\t1"), "{}", outcome.output("privileges"));
    let names: Vec<String> = host.logs().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["named", "privileges", "strict"]);
    assert!(
        host.log("strict")
            .records
            .iter()
            .any(|record| record.has("op=start ") && record.has("policy=strict "))
    );
    assert!(host.log("strict").has("USER", &["text=strict-here "]));
    let privileges = host.log("privileges");
    for part in ["no-new-privs=1 ", "text=no-new ", "op=PAM:session_open "] {
        assert!(privileges.records.iter().any(|record| record.has(part)), "{}", privileges.report());
    }
}

#[test]
fn each_life_of_a_container_has_its_namespace() {
    let host = host("podman-lives");
    let outcome = done(&host, "ctr-lives.sh", &[("paused-exec", 255), ("others-nobody", 1)]);
    let life = |text: &str| ["op=start", "op=init", text, "op=stop"].map(str::to_owned);
    let again: Vec<String> = ["text=first", "text=second", "text=third"].into_iter().flat_map(life).collect();
    assert_eq!(story(&host.log("again")), again);
    for (name, text) in [
        ("paused", "text=then"),
        ("pod-one", "text=from-one"),
        ("pod-two", "text=from-two"),
        ("host-pids", "text=host-pids"),
    ] {
        assert_eq!(story(&host.log(name)), life(text), "{name}");
    }
    let others = host.log("others");
    for (kind, part) in [
        ("USER_AUTH", "uid=65534 "),
        ("USER", "text=privileged "),
        ("USER", "terminal=pts/0 "),
        ("USER", "text=detached "),
    ] {
        assert!(others.has(kind, &[part]), "no {kind} {part}:\n{}", others.report());
    }
    let ids = |name: &str| {
        let log = host.log(name);
        let mut ids: Vec<String> =
            log.records.iter().filter_map(|record| record.field("contid").map(str::to_owned)).collect();
        ids.dedup();
        ids
    };
    assert_eq!((ids("again").len(), ids("paused").len()), (3, 1), "{:?}", ids("again"));
    let listed = outcome.output("list");
    assert!(ids("again").last().is_some_and(|id| listed.contains(id.as_str())), "{listed}");
}

#[test]
fn containers_are_started_while_the_supervisor_is_killed() {
    let host = host("podman-kills");
    let outcome = done(&host, "ctr-kills.sh", &[]);
    assert!(
        outcome.fact("killed").parse::<u32>().is_ok_and(|kills| kills >= 3),
        "{}",
        outcome.fact("killed")
    );
    assert_eq!(outcome.fact("containers"), "[]");
    for starter in 1..=3 {
        for number in 1..=4 {
            let name = format!("k{starter}-{number}");
            let said = format!("text=said-{starter}-{number}");
            assert_eq!(story(&host.log(&name)), ["op=start", "op=init", &said, "op=stop"], "{name}");
        }
    }
}

#[test]
fn a_container_that_systemd_boots() {
    let host = host("podman-systemd");
    let outcome = done(&host, "ctr-systemd.sh", &[]);
    assert_eq!(outcome.output("failed"), "", "services have failed");
    assert_eq!(outcome.output("active"), "active\nactive\nactive\nactive\n");
    let status = outcome.output("status");
    assert!(!status.contains("pid 0\n") && status.contains("enabled 1\n"), "{status}");
    let log = host.log("web");
    for (kind, part) in [
        ("SYSTEM_BOOT", "res=success"),
        ("SERVICE_START", "unit=cron "),
        ("USER", "text=hello "),
        ("SYSTEM_SHUTDOWN", "res=success"),
    ] {
        assert!(log.has(kind, &[part]), "no {kind} {part}:\n{}", log.report());
    }
}

#[test]
fn a_listener_and_a_user_namespace() {
    let host = host("podman-listener");
    let functions = "auditns profile podman --mechanism listener >/root/profile.json 2>/dev/null\n\
                     start() { podman --runtime crun run --detach --name \"$1\" --network=none --uidmap 0:100000:65536 \
                     --security-opt seccomp=/root/profile.json --annotation io.auditns.name=\"$1\" \
                     --cap-add AUDIT_WRITE,AUDIT_CONTROL --volume /srv/e2e:/e2e debian sleep 98765 >/dev/null && served \"$1\" && echo \"$1\"; }\n\
                     execute() { local name=$1; shift; podman exec \"$name\" \"$@\"; }\n\
                     stop() { podman kill \"$1\"; podman wait \"$1\"; podman rm \"$1\" || ! podman container exists \"$1\"; }\n";
    runs(&host, "podman", functions, Way::Listener, 100_000);
}

#[test]
fn what_a_listener_cannot_have_finds_no_audit() {
    let host = host("podman-listener-refused");
    let outcome = done(&host, "ctr-listener.sh", &[("absent-runc", 126), ("absent-crun", 126)]);
    assert!(outcome.output("limit").contains("backlog_limit 77\n"), "{}", outcome.output("limit"));
    for step in ["off", "unknown"] {
        let said = outcome.output(step);
        assert!(said.contains(NO_AUDIT) && !said.contains("System error"), "{step}: {said}");
    }
    for step in ["absent-runc", "absent-crun"] {
        let said = outcome.output(step);
        assert!(said.contains("/run/auditns/oci.sock") && said.lines().count() == 1, "{step}: {said}");
    }
    assert_eq!(outcome.fact("containers"), "[]", "nothing is left half done");
    assert_eq!(host.logs().len(), 1, "one had a namespace");
}

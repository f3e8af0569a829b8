//! The pages of `docs/runtimes`: what people copy from them works as it stands there.

use auditns_e2e::container::Outcome;
use auditns_e2e::managers::Host;
use auditns_e2e::managers::pages::block;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Everything was done, every namespace has ended, and in the logs stands what `su` has said.
fn su_was_recorded(host: &Host, outcome: &Outcome) {
    assert_eq!(outcome.step("script"), 0, "{}", outcome.finished.report());
    assert_eq!(outcome.fact("left"), "[]", "{}", outcome.finished.report());
    let logs: Vec<_> = host.logs().into_iter().map(|(_, log)| log).collect();
    let has = |part: &str| logs.iter().flat_map(|log| &log.records).filter(|record| record.has(part)).count();
    assert_eq!((has("op=start "), has("op=stop ")), (1, 1), "{}", outcome.finished.report());
    assert_eq!(has("op=PAM:session_open "), 1, "{}", outcome.finished.report());
}

#[test]
fn podman() {
    let host = Host::new("page-podman").file(
        "/etc/containers/containers.conf.d/auditns.conf",
        &block("podman", "toml", "[engine.runtimes]"),
    );
    let outcome = host.run("podman", &block("podman", "sh", "podman --runtime auditns run --cap-add"), LIMIT);
    su_was_recorded(&host, &outcome);
}

#[test]
fn podman_with_a_profile_that_has_a_listener() {
    let host = Host::new("page-podman-profile");
    let page = "auditns profile podman --mechanism listener > /etc/containers/auditns.json\n";
    let script = format!(
        "{page}podman run --security-opt seccomp=/etc/containers/auditns.json --cap-add AUDIT_WRITE debian su -c true\n"
    );
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runtimes/podman.md"))
        .unwrap();
    assert!(text.contains(page.trim_end()), "the page says something else");
    let outcome = host.run("podman", &script, LIMIT);
    su_was_recorded(&host, &outcome);
}

#[test]
fn docker() {
    let host = Host::new("page-docker").file("/etc/docker/daemon.json", &block("docker", "json", "runtimes"));
    let outcome = host.run("docker", &block("docker", "sh", "docker run --runtime auditns debian"), LIMIT);
    su_was_recorded(&host, &outcome);
}

#[test]
fn containerd() {
    let host = Host::new("page-containerd");
    let outcome = host.run("containerd", &block("containerd", "sh", "ctr run --runc-binary"), LIMIT);
    su_was_recorded(&host, &outcome);
}

#[test]
fn runc() {
    let host = Host::new("page-runc");
    let commands = block("runc", "sh", "auditns-runc run");
    // The container has to be there while somebody is executed in it.
    let (run, exec) = commands.trim().split_once('\n').expect("two commands");
    let script = format!(
        "{run} &\nuntil runc state web 2>/dev/null | grep -q running; do sleep 0.05; done\n\
         {exec}\nrunc kill web KILL\nwait\n"
    );
    let outcome = host.run("runc", &script, LIMIT);
    assert_eq!(outcome.fact("left"), "[]", "{}", outcome.finished.report());
    let logs: Vec<_> = host.logs().into_iter().map(|(_, log)| log).collect();
    let log = logs.first().unwrap_or_else(|| panic!("no log: {}", outcome.finished.report()));
    let has = |part: &str| log.records.iter().filter(|record| record.has(part)).count();
    assert_eq!((has("op=start "), has("op=join "), has("op=stop ")), (1, 1, 1), "{}", log.report());
    assert_eq!(has("text=hello "), 1, "{}\n{}", log.report(), outcome.finished.report());
}

#[test]
fn launchers() {
    let host = Host::new("page-launchers");
    let commands = block("nspawn", "sh", "bwrap");
    // Shells end at once, as nobody types; a whole system is booted by another test.
    let script: Vec<&str> =
        commands.lines().filter(|line| line.starts_with("auditns run") && line.ends_with("bash")).collect();
    assert_eq!(script.len(), 2, "{commands}");
    let said: Vec<String> = script.iter().map(|line| format!("{line} -c 'auditctl -m hello'\n")).collect();
    let outcome = host.run("launcher", &said.concat(), LIMIT);
    assert_eq!(outcome.step("script"), 0, "{}", outcome.finished.report());
    let logs: Vec<_> = host.logs().into_iter().map(|(_, log)| log).collect();
    let has = |part: &str| logs.iter().flat_map(|log| &log.records).filter(|record| record.has(part)).count();
    assert_eq!(
        (has("op=start "), has("text=hello "), has("op=stop ")),
        (2, 2, 2),
        "{}",
        outcome.finished.report()
    );
}

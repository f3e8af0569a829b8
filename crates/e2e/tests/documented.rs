//! The pages of `docs/runtimes`: what people copy from them works as it stands there.

use auditns_e2e::container::Outcome;
use auditns_e2e::documented::{Reader, block};

/// Everything was done, every namespace has ended, and in the logs stands what `su` has said.
fn su_was_recorded(reader: &Reader, outcome: &Outcome) {
    assert_eq!(outcome.step("page"), 0, "{}", outcome.finished.report());
    assert_eq!(outcome.fact("left"), "[]", "{}", outcome.finished.report());
    let logs = reader.logs();
    let has = |part: &str| logs.iter().flat_map(|log| &log.records).filter(|record| record.has(part)).count();
    assert_eq!((has("op=start "), has("op=stop ")), (1, 1), "{}", outcome.finished.report());
    assert_eq!(has("op=PAM:session_open "), 1, "{}", outcome.finished.report());
}

#[test]
fn podman() {
    let reader = Reader::new("page-podman").file(
        "/etc/containers/containers.conf.d/auditns.conf",
        &block("podman", "toml", "[engine.runtimes]"),
    );
    let outcome = reader.run("podman", &block("podman", "sh", "podman --runtime auditns run --cap-add"));
    su_was_recorded(&reader, &outcome);
}

#[test]
fn docker() {
    let reader =
        Reader::new("page-docker").file("/etc/docker/daemon.json", &block("docker", "json", "runtimes"));
    let outcome = reader.run("docker", &block("docker", "sh", "docker run --runtime auditns debian"));
    su_was_recorded(&reader, &outcome);
}

#[test]
fn containerd() {
    let reader = Reader::new("page-containerd");
    let outcome = reader.run("containerd", &block("containerd", "sh", "ctr run --runc-binary"));
    su_was_recorded(&reader, &outcome);
}

#[test]
fn runc() {
    let reader = Reader::new("page-runc");
    let commands = block("runc", "sh", "auditns-runc run");
    // The container has to be there while somebody is executed in it.
    let (run, exec) = commands.trim().split_once('\n').expect("two commands");
    let script = format!(
        "{run} &\nuntil runc state web 2>/dev/null | grep -q running; do sleep 0.05; done\n\
         {exec}\nrunc kill web KILL\nwait\n"
    );
    let outcome = reader.run("runc", &script);
    assert_eq!(outcome.fact("left"), "[]", "{}", outcome.finished.report());
    let logs = reader.logs();
    let log = logs.first().unwrap_or_else(|| panic!("no log: {}", outcome.finished.report()));
    let has = |part: &str| log.records.iter().filter(|record| record.has(part)).count();
    assert_eq!((has("op=start "), has("op=join "), has("op=stop ")), (1, 1, 1), "{}", log.report());
    assert_eq!(has("text=hello "), 1, "{}\n{}", log.report(), outcome.finished.report());
}

#[test]
fn launchers() {
    let reader = Reader::new("page-launchers");
    let commands = block("nspawn", "sh", "bwrap");
    // Shells end at once, as nobody types; a whole system is booted by another test.
    let script: Vec<&str> =
        commands.lines().filter(|line| line.starts_with("auditns run") && line.ends_with("bash")).collect();
    assert_eq!(script.len(), 2, "{commands}");
    let said: Vec<String> = script.iter().map(|line| format!("{line} -c 'auditctl -m hello'\n")).collect();
    let outcome = reader.run("launcher", &said.concat());
    assert_eq!(outcome.step("page"), 0, "{}", outcome.finished.report());
    let logs = reader.logs();
    let has = |part: &str| logs.iter().flat_map(|log| &log.records).filter(|record| record.has(part)).count();
    assert_eq!(
        (has("op=start "), has("text=hello "), has("op=stop ")),
        (2, 2, 2),
        "{}",
        outcome.finished.report()
    );
}

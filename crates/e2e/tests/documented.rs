//! What people copy from the pages of `docs` works as it stands there.

use auditns_e2e::auditns;
use auditns_e2e::container::Outcome;
use auditns_e2e::host::Unchanged;
use auditns_e2e::managers::Host;
use auditns_e2e::managers::pages::block;
use auditns_e2e::process;
use auditns_e2e::supervised::Supervisor;
use std::ffi::OsString;
use std::process::Command;
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
        &block("runtimes/podman", "toml", "[engine.runtimes]"),
    );
    let outcome =
        host.run("podman", &block("runtimes/podman", "sh", "podman --runtime auditns run --cap-add"), LIMIT);
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
    let host = Host::new("page-docker")
        .file("/etc/docker/daemon.json", &block("runtimes/docker", "json", "runtimes"));
    let outcome =
        host.run("docker", &block("runtimes/docker", "sh", "docker run --runtime auditns debian"), LIMIT);
    su_was_recorded(&host, &outcome);
}

#[test]
fn containerd() {
    let host = Host::new("page-containerd");
    let outcome = host.run("containerd", &block("runtimes/containerd", "sh", "ctr run --runc-binary"), LIMIT);
    su_was_recorded(&host, &outcome);
}

#[test]
fn runc() {
    let host = Host::new("page-runc");
    let commands = block("runtimes/runc", "sh", "auditns-runc run");
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
    let commands = block("runtimes/nspawn", "sh", "bwrap");
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

/// Shows both files as libaudit reads them.
const LOGIN_UID: &str = "#!/bin/bash
for file in loginuid sessionid; do
    echo \"$file $(dd if=/proc/self/$file iflag=nofollow status=none)\"
done
";
/// For `su`, on this host: login uids are set by this one.
const PAM: &str = "auth sufficient pam_rootok.so
account required pam_permit.so
session required pam_loginuid.so
";

#[test]
fn login_uids_of_ones_own() {
    let supervisor = Supervisor::start("page-loginuid");
    let page = block("loginuid", "console", "auditns run --loginuid virtual");
    let (prompts, said): (Vec<&str>, Vec<&str>) = page.lines().partition(|line| line.starts_with("# "));
    let commands = prompts.iter().map(|line| &line[2..]).collect::<Vec<_>>().join("\n");
    // Where nobody else sees it.
    let bin = "/usr/local/bin";
    let prepare = format!(
        "set -e; mount -t tmpfs -o mode=755 e2e {bin}; ln -s \"$0\" {bin}/auditns; cd {bin}; printf %s \"$1\" >login-uid; chmod 755 \
         login-uid; printf %s \"$2\" >pam; mount --bind pam /etc/pam.d/su; cd /; {commands}"
    );
    let mut words: Vec<OsString> = process::logged_in(4242).map(Into::into).to_vec();
    words.extend(["unshare", "--mount", "bash", "-c", &prepare].map(Into::into));
    words.extend([auditns::program().into(), LOGIN_UID.into(), PAM.into()]);
    let _kernel = Unchanged::hold();
    let mut command = Command::new(&words[0]);
    let path = format!("{bin}:/usr/sbin:/usr/bin:/sbin:/bin");
    command.args(&words[1..]).env("PATH", path).env("AUDITNS_RUN_DIR", supervisor.dir().path().join("run"));
    let finished = process::run(&mut command, LIMIT);
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), said, "{}", finished.report());
}

//! Container managers as Debian ships them, with auditns as their OCI runtime: containers side by side, programs that are
//! executed in them, logins, an audit daemon inside, and a supervisor that is killed meanwhile.

use std::time::Duration;

use auditns_e2e::battery;
use auditns_e2e::managers::proof::{Way, runs};
use auditns_e2e::managers::{Host, absent};

const LIMIT: Duration = Duration::from_secs(180);

/// What podman is told once.
const PODMAN: &str =
    "[engine.runtimes]\nauditns = [\"/usr/bin/auditns-crun\"]\nauditns-runc = [\"/usr/bin/auditns-runc\"]\n";
const PODMAN_FILE: &str = "/etc/containers/containers.conf.d/auditns.conf";

/// podman can say of a container that it has removed that a mount of it was busy. `prefix` are words in front of podman,
/// `options` those of `podman run`.
fn podman(prefix: &str, runtime: &str, options: &str) -> String {
    format!(
        "start() {{ {prefix} podman --runtime {runtime} run --detach --name \"$1\" --network=none \
         --annotation io.auditns.name=\"$1\" --cap-add AUDIT_WRITE,AUDIT_CONTROL --volume /srv/e2e:/e2e {options} \
         debian sleep 98765 >/dev/null && echo \"$NAMES$1\"; }}\n\
         execute() {{ local name=$1; shift; {prefix} podman exec \"$name\" \"$@\"; }}\n\
         stop() {{ {prefix} podman kill \"$1\"; {prefix} podman wait \"$1\"; \
         {prefix} podman rm \"$1\" || ! {prefix} podman container exists \"$1\"; }}\n\
         NAMES=${{NAMES:-}}\n"
    )
}

#[test]
fn podman_with_crun() {
    let host = Host::new("podman-crun").file(PODMAN_FILE, PODMAN);
    runs(&host, "podman", &podman("", "auditns", ""), Way::Runtime, 0);
}

#[test]
fn podman_with_runc_and_a_user_namespace() {
    let host = Host::new("podman-userns").file(PODMAN_FILE, PODMAN);
    runs(&host, "podman", &podman("", "auditns-runc", "--uidmap 0:100000:65536"), Way::Runtime, 100_000);
}

#[test]
fn podman_of_a_user() {
    let policy = "[defaults]\nunprivileged-backlog-limit = 64\n";
    let host = Host::new("podman-user").file(PODMAN_FILE, PODMAN).file("/etc/auditns/auditns.toml", policy);
    let functions = format!("NAMES=54321:\n{}", podman("as_user", "auditns-runc", ""));
    runs(&host, "podman-user", &functions, Way::Runtime, 54321);
}

#[test]
fn docker() {
    let daemon =
        r#"{"runtimes": {"auditns": {"path": "/usr/bin/auditns-runc"}}, "default-runtime": "auditns"}"#;
    let host = Host::new("docker").file("/etc/docker/daemon.json", daemon);
    let functions = "start() { local id; id=$(docker run --detach --name \"$1\" --network=none --cap-add AUDIT_CONTROL \
                     --volume /srv/e2e:/e2e debian sleep 98765) && echo \"${id:0:12}\"; }\n\
                     execute() { local name=$1; shift; docker exec \"$name\" \"$@\"; }\n\
                     stop() { docker rm --force \"$1\"; }\n";
    let outcome = runs(&host, "docker", functions, Way::Runtime, 0);
    let shown = outcome.output("show");
    assert!(shown.contains("\"members\": "), "{shown}");
}

#[test]
fn containerd_as_kubernetes_uses_it() {
    let host = Host::new("containerd");
    let annotations = "--annotation io.kubernetes.cri.sandbox-namespace=prod \
                       --annotation io.kubernetes.cri.sandbox-name=web-1 \
                       --annotation io.kubernetes.cri.container-name=\"$1\"";
    let functions = format!(
        "start() {{ ctr run --detach --runc-binary /usr/bin/auditns-runc --allow-new-privs --cap-add CAP_AUDIT_CONTROL {annotations} \
         --mount type=bind,src=/srv/e2e,dst=/e2e,options=rbind:rw docker.io/library/debian:latest \"$1\" sleep 98765 \
         >/dev/null && echo \"prod.web-1.$1\"; }}\n\
         execute() {{ local name=$1; shift; ctr task exec --exec-id \"e$BASHPID$RANDOM\" \"$name\" \"$@\"; }}\n\
         stop() {{ ctr task kill --signal KILL \"$1\"; until ctr container delete \"$1\" || ! ctr container info \"$1\" >/dev/null 2>&1; \
         do sleep 0.05; done; }}\n"
    );
    runs(&host, "containerd", &functions, Way::Runtime, 0);
    let log = host.log("prod.web-1.one");
    assert!(
        log.records.iter().all(|record| record.has("k8s-ns=prod k8s-pod=web-1 k8s-ctr=one ")),
        "{}",
        log.report()
    );
}

/// runc or crun by hand.
fn by_hand(runtime: &str) -> String {
    format!(
        "start() {{ auditns-{runtime} run --detach --bundle \"/srv/$1\" \"$1\" </dev/null >\"$SHARE/e2e/out/run-$1\" 2>&1 \
         && echo \"$1\"; }}\n\
         execute() {{ local name=$1; shift; auditns-{runtime} exec \"$name\" \"$@\"; }}\n\
         stop() {{ {runtime} kill \"$1\" KILL; until {runtime} delete \"$1\" || ! {runtime} state \"$1\" >/dev/null 2>&1; \
         do sleep 0.05; done; }}\n"
    )
}

#[test]
fn runc_by_hand() {
    let host = Host::new("by-hand-runc");
    runs(&host, "runc", &by_hand("runc"), Way::Runtime, 0);
}

#[test]
fn crun_by_hand() {
    let host = Host::new("by-hand-crun");
    runs(&host, "runc", &by_hand("crun"), Way::Runtime, 0);
}

#[test]
fn without_a_supervisor_a_container_is_started_or_not_as_the_policy_says() {
    let start = "podman --runtime auditns run --rm --network=none debian true";
    for (policy, status, said) in [
        ("fail", 125, "no supervisor serves in /run/auditns"),
        ("skip", 0, "the policy lets it go on without an audit namespace"),
    ] {
        let text = format!("[runtime]\non-missing = \"{policy}\"\n");
        let host =
            Host::new("no-supervisor").file(PODMAN_FILE, PODMAN).file("/etc/auditns/auditns.toml", &text);
        let script = format!(
            "export E2E_OUT=$SHARE/e2e/out\n. \"$SHARE/e2e/scripts/lib.sh\"\npkill -x auditns\nuntil ! pgrep -x auditns; do sleep 0.05; done\n\
             step start {start}\nuntil_true 10 no_containers\nfact containers \"[$(podman ps --all --quiet)]\"\n\
             auditns supervise 2>/dev/null &\nuntil auditns list >/dev/null 2>&1; do sleep 0.05; done\n"
        );
        let outcome = host.run("podman", &script, LIMIT);
        let output = outcome.output("start");
        assert_eq!(
            outcome.step("start"),
            if status == 0 { 0 } else { outcome.step("start").max(125) },
            "{output}"
        );
        assert_eq!(outcome.step("start") == 0, status == 0, "{output}");
        let lines = output.lines().filter(|line| line.contains(said)).count();
        assert!(policy == "skip" || lines == 1, "{output}");
        assert_eq!(outcome.fact("containers"), "[]", "nothing is left half done");
        assert!(host.logs().is_empty());
    }
}

/// Runtimes that a user starts without podman: the runtime itself hands the listener of its profile over. To execute something
/// in such a container is beyond the versions here: runc may not fetch the listener, crun misses a freezer.
fn by_a_user(runtime: &str) {
    let policy = "[defaults]\nunprivileged-backlog-limit = 64\n";
    let host = Host::new(&format!("user-{runtime}")).file("/etc/auditns/auditns.toml", policy);
    let script = format!(
        r#"export E2E_OUT=$SHARE/e2e/out
        . "$SHARE/e2e/scripts/lib.sh"
        cd /srv/web && rm config.json && chmod 755 . && as_user sh -c 'cd /tmp && runc spec --rootless --bundle /run/user/54321'
        auditns profile runc --mechanism listener >/run/user/54321/profile
        python3 - <<'END'
import json
with open("/run/user/54321/config.json") as file:
    config = json.load(file)
with open("/run/user/54321/profile") as file:
    config["linux"]["seccomp"] = json.load(file)
names = ["CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL"]
for kind in ("bounding", "effective", "permitted"):
    config["process"]["capabilities"][kind] = names
config["process"].update(terminal=False, noNewPrivileges=False, args=["auditctl", "-m", "spoken"])
config["root"]["path"] = "/srv/web/rootfs"
config["linux"]["cgroupsPath"] = ""
with open("/run/user/54321/config.json", "w") as file:
    json.dump(config, file)
END
        as_user {runtime} --root /run/user/54321/containers run --bundle /run/user/54321 mine </dev/null
        "#
    );
    let outcome = host.run("runc-user", &script, LIMIT);
    assert_eq!(outcome.step("script"), 0, "{}", outcome.finished.report());
    let log = host.log("54321:mine");
    for part in ["op=start ", "text=spoken ", "op=stop "] {
        assert_eq!(
            log.records.iter().filter(|record| record.has(part)).count(),
            1,
            "{part}: {}",
            log.report()
        );
    }
}

#[test]
fn runc_of_a_user() {
    by_a_user("runc");
}

#[test]
fn crun_of_a_user() {
    by_a_user("crun");
}

/// Programs that make containers and know nothing of runtimes.
fn launched(host: &Host, name: &str, command: &str, others: &[(&str, i32)]) {
    let script = format!(
        "export E2E_OUT=$SHARE/e2e/out\n. \"$SHARE/e2e/scripts/lib.sh\"\n\
         auditns run --name {name} -- {command} bash /e2e/scripts/launched.sh >\"$out/inside\" 2>\"$out/said\" || true\n\
         grep -E '^(STEP|FACT) ' \"$out/inside\" || cat \"$out/said\" >&2\n"
    );
    let outcome = host.run("launcher", &script, LIMIT);
    assert_eq!(outcome.step("script"), 0, "{}", outcome.finished.report());
    assert!(outcome.steps().len() >= 24, "{}", outcome.output("said"));
    battery::expect(&outcome, "", others);
    let log = host.log(name);
    for (kind, part) in [
        ("ADD_USER", "exe=\"/usr/sbin/useradd\""),
        ("USER_LOGIN", "exe=\"/usr/sbin/sshd\""),
        ("USER", "text=for-the-daemon "),
    ] {
        assert!(log.has(kind, &[part]), "no {kind} {part}:\n{}", log.report());
    }
}

#[test]
fn bubblewrap() {
    launched(
        &Host::new("bwrap"),
        "bwrap",
        "bwrap --bind /srv/build / --dev /dev --proc /proc --tmpfs /run --bind /srv/e2e /e2e --unshare-pid --unshare-ipc \
         --unshare-uts --die-with-parent --cap-add ALL --setenv PATH /usr/sbin:/usr/bin:/sbin:/bin --setenv USER root",
        // bubblewrap sets no-new-privileges.
        &[("sudo", 1)],
    );
}

#[test]
fn lxc_below_a_launcher() {
    let configuration = "lxc.rootfs.path = dir:/srv/build\nlxc.net.0.type = empty\nlxc.net.0.flags = up\nlxc.pty.max = 64\n\
                         lxc.mount.auto = proc:rw\nlxc.mount.entry = /srv/e2e e2e none bind,create=dir 0 0\n\
                         lxc.environment = PATH=/usr/sbin:/usr/bin:/sbin:/bin\nlxc.environment = USER=root\n";
    let host = Host::new("lxc").file("/srv/lxc.conf", configuration);
    launched(&host, "lxc", "lxc-execute --name lxc --lxcpath /srv --rcfile /srv/lxc.conf --", &[]);
}

#[test]
fn what_is_not_proven_is_known() {
    for (program, reason) in absent::ABSENT {
        println!("not run: {program}: {reason}");
    }
    assert_eq!(absent::present(), [] as [&str; 0], "these are here: prove them, and take them off the list");
}

//! Profiles with a listener that are made of those of podman, docker and containerd, and of none: what runc and crun make of
//! them is what they are meant to be.

use std::time::Duration;

use auditns_e2e::container::Outcome;
use auditns_e2e::managers::Host;

const LIMIT: Duration = Duration::from_secs(120);
const PROBE: &str = "python3 /e2e/scripts/profile-probe.py";

fn succeeded(outcome: &Outcome, steps: &[&str]) {
    assert_eq!(outcome.step("script"), 0, "{}", outcome.finished.report());
    for step in steps {
        let said = outcome.output(step);
        assert_eq!((outcome.step(step), said.lines().last()), (0, Some("all")), "{step}: {said}");
    }
    assert_eq!(outcome.fact("left"), "[]", "{}", outcome.finished.report());
}

/// Puts a profile into a bundle of a host, and has the probe run there by both runtimes.
fn by_hand(host: &Host, profile: &str) {
    let script = format!(
        ". \"$SHARE/e2e/scripts/ctr-lib.sh\"\n{profile}\n\
         python3 \"$SHARE/e2e/scripts/ctr-profile.py\" /srv/web/config.json /srv/profile\n\
         sed -i 's|\"sleep\", \"98765\"|\"{}\"|' /srv/web/config.json\n\
         for runtime in runc crun; do step \"$runtime\" \"$runtime\" run --bundle /srv/web \"by-$runtime\"; done\n",
        PROBE.replace(' ', "\", \"")
    );
    succeeded(&host.run("runc", &script, LIMIT), &["runc", "crun"]);
}

/// The configuration that a manager has made of its own profile, made one with a listener and given to both runtimes.
fn of_manager(name: &str, script: &str) {
    let outcome = Host::new(&format!("profile-of-{name}")).run(name, script, LIMIT);
    assert_eq!(outcome.step("script"), 0, "{}", outcome.finished.report());
    let given = outcome.output("config.json");
    assert!(given.contains("SCMP_ACT_ALLOW") && given.contains("socketcall"), "{given}");
    let host = Host::new(&format!("profile-made-of-{name}")).file("/srv/config.json", &given);
    by_hand(&host, "auditns profile runc --mechanism listener --from /srv/config.json --output /srv/profile");
}

#[test]
fn of_none() {
    let host = Host::new("profile-of-none");
    by_hand(&host, "auditns profile runc --mechanism listener --output /srv/profile");
}

#[test]
fn of_podman() {
    let host = Host::new("profile-of-podman");
    let script = format!(
        ". \"$SHARE/e2e/scripts/ctr-lib.sh\"\n\
         auditns profile podman --mechanism listener --output /srv/profile.json\n\
         for runtime in runc crun; do\n\
         for options in '' --uidmap=0:100000:65536; do\n\
         step \"$runtime$options\" run --rm --security-opt seccomp=/srv/profile.json --volume /srv/e2e:/e2e $options \
         debian {PROBE}\ndone\ndone\n"
    );
    let outcome = host.run("podman", &script, LIMIT);
    let userns = "--uidmap=0:100000:65536";
    succeeded(&outcome, &["runc", "crun", &format!("runc{userns}"), &format!("crun{userns}")]);
}

#[test]
fn of_docker() {
    of_manager(
        "docker",
        "id=$(docker run --detach --network=none debian sleep 98765)\n\
         find /run -path \"*$id/config.json\" -exec cp {} \"$SHARE/e2e/out/config.json\" \\; || true\n\
         docker rm --force \"$id\"\n",
    );
}

#[test]
fn of_containerd() {
    of_manager(
        "containerd",
        "ctr run --detach --seccomp docker.io/library/debian:latest web sleep 98765\n\
         cp /run/containerd/io.containerd.runtime.v2.task/default/web/config.json \"$SHARE/e2e/out/config.json\"\n\
         ctr task kill --signal KILL web\n",
    );
}

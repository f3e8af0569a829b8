//! runc and crun by hand whose profile has a listener: they hand it to the supervisor themselves.

use std::time::Duration;

use auditns_e2e::managers::Host;
use auditns_e2e::managers::proof::{Way, runs};

const LIMIT: Duration = Duration::from_secs(60);

/// Puts our profile into the bundles of a host.
fn with_profile(runtime: &str) -> String {
    format!(
        "auditns profile {runtime} --mechanism listener >/root/profile.json 2>/dev/null\n\
         for bundle in one two web; do\n\
         python3 \"$SHARE/e2e/scripts/ctr-profile.py\" \"/srv/$bundle/config.json\" /root/profile.json\ndone\n"
    )
}

fn proven(runtime: &str) {
    let host = Host::new(&format!("listener-{runtime}"));
    let functions = format!(
        "{}start() {{ {runtime} run --detach --bundle \"/srv/$1\" \"$1\" </dev/null >\"$SHARE/e2e/out/run-$1\" 2>&1 \
         && served \"$1\" && echo \"$1\"; }}\n\
         execute() {{ local name=$1; shift; {runtime} exec \"$name\" \"$@\"; }}\n\
         stop() {{ {runtime} kill \"$1\" KILL; until {runtime} delete \"$1\" || ! {runtime} state \"$1\" >/dev/null 2>&1; do sleep 0.05; done; }}\n",
        with_profile(runtime)
    );
    runs(&host, "runc", &functions, Way::Listener, 0);
}

#[test]
fn runc_with_a_listener() {
    proven("runc");
}

#[test]
fn crun_with_a_listener() {
    proven("crun");
}

#[test]
fn without_a_supervisor_nothing_with_a_listener_is_started() {
    for runtime in ["runc", "crun"] {
        let host = Host::new(&format!("no-listener-{runtime}"));
        let script = format!(
            "{}. \"$SHARE/e2e/scripts/ctr-lib.sh\"\nno_supervisor\n\
             step start {runtime} run --bundle /srv/web web\n\
             fact containers \"[$({runtime} list --quiet)]\"\n\
             fact running \"$(pgrep -c -x sleep || true)\"\nsupervisor_again\n",
            with_profile(runtime)
        );
        let outcome = host.run("runc", &script, LIMIT);
        let said = outcome.output("start");
        assert_eq!(outcome.step("start"), 1, "{said}");
        assert!(said.contains("/run/auditns/oci.sock") && said.lines().count() == 1, "{said}");
        assert_eq!((outcome.fact("containers"), outcome.fact("running")), ("[]", "0"));
        assert_eq!(outcome.fact("left"), "[]");
        assert!(host.logs().is_empty());
    }
}

//! The Debian package on hosts: without a service manager, and with systemd, which keeps what containers need while the
//! supervisor is killed, restarted and upgraded.

use std::fs;
use std::process::Command;
use std::time::Duration;

use auditns_e2e::container::Outcome;
use auditns_e2e::packaged::{NEW, in_root, make, on_machine};
use auditns_e2e::process;
use auditns_e2e::workdir::RunDir;

const SOON: Duration = Duration::from_secs(30);
/// What a call may take while a supervisor is started again, on a busy machine.
const LONGEST_MS: u64 = 15_000;
/// What the exposure of the unit may be, of 10.
const EXPOSURE: f64 = 5.0;

/// The calls that the supervisor leaves itself.
const OWN_CALLS: &str = include_str!("../../sandbox/src/calls/allowed.rs");

fn number(line: &str, name: &str) -> u64 {
    let value = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}: {line}"))
}

/// A member that lost nothing: every message was acknowledged, and is in the log once.
fn lost_nothing(outcome: &Outcome, member: &str) {
    let told = outcome.fact(member);
    assert_eq!(number(told, "errors"), 0, "{told}\n{}", outcome.finished.report());
    assert_eq!(outcome.fact("logged"), number(told, "sent").to_string(), "{told}");
}

#[test]
fn two_builds_have_the_same_bytes() {
    let dir = RunDir::new("reproducible");
    let [first, second] = ["one", "two"].map(|name| make(NEW, &dir.folder(name)));
    for (one, two) in [(first.deb, second.deb), (first.tarball, second.tarball)] {
        let read = |path| fs::read(path).expect("what was made can be read");
        assert!(read(&one) == read(&two), "{} differs", one.display());
    }
}

#[test]
fn manual_pages_are_rendered_without_a_warning() {
    let dir = RunDir::new("pages");
    let pages = make(NEW, &dir.folder("made")).tree.join("usr/share/man/man8");
    let pages: Vec<_> = fs::read_dir(pages).expect("there are pages").flatten().collect();
    assert!(pages.len() > 10, "{pages:?}");
    for page in pages {
        let mut man = Command::new("man");
        man.args(["--warnings", "--local-file"]).arg(page.path()).env("LC_ALL", "C").env("MANWIDTH", "80");
        let shown = process::run(&mut man, SOON);
        assert!(shown.code() == Some(0) && shown.stderr.is_empty(), "{page:?}: {}", shown.report());
        assert!(shown.stdout.contains("SYNOPSIS"), "{page:?}: {}", shown.stdout);
    }
}

/// Every command about the package and its service is one of those that are run here, but for names of files.
#[test]
fn the_document_says_what_is_tested() {
    let document = include_str!("../../../docs/install.md");
    let run =
        [include_str!("../scripts/package-machine.sh"), include_str!("../scripts/package-root.sh")].concat();
    let commands = document.lines().filter_map(|line| line.strip_prefix("    "));
    let commands: Vec<&str> = commands
        .map(|line| line.split(" target/").next().unwrap_or(line))
        .filter(|line| {
            ["auditns ", "systemctl ", "systemd-analyze ", "dpkg "].iter().any(|word| line.starts_with(word))
        })
        // After an installation without the package.
        .filter(|line| !line.contains("enable --now"))
        .collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let is_run = run
            .lines()
            .any(|line| words.iter().all(|word| line.split_whitespace().any(|other| other == *word)));
        assert!(is_run, "{command}");
    }
}

#[test]
fn a_host_without_a_service_manager() {
    let outcome = in_root("package-root", "package-root.sh", Duration::from_secs(300));
    for step in [
        "install", "verify", "policy", "defaults", "enabled", "serves", "member", "logged", "upgrade",
        "changed", "replaced", "goes-on", "remove", "kept", "purge",
    ] {
        assert_eq!(outcome.step(step), 0, "{step}\n{}", outcome.finished.report());
    }
    assert_eq!(outcome.output("policy"), outcome.output("defaults"), "the policy file holds the defaults");
    let files = outcome.output("files");
    for file in [
        "/usr/bin/auditns",
        "/lib/systemd/system/auditns.service",
        "/etc/auditns/auditns.toml",
        "/usr/share/man/man8/auditns-run.8.gz",
        "/usr/share/bash-completion/completions/auditns",
        "/usr/share/zsh/vendor-completions/_auditns",
        "/usr/share/fish/vendor_completions.d/auditns.fish",
        "/usr/share/doc/auditns/copyright",
        "/usr/share/doc/auditns/changelog.gz",
        "/usr/share/doc/auditns/examples/auditns.toml",
        "/usr/share/doc/auditns/examples/auditns.openrc",
    ] {
        assert!(files.lines().any(|line| line == file), "no {file} in\n{files}");
    }
    lost_nothing(&outcome, "sends");
    assert_eq!(outcome.fact("keeper"), "0");
    assert_eq!(outcome.output("left"), "", "what is left after a purge");
}

#[test]
fn the_unit_leaves_every_capability_that_the_supervisor_keeps() {
    let unit = include_str!("../../../packaging/auditns.service");
    let left = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let left: Vec<&str> = left.expect("the unit bounds capabilities").split(' ').collect();
    let kept = include_str!("../../sandbox/src/capabilities.rs").split("\"CAP_").skip(1);
    let kept: Vec<String> = kept
        .map(|rest| format!("CAP_{}", rest.split('"').next().unwrap_or(rest)))
        .filter(|name| name.len() > 4)
        .collect();
    assert!(kept.len() > 4, "{kept:?}");
    let missing: Vec<&String> = kept.iter().filter(|name| !left.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_host_that_systemd_manages() {
    let outcome = on_machine("package-machine", "package-machine.sh");
    let report = || format!("{}\n--- journal\n{}", outcome.finished.report(), outcome.output("journal"));
    for step in [
        "install",
        "active",
        "enabled",
        "probe",
        "tree",
        "calls",
        "watch",
        "battery-status",
        "battery-message",
        "battery-auditd",
        "battery-ssh",
        "battery-cron",
        "battery-su",
        "killed-1",
        "killed-2",
        "killed-3",
        "tree-again",
        "restart",
        "restarted",
        "reload",
        "limit",
        "mended",
        "restart-without-socket",
        "socket-again",
        "upgrade",
        "runs-new",
        "upgraded",
        "forgotten",
        "remove",
        "run-folder",
        "purge",
        "nothing-left",
    ] {
        assert_eq!(outcome.step(step), 0, "{step}: {}", report());
    }
    assert_ne!(outcome.step("restart-wrong"), 0, "a wrong policy is not noticed\n{}", report());
    assert_eq!((outcome.fact("mounts"), outcome.fact("replaced")), ("shared", "yes"), "{}", report());
    assert_eq!(outcome.fact("restarts"), "3");
    assert!(outcome.fact("kept").parse::<u32>().is_ok_and(|kept| kept > 4), "{}", outcome.fact("kept"));
    let exposure = outcome.output("exposure");
    let exposed = exposure
        .split("exposure level for auditns.service: ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next().and_then(|score| score.parse::<f64>().ok()));
    assert!(exposed.is_some_and(|score| score <= EXPOSURE), "{exposure}");
    let said = outcome.output("unit-journal");
    let lacks = ["was started without", "/dev/fuse", "CAP_BPF", "CAP_PERFMON"];
    assert!(!lacks.iter().any(|text| said.contains(text)), "{said}");
    let allowed = outcome.output("calls");
    let allowed: Vec<&str> = allowed.split_whitespace().collect();
    let own = OWN_CALLS.split("libc::SYS_").skip(1).map(|rest| {
        let length = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        &rest[..length.unwrap_or(rest.len())]
    });
    let refused: Vec<&str> = own.filter(|call| !allowed.contains(call)).collect();
    assert!(refused.is_empty(), "the unit refuses calls that the supervisor makes: {refused:?}");
    lost_nothing(&outcome, "web");
    assert_eq!(outcome.fact("lines"), outcome.fact("logged"), "a message is there twice");
    println!("{}; {}", outcome.fact("web"), outcome.fact("left"));
    // The pause of the wrong policy is as long as nobody mends it.
    assert!(number(outcome.fact("web"), "longest_ms") < LONGEST_MS, "{}", outcome.fact("web"));
    // Without the service it is as if there were no audit.
    assert_eq!(outcome.fact("after-removal"), "inactive");
    assert!(outcome.fact("left").contains("errno=ENOSYS"), "{}", outcome.fact("left"));
}

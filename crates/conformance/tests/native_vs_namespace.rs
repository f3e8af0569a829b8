//! Plays the same cases and the same random sequences against the kernel and inside an audit namespace, and compares.
//!
//! Needs root in the initial namespaces and the `auditns` program: the one that `AUDITNS_BIN` names, else the newest of
//! the workspace's builds. Someone who is not root learns that nothing was tried.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFORMANCE: &str = env!("CARGO_BIN_EXE_auditns-conformance");

/// Random sequences that are played on both sides.
const SEEDS: &str = "20";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn auditns() -> PathBuf {
    if let Some(named) = std::env::var_os("AUDITNS_BIN") {
        return named.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("auditns"));
    let age = |p: &PathBuf| p.metadata().and_then(|m| m.modified()).ok();
    built
        .into_iter()
        .filter(|p| p.exists())
        .max_by_key(age)
        .expect("no auditns program: build it (cargo build -p auditns) or name it in AUDITNS_BIN")
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(format!("{command:?}: {}\n{text}", output.status)) }
}

fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).expect("a folder for transcripts");
    dir
}

/// Runs the conformance program natively and in a namespace; the last argument of both is the transcript.
fn both(dir: &Path, name: &str, args: &[&str]) -> Result<(PathBuf, PathBuf), String> {
    let file = |side: &str| dir.join(format!("{name}.{side}.jsonl"));
    let (native, inside) = (file("native"), file("namespace"));
    run(Command::new(CONFORMANCE).args(args).arg(&native))?;
    run(Command::new(auditns())
        .arg("run")
        .arg("--log-dir")
        .arg(dir.join("log"))
        // The referee looks at addresses and control messages, as no libaudit client does.
        .args(["--strict-client", "auditns-conformance"])
        .args(["--", CONFORMANCE])
        .args(args)
        .arg(&inside))?;
    Ok((native, inside))
}

/// What a comparison finds. Nothing where both sides agree.
#[derive(Default)]
struct Found {
    /// Cases with a difference that is not in the list.
    cases: BTreeSet<String>,
    /// Whether an entry of the list was not needed, which the whole suite alone can tell.
    needless: bool,
    /// What the comparison says.
    text: String,
}

fn compare(native: &Path, inside: &Path, known: Option<&Path>) -> Result<Found, String> {
    let mut command = Command::new(CONFORMANCE);
    command.arg("compare").arg(native).arg(inside);
    if let Some(known) = known {
        command.arg("--expected-differences").arg(known);
    }
    let Err(text) = run(&mut command) else { return Ok(Found::default()) };
    let ids = run(Command::new(CONFORMANCE).arg("list"))?;
    let differs = |id: &&str| text.lines().any(|line| line.starts_with(&format!("{id}: ")));
    let ids = ids.lines().filter_map(|line| line.split_whitespace().next());
    let cases: BTreeSet<String> = ids.filter(differs).map(ToOwned::to_owned).collect();
    let needless = text.lines().any(|line| line.starts_with("not needed any more: "));
    if cases.is_empty() && !needless { Err(text) } else { Ok(Found { cases, needless, text }) }
}

/// A case may come out differently on a busy machine, natively too, and a play may end early. So a case that differs is
/// played again, and its difference counts if no round is without one.
const ROUNDS: u32 = 5;

#[test]
fn every_case_gives_the_same_answers() {
    if !is_root() {
        eprintln!("nothing was tried: reaching the kernel's audit needs root");
        return;
    }
    let dir = scratch("cases");
    let mut failures = Vec::new();
    // The cases that have differed in every play, once the whole suite was played.
    let mut differing: Option<BTreeSet<String>> = None;
    let mut whole = true;
    for round in 1..=ROUNDS {
        let again = differing.iter().flatten().filter(|_| !whole);
        let mut args: Vec<&str> = again.flat_map(|case| ["--case", case]).collect();
        args.insert(0, "play");
        args.push("--out");
        let played = both(&dir, &format!("suite-{round}"), &args);
        match played.and_then(|(native, inside)| differences(&native, &inside)) {
            Ok(Found { mut cases, needless, text }) => {
                cases.retain(|case| differing.as_ref().is_none_or(|differing| differing.contains(case)));
                if cases.is_empty() && !needless {
                    return;
                }
                (differing, whole) = (Some(cases), needless);
                failures.push(format!("round {round}: {text}"));
            }
            Err(failure) => failures.push(format!("round {round}: {failure}")),
        }
    }
    panic!("{}", failures.join("\n"));
}

fn differences(native: &Path, inside: &Path) -> Result<Found, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = compare(native, inside, Some(&folder.join("expected-differences.json")))?;
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    if kernel.starts_with("6.18.") {
        let defined = native.with_extension("defined.jsonl");
        let text = std::fs::read_to_string(native).map_err(|error| error.to_string())?;
        let lines: Vec<&str> = text.lines().filter(|line| !depends_on_scheduling(line)).collect();
        std::fs::write(&defined, lines.join("\n")).map_err(|error| error.to_string())?;
        let Found { cases, text, .. } = compare(&folder.join("fixtures/linux-6.18.jsonl"), &defined, None)?;
        found.cases.extend(cases);
        found.text.push_str(&text);
    }
    Ok(found)
}

/// Cases in which the kernel's own answers depend on when its worker and a reader run: the fixture is one of several
/// possible plays.
fn depends_on_scheduling(line: &str) -> bool {
    ["queue.", "rate", "mcast.overrun", "pid.fullbuf"]
        .iter()
        .any(|case| line.contains(&format!("\"case\":\"{case}")))
}

#[test]
fn random_sequences_give_the_same_answers() {
    if !is_root() {
        eprintln!("nothing was tried: reaching the kernel's audit needs root");
        return;
    }
    let mut command = Command::new(CONFORMANCE);
    command.arg("differential").arg("--auditns").arg(auditns());
    command.arg("--folder").arg(scratch("random")).args(["--seeds", SEEDS]);
    run(&mut command).expect("random sequences without a difference");
}

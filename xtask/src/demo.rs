//! What auditns does, step by step, beside what the same commands do without it.

use crate::command::{Failure, command, root, step};
use crate::{packages, test};
use std::path::Path;
use std::process::Stdio;

/// Started from a session of user 4242, as a person's containers are.
const SESSION: &[&str] = &["sh", "-c", r#"echo 4242 > /proc/self/loginuid; exec "$@""#, "session"];
/// Fresh mount and pid namespaces, as a container has; the machine's own programs.
const CONTAINER: &[&str] = &["unshare", "-mpf", "--mount-proc", "sh", "-c"];
/// Today no container manager grants this: it would reach the host's audit.
const WITHOUT_CONTROL: &[&str] = &["setpriv", "--bounding-set", "-audit_control"];
/// The same with a user namespace, which any user may make.
const USER_CONTAINER: &[&str] = &["unshare", "-Urpf", "--mount-proc", "sh", "-c"];

const STATUS: &str = "auditctl -s";

/// auditd and a login in a container. Logs and run-time files go to memory that ends with the container.
const LOGIN: &str = r#"
mount -t tmpfs none /var/log && mkdir -m 700 /var/log/audit && touch /var/log/wtmp /var/log/btmp /var/log/lastlog
mount -t tmpfs none /run
echo '$ auditd -n &'
auditd -n &
auditd=$!
for i in $(seq 50); do [ -e /run/auditd.pid ] && break; kill -0 $auditd 2>/dev/null || break; sleep 0.1; done
if kill -0 $auditd 2>/dev/null; then auditctl -s | grep '^pid'; else echo 'auditd did not stay'; fi
echo '$ login -f root      # runs: cat /proc/self/loginuid; exit'
printf 'echo "login uid inside: $(cat /proc/self/loginuid)"\nexit\n' | script -qec 'login -f root' /dev/null 2>&1 | grep -aoE 'login uid inside: [0-9]+|(Cannot|Permission|System error).*' || echo '(no session)'
if kill -0 $auditd 2>/dev/null; then
  kill $auditd; wait $auditd
  echo "$ cut -c1-100 /var/log/audit/audit.log      # auditd's own log, inside"
  cut -c1-100 /var/log/audit/audit.log
fi
"#;

pub(crate) fn run() -> Result<(), Failure> {
    packages::install(packages::DEMO)?;
    let program = test::release_build()?;
    let program = program.to_string_lossy().into_owned();
    let logs = root().join("target/demo");
    let _ = std::fs::remove_dir_all(&logs);
    let logs_text = logs.to_string_lossy().into_owned();
    let with = |name: &'static str| {
        vec![
            program.clone(),
            "run".into(),
            "--log-dir".into(),
            logs_text.clone(),
            "--name".into(),
            name.into(),
            "--".into(),
        ]
    };

    step("1. a container of any user asks for the audit status: today");
    show(&[], USER_CONTAINER, STATUS)?;
    step("   ... and in an audit namespace of its own");
    show(&with("status"), USER_CONTAINER, STATUS)?;

    step("2. auditd and a login in a container: today");
    show(&words(&[SESSION, WITHOUT_CONTROL]), CONTAINER, LOGIN)?;
    step("   ... and in an audit namespace of its own");
    show(&[words(&[SESSION]), with("login")].concat(), CONTAINER, LOGIN)?;

    step("3. what the host keeps: the namespace's log, read by the audit tools");
    let log = logs.join("login/audit.log");
    for arguments in [&["-m", "USER_START,USER_LOGIN"][..], &["-m", "VIRT_CONTROL", "-i"][..]] {
        search("ausearch", &log, arguments)?;
    }
    search("aureport", &log, &["--login"])?;
    println!("\nThe log is {}.", log.display());
    Ok(())
}

fn words(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().into_iter().map(str::to_owned).collect()
}

/// Runs a script in a container, below `prefix` if there is one, and shows what it prints and how it ends.
fn show(prefix: &[String], container: &[&str], script: &str) -> Result<(), Failure> {
    let mut words: Vec<&str> = prefix.iter().map(String::as_str).collect();
    words.extend(container);
    let shown = if script.contains('\n') { "(the steps below)" } else { script };
    println!("$ {} '{shown}'", words.join(" "));
    words.push(script);
    let mut command = command(words[0], &words[1..]);
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) => println!("[{status}]"),
        Err(error) => return Err(Failure::new(format!("{} could not be started ({error})", words[0]))),
    }
    Ok(())
}

fn search(program: &str, log: &Path, arguments: &[&str]) -> Result<(), Failure> {
    println!("\n$ {program} -if {} {}", log.display(), arguments.join(" "));
    let mut command = command(program, &["-if"]);
    command.arg(log).args(arguments).stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{program} ended with {status}"))),
        Err(error) => Err(Failure::new(format!("{program} could not be started ({error})"))),
    }
}

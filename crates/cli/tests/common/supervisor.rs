//! A host supervisor of the test's own, with its run folder, log folder and policy.

use super::{LIMIT, Outcome, PROGRAM, Started, as_member, start, start_within};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{File, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An ordinary user, and another one.
pub const USER: u32 = 54321;
pub const STRANGER: u32 = 54322;
/// A member that sends a message and is there until it is told to go on.
pub const SPEAKING: &str = r#"
endpoint = audit()
expect(asked(endpoint, user(b"spoken")), ("error", 0))
print("ready", flush=True)
input()
"#;
/// What is waited for comes sooner.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Keeper and supervisor. Both end with the value.
#[derive(Debug)]
pub struct Supervisor {
    folder: TempDir,
    keeper: Child,
}

impl Supervisor {
    pub fn new() -> Supervisor {
        Supervisor::with_policy("")
    }

    pub fn with_policy(policy: &str) -> Supervisor {
        Supervisor::below(&[], policy)
    }

    /// A supervisor that a wrapper starts: the words in front of its command.
    pub fn below(wrapper: &[&str], policy: &str) -> Supervisor {
        let folder = tempfile::tempdir().unwrap();
        // Others than root reach the socket through it.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
        let path = |name: &str| folder.path().join(name);
        let words = [wrapper, &[PROGRAM]].concat();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .arg("supervise")
            .arg("--run-dir")
            .arg(path("run"))
            .arg("--log-dir")
            .arg(path("log"));
        command.arg("--config").arg(path("policy.toml")).stdin(Stdio::null()).process_group(0);
        command.stdout(Stdio::null()).stderr(File::create(path("stderr")).unwrap());
        let keeper = command.spawn().unwrap();
        let supervisor = Supervisor { folder, keeper };
        until("the supervisor serves", || UnixStream::connect(supervisor.socket()).is_ok());
        supervisor
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run_folder(&self) -> PathBuf {
        self.path("run")
    }

    pub fn socket(&self) -> PathBuf {
        self.run_folder().join("io.auditns")
    }

    /// What keeper and supervisor have said.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap()
    }

    /// The host's own log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log").join("audit.log")).unwrap_or_default()
    }

    pub fn set_policy(&self, policy: &str) {
        std::fs::write(self.path("policy.toml"), policy).unwrap();
    }

    /// Tells the keeper to have the policy read again, and waits until the supervisor has said what came of it.
    pub fn reload(&self, said: &str) {
        let before = self.stderr().matches(said).count();
        kill_process(Pid::from_child(&self.keeper), Signal::HUP).unwrap();
        until(said, || self.stderr().matches(said).count() > before);
    }

    /// What it says of itself.
    pub fn info(&self) -> serde_json::Value {
        let asked = || {
            let stream = UnixStream::connect(self.socket()).unwrap();
            varlink_unless_closed(&stream, "io.auditns.GetSupervisor", &serde_json::json!({}))
        };
        // One that is replaced meanwhile answers nothing.
        let mut reply = (0..3).find_map(|_| asked()).expect("a supervisor answers");
        reply["parameters"].take()
    }

    /// The process that serves.
    pub fn pid(&self) -> Pid {
        let info = self.info();
        let pid = info["pid"].as_i64().unwrap_or_else(|| panic!("{info}"));
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }

    /// Kills the process that serves, and waits until another one does.
    pub fn kill(&self) {
        let before = self.pid();
        kill_process(before, Signal::KILL).unwrap();
        until("the next supervisor serves", || self.pid() != before);
    }

    /// Sends SIGTERM to all of its processes, as service managers do, and waits for the end.
    pub fn end(&mut self) -> ExitStatus {
        kill_process_group(Pid::from_child(&self.keeper), Signal::TERM).unwrap();
        self.keeper.wait().unwrap()
    }

    /// `auditns WORDS` by a user. A run that does not end is ended with the status 124.
    pub fn command_as(&self, uid: u32, words: &[&str]) -> Command {
        self.command_within(60, uid, words)
    }

    pub fn command_within(&self, seconds: u32, uid: u32, words: &[&str]) -> Command {
        // The program may lie below folders that are root's.
        let script = r#"exec 9<"$1"; uid=$2 seconds=$3; shift 3
            [ "$uid" = 0 ] || set -- setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all "$@"
            exec timeout --kill-after=1 "$seconds" "$@""#;
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh", PROGRAM, &uid.to_string(), &seconds.to_string(), "/proc/self/fd/9"])
            .args(words);
        command.env("AUDITNS_RUN_DIR", self.run_folder()).current_dir("/").stdin(Stdio::null());
        command
    }

    /// Asks again where a namespace does not answer in time: one whose thread does not get to run.
    pub fn auditns_as(&self, uid: u32, words: &[&str]) -> Outcome {
        let begin = Instant::now();
        loop {
            let outcome = start(&mut self.command_within(30, uid, words)).wait();
            let is_late = outcome.code() != 0 && outcome.stderr.contains("does not answer in time");
            if !is_late || begin.elapsed() > PATIENCE {
                return outcome;
            }
        }
    }

    pub fn auditns(&self, words: &[&str]) -> Outcome {
        self.auditns_as(0, words)
    }

    pub fn json(&self, words: &[&str]) -> serde_json::Value {
        let outcome = self.auditns(words).succeeded();
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
    }

    pub fn names_seen_by(&self, uid: u32) -> Vec<String> {
        let outcome = self.auditns_as(uid, &["list", "--json"]).succeeded();
        let list: Vec<serde_json::Value> = serde_json::from_str(&outcome.stdout).unwrap();
        list.iter().map(|namespace| namespace["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until a user sees just these namespaces. The list leaves out those that do not answer in time.
    pub fn waits_for(&self, uid: u32, names: &[&str]) {
        until(&format!("{uid} sees {names:?}"), || self.names_seen_by(uid) == names);
    }

    /// Whether there is no such namespace, or no more. One that does not answer is there.
    pub fn has_ended(&self, name: &str) -> bool {
        let shown = self.auditns(&["show", name]);
        shown.code() != 0 && shown.stderr.contains("there is no audit namespace")
    }

    /// Starts a member in a new namespace. The script tells by `print("ready", flush=True)` when it is where the test
    /// wants it, and waits by `input()` for [`Member::go_on`].
    pub fn member(&self, uid: u32, flags: &[&str], script: &str) -> Member {
        let words = [&["run"], flags, &["--"]].concat();
        let mut command = self.command_as(uid, &words);
        if uid != 0 {
            // Audit capabilities of its own, towards the user namespace that the audit namespace belongs to.
            command.args(["unshare", "-Ur"]);
        }
        Member::start(as_member(&mut command, script))
    }

    /// Starts a member in a namespace that exists.
    pub fn joined(&self, name: &str, script: &str) -> Member {
        Member::start(as_member(&mut self.command_as(0, &["exec", name, "--"]), script))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.keeper), Signal::KILL);
        let _ = self.keeper.wait();
        // What a killed supervisor has mounted stays.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.run_folder().join("proc"))
            .stderr(Stdio::null())
            .status();
    }
}

/// A member that stops where its script reads a line.
#[derive(Debug)]
pub struct Member {
    started: Started,
    input: std::io::PipeWriter,
}

impl Member {
    pub fn start(command: &mut Command) -> Member {
        Member::start_within(LIMIT, command)
    }

    pub fn start_within(limit: Duration, command: &mut Command) -> Member {
        let (reader, input) = std::io::pipe().unwrap();
        let mut started = start_within(limit, command.stdin(reader));
        // What the command holds of the pipe would keep it open.
        command.stdin(Stdio::null());
        started.until("ready");
        Member { started, input }
    }

    /// Lets it read a line.
    pub fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }

    /// Waits until it has printed something.
    pub fn until(&mut self, word: &str) {
        self.started.until(word);
    }

    /// Whether it has printed something. Fails if it has ended.
    pub fn has_said(&mut self, word: &str) -> bool {
        self.started.has_said(word)
    }

    /// Lets it go on to its end.
    pub fn finish(mut self) -> Outcome {
        // It may have ended.
        let _ = self.input.write_all(b"\n");
        drop(self.input);
        self.started.wait()
    }
}

/// Waits until something holds, and fails if it does not come to.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A Varlink call as the protocol has it, sharing no code with the product.
pub fn varlink(stream: &UnixStream, method: &str, parameters: &serde_json::Value) -> serde_json::Value {
    varlink_unless_closed(stream, method, parameters).expect("a reply")
}

/// The same where the supervisor may hang up instead.
pub fn varlink_unless_closed(
    stream: &UnixStream,
    method: &str,
    parameters: &serde_json::Value,
) -> Option<serde_json::Value> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut call =
        serde_json::to_vec(&serde_json::json!({"method": method, "parameters": parameters})).unwrap();
    call.push(0);
    (&*stream).write_all(&call).ok()?;
    let mut reply = Vec::new();
    match BufReader::with_capacity(1, stream).read_until(0, &mut reply) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
        read => read.unwrap(),
    };
    if reply.is_empty() {
        return None;
    }
    assert_eq!(reply.pop(), Some(0), "a reply ends with a zero byte");
    Some(serde_json::from_slice(&reply).unwrap())
}

/// The lines of a log of one record type.
pub fn of_type<'a>(log: &'a str, kind: &str) -> Vec<&'a str> {
    let start = format!("type={kind} ");
    log.lines().filter(|line| line.starts_with(&start)).collect()
}

/// The value of a field of a record.
pub fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let start = format!("{name}=");
    let value = line.split(' ').find_map(|word| word.strip_prefix(start.as_str()));
    value.unwrap_or_else(|| panic!("no {name}: {line}"))
}

/// The log of a namespace, as the host or the namespace sees it.
pub fn namespace_log(supervisor: &Supervisor, name: &str, file: &str) -> String {
    std::fs::read_to_string(Path::new(&supervisor.path("log")).join(name).join(file)).unwrap_or_default()
}

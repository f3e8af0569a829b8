//! A supervisor that is killed again and again while members log in: no login is lost, none is there twice, and nobody waits for
//! ever.
//!
//! | variable | meaning |
//! |---|---|
//! | `AUDITNS_CRASH_KILLS` | how often the supervisor is killed, 40 times otherwise |

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use auditns_e2e::process::{Running, until};
use auditns_e2e::supervised::Supervisor;
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(60);
const MEMBERS: usize = 6;

/// Processes that log in one after the other until a file is there, each as another user, and tell their sessions.
const MEMBER: &str = r#"
import os, sys
number, stop = int(sys.argv[1]), sys.argv[2]
UNSET = b"4294967295"

def ask(name):
    file = os.open("/proc/self/" + name, os.O_RDONLY | os.O_NOFOLLOW)
    text = os.read(file, 32)
    os.close(file)
    return text

def log_in(uid):
    file = os.open("/proc/self/loginuid", os.O_RDWR | os.O_NOFOLLOW)
    assert os.read(file, 32) == UNSET, "it is set before"
    text = str(uid).encode()
    assert os.pwrite(file, text, 0) == len(text)
    assert os.pread(file, 32, 0) == text, "another value"
    os.close(file)
    session = int(ask("sessionid"))
    # A child has what its parent has.
    child = os.fork()
    if not child:
        assert (ask("loginuid"), int(ask("sessionid"))) == (text, session), "not inherited"
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(uid, session, flush=True)

uid = 1000 + 100000 * number
while not os.path.exists(stop):
    uid += 1
    child = os.fork()
    if not child:
        log_in(uid)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("a login failed")
"#;

#[test]
fn killed_supervisors_lose_no_login() {
    let kills: u32 =
        std::env::var("AUDITNS_CRASH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let supervisor = Supervisor::start("virtual-crash");
    let stop = supervisor.dir().path().join("stop");
    let members: Vec<Running> = (0..MEMBERS)
        .map(|number| {
            let mut run = supervisor.auditns("run");
            run.args([
                "--name",
                &format!("m{number}"),
                "--loginuid",
                "virtual",
                "--",
                "python3",
                "-c",
                MEMBER,
            ]);
            Running::start(run.arg(number.to_string()).arg(&stop))
        })
        .collect();
    let logs_in = |number: usize| supervisor.shown_if_there(&format!("m{number}"), "records") > Some(0);
    assert!(until(LIMIT, || (0..MEMBERS).all(logs_in)), "not all log in");
    let begin = Instant::now();
    for kill in 0..kills {
        // At another moment of what they do each time.
        sleep(Duration::from_micros(60_000 + u64::from(kill) * 7919 % 40_000));
        supervisor.signal(Signal::KILL);
        supervisor.answering();
    }
    eprintln!("{kills} kills in {:?}", begin.elapsed());
    fs::write(&stop, "").expect("the folder is writable");
    for (number, member) in members.into_iter().enumerate() {
        let told = member.finish_within(LIMIT);
        assert_eq!(told.code(), Some(0), "{}", told.report());
        let pair = |line: &str| {
            let (uid, session) = line.split_once(' ').expect("a uid and a session");
            (uid.to_owned(), session.to_owned())
        };
        let logins: Vec<(String, String)> = told.stdout.lines().map(pair).collect();
        assert!(logins.len() > 20, "only {} logins", logins.len());
        // Sessions count from 1, in the order of the logins.
        let sessions: Vec<String> = (1..=logins.len()).map(|session| session.to_string()).collect();
        assert_eq!(logins.iter().map(|(_, session)| session.clone()).collect::<Vec<_>>(), sessions);
        let log = supervisor.log(&format!("m{number}"));
        let field =
            |record: &auditns_e2e::log::Record, name| record.field(name).unwrap_or_default().to_owned();
        let records: Vec<(String, String)> =
            log.of("LOGIN").map(|record| (field(record, "auid"), field(record, "ses"))).collect();
        assert_eq!(records, logins, "m{number}: what is in the log is what was done");
        assert_eq!(records.iter().collect::<BTreeSet<_>>().len(), records.len());
    }
}

//! Searching in logs that are there already; no namespace is needed.

mod common;

use common::{Outcome, PROGRAM, start};
use std::fs::{OpenOptions, create_dir, write};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A log folder with the logs of two namespaces.
struct Logs(TempDir);

const OLD: &str = "type=USER_LOGIN msg=audit(1700000000.000:1): contid=7 pid=10 uid=0 auid=1000 ses=1 \
    msg='op=login acct=\"root\" res=failed'\n";
const WEB: &str = "no record auid=1000\n\
    type=USER_LOGIN msg=audit(1700000100.000:2): contid=7 pid=11 uid=0 auid=1001 ses=2 \
    msg='op=login acct=\"x\" auid=1000 contid=8 type=LOGIN res=success'\n\
    type=CONFIG_CHANGE msg=audit(1700000200.500:3): contid=7 auid=1000 ses=1 op=add_rule key=6D79206B6579 list=4 res=1\n\
    type=USER_CMD msg=audit(1700000300.000:4): contid=7 pid=12 uid=0 auid=4294967295 ses=3 \
    msg='op=sudo cmd=6C73 acct=\"\\x1b\" res=success'\n";
const MAIL: &str =
    "type=USER_LOGIN msg=audit(1700000000.000:1): contid=8 pid=10 uid=0 auid=1000 ses=1 msg='op=login'\n";

impl Logs {
    fn new() -> Logs {
        let logs = Logs(tempfile::tempdir().unwrap());
        for (name, file, text) in
            [("web", "audit.log.1", OLD), ("web", "audit.log", WEB), ("mail", "audit.log", MAIL)]
        {
            let _ = create_dir(logs.0.path().join(name));
            write(logs.path(name, file), text).unwrap();
        }
        logs
    }

    fn path(&self, name: &str, file: &str) -> PathBuf {
        self.0.path().join(name).join(file)
    }

    fn append(&self, text: &[u8]) {
        let file = OpenOptions::new().append(true).open(self.path("web", "audit.log"));
        file.unwrap().write_all(text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--log-dir").arg(self.0.path());
        command
    }

    fn run(&self, words: &[&str]) -> Outcome {
        start(&mut self.command(words)).wait()
    }

    /// Serial numbers of the records that a search in the log of `web` finds.
    fn found(&self, words: &[&str]) -> Vec<u64> {
        let outcome = self.run(&[&["logs", "web"], words].concat());
        let serials: Vec<u64> = outcome.stdout.lines().filter_map(serial).collect();
        assert_eq!(outcome.code(), i32::from(serials.is_empty()), "{words:?}: {outcome:?}");
        assert_eq!(outcome.stderr, "", "{words:?}");
        serials
    }
}

fn serial(line: &str) -> Option<u64> {
    line.split_once("): ")?.0.rsplit_once(':')?.1.parse().ok()
}

#[test]
fn records_are_found_by_what_they_say_of_themselves() {
    let logs = Logs::new();
    for (words, wanted) in [
        (&["type=USER_LOGIN"][..], &[1, 2][..]),
        (&["type=user_login,config_change"], &[1, 2, 3]),
        (&["type!=USER_LOGIN"], &[3, 4]),
        (&["auid=1000"], &[1, 3]),
        (&["msg.auid=1000"], &[2]),
        (&["auid=unset"], &[4]),
        (&["auid!=unset,1000"], &[2]),
        (&["pid=11,12"], &[2, 4]),
        (&["contid=7", "key=my key"], &[3]),
        (&["contid=8"], &[]),
        (&["cmd=ls"], &[4]),
        (&["acct=root", "res=failed,0"], &[1]),
        (&["acct=root", "res=success"], &[]),
        (&["serial=3"], &[3]),
        (&["type=LOGIN"], &[]),
    ] {
        let words: Vec<&str> = words.iter().flat_map(|word| ["--search", word]).collect();
        assert_eq!(logs.found(&words), wanted, "{words:?}");
    }
    assert_eq!(logs.found(&["-s", "ses=1", "--since", "1700000001"]), [3]);
    assert_eq!(logs.found(&["-s", "type!=X", "--since", "1700000100", "--until", "1700000200"]), [2, 3]);
}

#[test]
fn a_search_over_all_namespaces_finds_in_each() {
    let logs = Logs::new();
    let outcome = logs.run(&["events", "--search", "auid=1000", "--json"]).succeeded();
    let found: Vec<(String, u64, u64)> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|json| {
            let number = |name: &str| json[name].as_u64().unwrap();
            (json["namespace"].as_str().unwrap().to_owned(), number("serial"), number("contid"))
        })
        .collect();
    assert_eq!(found, [("mail".to_owned(), 1, 8), ("web".to_owned(), 1, 7), ("web".to_owned(), 3, 7)]);
    let outcome = logs.run(&["events", "--type", "USER_CMD", "-s", "acct=nobody"]);
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (1, ""));
    let outcome = logs.run(&["events", "--type", "USER_CMD,LOGIN", "-s", "pid=12"]).succeeded();
    assert_eq!(outcome.stdout.lines().filter_map(serial).collect::<Vec<_>>(), [4]);
    logs.run(&["events", "--type", "NONE"]).succeeded();
}

#[test]
fn all_lines_are_printed_when_nothing_is_searched_for() {
    let logs = Logs::new();
    let outcome = logs.run(&["logs", "web"]).succeeded();
    assert_eq!(outcome.stdout, format!("{OLD}{WEB}"));
}

#[test]
fn what_is_no_search_is_told_with_an_example() {
    let logs = Logs::new();
    for (wrong, said) in [
        (&["--search", "auid"][..], "names no value; write NAME=VALUE or NAME!=VALUE, for example auid=1000"),
        (&["--search", "auid=root"], "auid is a number, not \"root\"; write for example auid=1000"),
        (&["--search", "key="], "has an empty value"),
        (&["--until", "soon"], "is no time"),
    ] {
        let outcome = logs.run(&[&["logs", "web"], wrong].concat());
        assert!(outcome.code() == 2 && outcome.stderr.contains(said), "{wrong:?}: {outcome:?}");
    }
    let outcome = logs.run(&["events", "--type", "1112"]);
    assert!(outcome.code() == 2 && outcome.stderr.contains("type=USER_LOGIN"), "{outcome:?}");
    let many = vec!["-s=pid=1"; 65];
    let outcome = logs.run(&[&["logs", "web"][..], &many].concat());
    assert!(outcome.code() == 2 && outcome.stderr.contains("65 expressions are given"), "{outcome:?}");
    assert_eq!(logs.run(&["logs", "nobody", "-s", "pid=1"]).code(), 125);
}

#[test]
fn hostile_lines_are_left_out_or_made_safe() {
    let logs = Logs::new();
    let mut lines = b"type=USER_CMD msg=audit(1700000400.000:5): pid=66 msg='\x1b[2J\xff\0'\r\n".to_vec();
    lines.extend(
        b"type=X msg=audit(1700000400.000:6): pid=66 x=".iter().chain(&vec![b'x'; 1 << 20]).chain(b"\n"),
    );
    lines.extend(b"type=X msg=audit(1700000400.000:7): pid=66\ntype=X msg=audit(1700000400.000:8): pid=66");
    logs.append(&lines);
    let outcome = logs.run(&["logs", "web", "--search", "pid=66"]).succeeded();
    assert_eq!(
        outcome.stdout,
        "type=USER_CMD msg=audit(1700000400.000:5): pid=66 msg='\\x1b[2J\u{fffd}\\x00'\n\
         type=X msg=audit(1700000400.000:7): pid=66\n"
    );
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains("1 lines of ") && outcome.stderr.contains("longer than 1048576 bytes"));
}

#[test]
fn a_search_follows_a_log_over_its_rotation() {
    let logs = Logs::new();
    let mut following = start(&mut logs.command(&["logs", "web", "-f", "--search", "ses=77"]));
    logs.append(b"type=X msg=audit(1700000400.000:5): ses=7\ntype=X msg=audit(1700000400.000:6): ses=77\n");
    following.until("000:6)");
    logs.append(b"type=X msg=audit(1700000400.000:7): ses=77\n");
    std::fs::rename(logs.path("web", "audit.log.1"), logs.path("web", "audit.log.2")).unwrap();
    std::fs::rename(logs.path("web", "audit.log"), logs.path("web", "audit.log.1")).unwrap();
    write(logs.path("web", "audit.log"), "type=X msg=audit(1700000400.000:8): ses=77\n").unwrap();
    following.until("000:8)");
    following.until("000:7)");
}

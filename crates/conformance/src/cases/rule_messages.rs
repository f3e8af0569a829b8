//! Adding, listing and deleting rules, good and bad ones.

use super::{Case, case};
use crate::messages::{ACK, ADD_RULE, DEL_RULE, DUMP, LIST_RULES, REQUEST, quiet, request};
use crate::rules::{
    ALWAYS, ARCH, DIR, EQUAL, EXCLUDE, EXE, EXIT, EXIT_CODE, FS, FSTYPE, GREATER, IO_URING, KEY, LOGINUID,
    LOGINUID_SET, MSGTYPE, NEVER, PERM, PREPEND, Rule, TASK, UID, USER, WATCH,
};
use crate::stage::{Stage, Who, message};

fn empty_list(s: &mut Stage) {
    let a = s.sender("a");
    s.ask_bytes(a, request(LIST_RULES, b"", 3), "with an ack");
    s.ask_bytes(a, quiet(LIST_RULES, b"", 4), "without an ack");
    s.ask_bytes(a, message(LIST_RULES, b"", REQUEST | ACK | DUMP, 5), "as a dump");
}

fn lifecycle(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.sender("a");
    let rules = [
        ("user,never", Rule::new(USER, NEVER).field(UID, 54321)),
        ("exclude,always", Rule::new(EXCLUDE, ALWAYS).field(MSGTYPE, 2998)),
        (
            "exit,always with a key",
            Rule::new(EXIT, ALWAYS).syscall(163).field(UID, 54321).string(KEY, b"mykey1"),
        ),
        (
            "exit,never in front, with a program and a key with a blank",
            Rule::new(EXIT | PREPEND, NEVER).all_syscalls().string(EXE, b"/bin/true").string(KEY, b"sp ace"),
        ),
        (
            "a watch",
            Rule::new(EXIT, ALWAYS)
                .all_syscalls()
                .string(WATCH, b"/tmp/nx_ww")
                .field(PERM, 2)
                .string(KEY, b"k"),
        ),
    ];
    for (note, rule) in &rules {
        s.ask(a, ADD_RULE, &rule.bytes(), note);
        s.recv(m, "s", "");
    }
    s.ask(a, ADD_RULE, &rules[0].1.bytes(), "the first again");
    s.recv(m, "s", "");
    s.ask_bytes(a, request(LIST_RULES, b"", 55), "the list");
    for (note, rule) in &rules {
        s.ask(a, DEL_RULE, &rule.bytes(), note);
        s.recv(m, "s", "");
    }
    s.ask(a, DEL_RULE, &rules[0].1.bytes(), "one that is not there");
    s.recv(m, "s", "");
    s.ask_bytes(a, request(LIST_RULES, b"", 56), "the list");
}

enum Do {
    Add(Rule),
    Delete(Rule),
    List,
}

fn errors_of_shape() -> Vec<(&'static str, Do)> {
    use Do::{Add, Delete};
    let exit = || Rule::new(EXIT, ALWAYS);
    let user = || Rule::new(USER, NEVER);
    vec![
        ("list 2", Add(Rule::new(2, ALWAYS))),
        ("list 3", Add(Rule::new(3, ALWAYS))),
        ("list 8", Add(Rule::new(8, ALWAYS))),
        ("task without a field", Add(Rule::new(TASK, ALWAYS))),
        ("delete it with another action", Delete(Rule::new(TASK, NEVER))),
        ("action 1", Add(Rule::new(EXIT, 1))),
        ("action 3", Add(Rule::new(EXIT, 3))),
        ("65 fields", Add(exit().claim_fields(65))),
        ("2^31 fields", Add(exit().claim_fields(0x8000_0000))),
        ("operator 0", Add(user().compare(UID, 0, 5))),
        ("every operator bit", Add(user().compare(UID, 0x7800_0000, 5))),
        ("fstype in the user list", Add(user().field(FSTYPE, 5))),
        ("field 99", Add(user().field(99, 5))),
        ("field 99 in the exit list", Add(exit().field(99, 5))),
        ("msgtype in the exit list", Add(exit().field(MSGTYPE, 1300))),
        ("a bit test of a uid", Add(user().compare(UID, 0x0800_0000, 5))),
        ("loginuid_set=2", Add(user().field(LOGINUID_SET, 2))),
        ("a key longer than the buffer", Add(exit().field(KEY, 10).buffer(b"abc"))),
        ("a key of no length", Add(exit().field(KEY, 0))),
        ("a key of 257 bytes", Add(exit().string(KEY, &[b'k'; 257]))),
        ("two keys", Add(exit().string(KEY, b"k").string(KEY, b"k"))),
        ("a relative watch", Add(exit().string(WATCH, b"abc"))),
        ("a watch that ends in a slash", Add(exit().string(WATCH, b"/tmp/"))),
        ("a watch in the user list", Add(Rule::new(USER, ALWAYS).string(WATCH, b"/tmp"))),
        ("a watch below nothing", Add(exit().string(WATCH, b"/nx_dir/foo"))),
        ("a directory that is not there", Add(exit().string(DIR, b"/nx_dir"))),
        ("a relative directory", Add(exit().string(DIR, b"abc"))),
        ("perm 16", Add(exit().field(PERM, 16))),
        ("a program that is not there", Add(Rule::new(EXIT, NEVER).string(EXE, b"/nx_dir/foo"))),
        ("a relative program", Add(Rule::new(EXIT, NEVER).string(EXE, b"foo"))),
    ]
}

fn errors_of_value() -> Vec<(&'static str, Do)> {
    use Do::{Add, Delete, List};
    let user = || Rule::new(USER, NEVER);
    let above = || Rule::new(EXCLUDE, ALWAYS).compare(MSGTYPE, GREATER, 60000);
    let never = || Rule::new(EXCLUDE, NEVER).field(MSGTYPE, 2997);
    let unset = || user().compare(LOGINUID, EQUAL, u32::MAX);
    vec![
        ("uid -1", Add(user().field(UID, u32::MAX))),
        ("loginuid -1, which means unset", Add(unset())),
        ("the list", List),
        ("delete it", Delete(unset())),
        ("exclude above a type", Add(above())),
        ("delete it", Delete(above())),
        ("exclude never", Add(never())),
        ("delete it", Delete(never())),
        ("exclude by architecture", Add(Rule::new(EXCLUDE, NEVER).field(ARCH, 5))),
        ("user by exit code", Add(user().field(EXIT_CODE, 5))),
        ("the list", List),
        ("fs without a field", Add(Rule::new(FS, NEVER))),
        ("io_uring without a field", Add(Rule::new(IO_URING, NEVER))),
    ]
}

fn cleanup() -> Vec<Rule> {
    vec![
        Rule::new(EXCLUDE, NEVER).field(ARCH, 5),
        Rule::new(USER, NEVER).field(EXIT_CODE, 5),
        Rule::new(FS, NEVER),
        Rule::new(IO_URING, NEVER),
        Rule::new(EXIT, ALWAYS).field(KEY, 0),
        Rule::new(EXIT, ALWAYS).string(WATCH, b"/tmp"),
        Rule::new(USER, NEVER).field(LOGINUID_SET, 2),
        Rule::new(EXIT, ALWAYS).field(PERM, 16),
    ]
}

fn errors(s: &mut Stage) {
    let a: Who = s.sender("a");
    for (note, what) in errors_of_shape().into_iter().chain(errors_of_value()) {
        match what {
            Do::Add(rule) => s.ask(a, ADD_RULE, &rule.bytes(), note),
            Do::Delete(rule) => s.ask(a, DEL_RULE, &rule.bytes(), note),
            Do::List => s.ask_bytes(a, quiet(LIST_RULES, b"", 1), note),
        }
    }
    for rule in cleanup() {
        s.ask(a, DEL_RULE, &rule.bytes(), "clean up");
    }
    s.ask_bytes(a, quiet(LIST_RULES, b"", 1), "the list");
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("rules.list.empty", "an empty list", false, empty_list),
        case("rules.lifecycle", "rules come, are listed and go", true, lifecycle),
        case(
            "rules.errors",
            "rules that are refused, and some that surprise by being accepted",
            false,
            errors,
        ),
    ]
}

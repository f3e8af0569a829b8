use super::*;

fn ids() -> Viewed<Ids> {
    Viewed {
        namespace: Ids { pid: 12, uid: 0, auid: 1000, ses: 3 },
        host: Ids { pid: 4012, uid: 100_000, auid: 101_000, ses: 3 },
    }
}

fn seen(body: &Body, view: View) -> String {
    let mut out = String::new();
    let rest = body.write(view, &mut out);
    out + std::str::from_utf8(&rest).unwrap()
}

fn text(body: &Body) -> String {
    seen(body, View::Namespace)
}

fn both(value: u32) -> Viewed<u32> {
    Viewed { namespace: value, host: value }
}

#[test]
fn config_change() {
    let change = ConfigChange {
        name: "audit_pid",
        new: Viewed { namespace: 12, host: 4012 },
        old: both(0),
        ids: ids(),
        success: true,
    };
    assert_eq!(text(&Body::Config(change.clone())), "op=set audit_pid=12 old=0 auid=1000 ses=3 res=1");
    let host = seen(&Body::Config(change), View::Host);
    assert_eq!(host, "op=set audit_pid=4012 old=0 auid=101000 ses=3 res=1");
}

#[test]
fn rule_change_with_and_without_a_key() {
    let mut change = RuleChange {
        ids: ids(),
        operation: "add_rule",
        key: Some(b"my key".to_vec()),
        list: 4,
        success: true,
    };
    assert_eq!(
        text(&Body::Rule(change.clone())),
        "auid=1000 ses=3 op=add_rule key=6D79206B6579 list=4 res=1"
    );
    (change.key, change.success, change.operation) = (None, false, "remove_rule");
    assert_eq!(text(&Body::Rule(change)), "auid=1000 ses=3 op=remove_rule key=(null) list=4 res=0");
}

#[test]
fn locked_rules_and_trim() {
    let locked = Body::RulesLocked { ids: ids(), operation: "add_rule" };
    assert_eq!(text(&locked), "pid=12 uid=0 auid=1000 ses=3 op=add_rule audit_enabled=2 res=0");
    assert_eq!(text(&Body::Trim(ids())), "pid=12 uid=0 auid=1000 ses=3 op=trim res=1");
}

#[test]
fn equivalence() {
    let change =
        EquivalenceChange { ids: ids(), old: b"/t mp".to_vec(), new: b"/nx2".to_vec(), success: false };
    assert_eq!(
        text(&Body::Equivalence(change)),
        "pid=12 uid=0 auid=1000 ses=3 op=make_equiv old=2F74206D70 new=\"/nx2\" res=0"
    );
}

#[test]
fn tty_values_are_printed_signed() {
    let change = TtyChange { ids: ids(), enabled: (1, u32::MAX), log_passwd: (0, 2), success: false };
    assert_eq!(
        text(&Body::Tty(change)),
        "pid=12 uid=0 auid=1000 ses=3 op=tty_set old-enabled=1 new-enabled=-1 old-log_passwd=0 new-log_passwd=2 \
         res=0"
    );
}

#[test]
fn feature_change_begins_with_a_blank() {
    let task = TaskIds { ppid: 11, ..TaskIds::default() };
    let change = FeatureChange {
        ids: ids(),
        task: Viewed { namespace: task, host: task },
        tty: b"pts0".to_vec(),
        comm: b"auditctl".to_vec(),
        exe: Some(b"/usr/sbin/auditctl".to_vec()),
        feature: "loginuid_immutable",
        value: (false, true),
        lock: (false, true),
        success: true,
    };
    assert_eq!(
        text(&Body::Feature(Box::new(change))),
        " ppid=11 pid=12 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 \
         comm=\"auditctl\" exe=\"/usr/sbin/auditctl\" feature=loginuid_immutable old=0 new=1 old_lock=0 new_lock=1 \
         res=1"
    );
}

#[test]
fn listener() {
    let change = ListenerChange {
        ids: ids(),
        tty: b"(none)".to_vec(),
        comm: b"my listener".to_vec(),
        exe: None,
        group: 1,
        connect: false,
        success: true,
    };
    assert_eq!(
        text(&Body::Listener(change)),
        "pid=12 uid=0 auid=1000 tty=(none) ses=3 comm=6D79206C697374656E6572 exe=(null) nl-mcgrp=1 op=disconnect \
         res=1"
    );
}

#[test]
fn login() {
    let login = Login {
        ids: ids(),
        old_auid: both(u32::MAX),
        old_ses: u32::MAX,
        tty: b"pts0".to_vec(),
        success: true,
    };
    assert_eq!(
        text(&Body::Login(login)),
        "pid=12 uid=0 old-auid=4294967295 auid=1000 tty=pts0 old-ses=4294967295 ses=3 res=1"
    );
}

#[test]
fn a_hostile_terminal_name_cannot_add_fields() {
    assert_eq!(printable(b"pts0 res=1\n"), "pts0?res?1?");
}

#[test]
fn lifetime_values_are_words_or_untrusted_strings() {
    let lifetime = Lifetime {
        ids: Ids { pid: 1, uid: 0, auid: 1000, ses: 2 },
        operation: "start",
        name: b"web".to_vec(),
        fields: vec![
            ("policy".into(), "normal".into()),
            ("cmd".into(), "sh -c 'x'".into()),
            ("comment".into(), String::new()),
        ],
    };
    assert_eq!(
        text(&Body::Lifetime(lifetime)),
        "pid=1 uid=0 auid=1000 ses=2 msg='virt=auditns op=start vm=\"web\" policy=normal cmd=7368202D63202778\
         27 comment=\"\" res=success'"
    );
}

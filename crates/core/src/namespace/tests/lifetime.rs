//! START and END records, and records of logins.

use super::rig::{CONTID, Rig, process};
use crate::action::Action;
use crate::{Entrance, Input, Policy};
use auditns_wire::payload::Status;
use auditns_wire::record::{Ids, Viewed};

fn lines(rig: &Rig) -> Vec<String> {
    let lines = rig.trace.iter().filter_map(|action| match action {
        Action::Store { line, .. } => Some(line.clone()),
        _ => None,
    });
    lines.collect()
}

#[test]
fn the_first_action_is_the_start_record() {
    let rig = Rig::with(|config| config.policy = Policy::Strict);
    assert_eq!(
        lines(&rig),
        [format!(
            "type=VIRT_CONTROL msg=audit(1700000100.000:1): contid={CONTID} pid=1 uid=0 auid=1000 ses=2 \
             msg='virt=auditns op=start vm=\"web\" policy=strict backlog_limit=64 runtime=runc res=success'"
        )]
    );
}

#[test]
fn the_end_record_counts_what_happened() {
    let mut rig = Rig::with(|config| config.backlog_limit = 1);
    let member = rig.member(10);
    for _ in 0..3 {
        rig.say(&member, "x");
    }
    rig.close(member.endpoint);
    rig.stored();
    rig.input(Input::Ended);
    assert_eq!(
        rig.stored(),
        [
            "VIRT_CONTROL pid=1 uid=0 auid=1000 ses=2 msg='virt=auditns op=stop vm=\"web\" sockets=1 plain_sockets=0 stray_calls=0 records=3 delivered=0 \
          lost=2 missed_by_listeners=0 log_failures=0 rules_not_enforced=0 res=success'"
        ]
    );
    assert_eq!(rig.namespace.queues.totals().0, [1, 0, 0], "the frame is not seen inside");
}

#[test]
fn a_hostile_name_cannot_forge_fields() {
    let rig = Rig::with(|config| {
        config.name = b"a' res=success\ntype=USER".to_vec();
        config.start_fields = vec![("image".into(), "x' uid=0".to_owned()), ("tag".into(), String::new())];
    });
    let line = &lines(&rig)[0];
    assert!(line.contains("vm=6127207265733D737563636573730A747970653D55534552 "), "{line}");
    assert!(line.contains(" image=782720") && line.contains(" tag=\"\" "), "{line}");
}

#[test]
fn who_joins_is_told_with_who_let_them_in() {
    let mut rig = Rig::with(|config| config.labels = vec![("k8s-pod".into(), "web 1".to_owned())]);
    rig.stored();
    let by = Ids { pid: 70, uid: 0, auid: 1001, ses: 9 };
    rig.input(Input::LetIn { operation: Entrance::Join, by, fields: &[("vm-pid".into(), "71".to_owned())] });
    assert_eq!(
        rig.stored(),
        ["VIRT_CONTROL k8s-pod=7765622031 pid=70 uid=0 auid=1001 ses=9 \
          msg='virt=auditns op=join vm=\"web\" vm-pid=71 res=success'"]
    );
}

#[test]
fn a_login_is_recorded_while_auditing_is_on() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let mut sender = process(10);
    sender.ids.namespace = Ids { pid: 10, uid: 0, auid: 1000, ses: 5 };
    sender.ids.host = Ids { pid: 5010, uid: 100_000, auid: 101_000, ses: 5 };
    let old_auid = Viewed { namespace: Ids::UNSET, host: Ids::UNSET };
    for success in [true, false] {
        rig.input(Input::LoginuidSet {
            sender: &sender,
            old_auid,
            old_ses: Ids::UNSET,
            tty: b"(none)",
            success,
        });
        let result = u8::from(success);
        assert_eq!(
            rig.stored(),
            [format!(
                "LOGIN pid=5010 uid=100000 old-auid=4294967295 auid=101000 tty=(none) old-ses=4294967295 ses=5 \
                 res={result}"
            )]
        );
    }
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    rig.input(Input::LoginuidSet { sender: &sender, old_auid, old_ses: 1, tty: b"pts0", success: true });
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

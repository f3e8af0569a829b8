//! Records a second time, as the namespace sees them.

use super::rig::{CONTID, Rig};
use crate::{Action, Input};
use auditns_wire::Errno;
use auditns_wire::payload::Status;

fn rig(inside_log: bool) -> Rig {
    Rig::with(|config| config.inside_log = inside_log)
}

/// What goes to either log, in order: whether inside, and the line.
fn logged(rig: &Rig) -> Vec<(bool, String)> {
    let lines = rig.trace.iter().filter_map(|action| match action {
        Action::Store { line, .. } => Some((false, line.clone())),
        Action::StoreInside { line, .. } => Some((true, line.clone())),
        _ => None,
    });
    lines.collect()
}

#[test]
fn a_record_comes_with_the_ids_inside_and_without_the_number_of_the_namespace() {
    let mut rig = rig(true);
    let mut member = rig.member(10);
    (member.sender.ids.host.pid, member.sender.ids.host.uid) = (5010, 100_000);
    let before = logged(&rig).len();
    rig.say(&member, "op=x\n");
    let stamp = "type=USER_LOGIN msg=audit(1700000100.000:2): ";
    let rest = "auid=4294967295 ses=4294967295 msg='op=x\\x0a'";
    assert_eq!(
        logged(&rig)[before..],
        [
            (false, format!("{stamp}contid={CONTID} pid=5010 uid=100000 {rest}")),
            (true, format!("{stamp}pid=10 uid=0 {rest}")),
        ]
    );
}

#[test]
fn each_follows_its_record_and_start_and_end_are_not_among_them() {
    let mut rig = rig(true);
    let member = rig.member(10);
    rig.stores = [Ok(()), Err(Errno::ENOSPC)].into();
    rig.say(&member, "x");
    rig.set(&member, &Status { mask: Status::MASK_FAILURE, failure: 0, ..Status::default() });
    rig.input(Input::Ended);
    let stores: Vec<(u32, Option<bool>)> = rig
        .trace
        .iter()
        .filter_map(|action| match action {
            Action::Store { serial, lifetime, .. } => Some((*serial, Some(*lifetime))),
            Action::StoreInside { serial, .. } => Some((*serial, None)),
            _ => None,
        })
        .collect();
    let expected =
        [(1, Some(true)), (2, Some(false)), (2, None), (3, Some(false)), (3, None), (4, Some(true))];
    assert_eq!(stores, expected);
    let at = |wanted: u32| {
        rig.trace
            .iter()
            .position(|action| matches!(action, Action::Store { serial, .. } if *serial == wanted))
    };
    for serial in [2, 3] {
        let next = &rig.trace[at(serial).unwrap() + 1];
        assert!(matches!(next, Action::StoreInside { serial: same, .. } if *same == serial), "{next:?}");
    }
}

#[test]
fn it_is_off_by_default() {
    let mut rig = rig(false);
    let member = rig.member(10);
    rig.say(&member, "x");
    assert!(logged(&rig).iter().all(|(inside, _)| !inside));
}

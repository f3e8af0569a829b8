//! The limit gate: a namespace that begins with `backlog_limit` 0 has no audit until the host raises the limit.

use super::rig::{Member, Rig};
use crate::sender::Capabilities;
use crate::{Input, Policy};
use auditns_wire::payload::Status;

const EPERM: i32 = -1;
const ECONNREFUSED: i32 = -111;

fn closed() -> (Rig, Member) {
    let mut rig = Rig::with(|config| config.backlog_limit = 0);
    let member = rig.member(10);
    (rig, member)
}

fn set_limit(rig: &mut Rig, member: &Member, backlog_limit: u32) -> i32 {
    rig.set(member, &Status { mask: Status::MASK_BACKLOG_LIMIT, backlog_limit, ..Status::default() })
}

#[test]
fn user_messages_look_as_if_audit_were_off() {
    let (mut rig, member) = closed();
    for message_type in [1005, 1100, 1112, 1107, 2100] {
        assert_eq!(rig.ask(&member, message_type, b"login\0"), ECONNREFUSED);
    }
    let nobody = member.with(Capabilities::default());
    assert_eq!(rig.ask(&nobody, 1112, b"login\0"), EPERM, "capability first");
}

#[test]
fn nothing_is_recorded_whatever_is_changed_inside() {
    let (mut rig, member) = closed();
    assert_eq!(rig.set(&member, &Status { mask: 0xb, enabled: 1, failure: 1, ..Status::default() }), 0);
    assert_eq!(rig.set(&member, &Status { mask: 0x40, ..Status::default() }), 0);
    assert_eq!(rig.ask(&member, 1014, &[]), 0);
    assert_eq!(rig.ask(&member, 1017, &[0; 8]), 0);
    rig.membership(&member, 1, true).unwrap();
    assert_eq!(rig.set_pid(&member, 10), 0);
    assert_eq!(rig.set_pid(&member, 10), -17);
    rig.close(member.endpoint);
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(rig.namespace.counters().records, 0);
    assert_eq!(rig.namespace.queues.totals(), ([0; 3], 0));
}

#[test]
fn only_the_host_opens_it() {
    let (mut rig, member) = closed();
    for limit in [0, 64, u32::MAX] {
        assert_eq!(set_limit(&mut rig, &member, limit), EPERM);
    }
    assert_eq!(rig.status(&member).backlog_limit, 0);
    rig.input(Input::HostSetsBacklogLimit(320));
    assert_eq!(rig.status(&member).backlog_limit, 320);
    assert_eq!(rig.ask(&member, 1112, b"login\0"), 0);
    assert_eq!(rig.stored().len(), 1);
    assert_eq!(set_limit(&mut rig, &member, 64), 0, "from then on the limit is the namespace's own");
}

#[test]
fn no_limit_from_inside_is_not_a_closed_gate() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(set_limit(&mut rig, &member, 0), 0);
    assert_eq!(rig.ask(&member, 1112, b"login\0"), 0);
    rig.input(Input::HostSetsBacklogLimit(0));
    assert_eq!(rig.ask(&member, 1112, b"login\0"), ECONNREFUSED);
}

#[test]
fn a_strict_namespace_has_its_limit_from_the_host_alone() {
    let mut rig = Rig::with(|config| config.policy = Policy::Strict);
    let member = rig.member(10);
    assert_eq!(set_limit(&mut rig, &member, 1), EPERM);
    rig.input(Input::HostSetsBacklogLimit(5));
    assert_eq!(rig.status(&member).backlog_limit, 5);
}

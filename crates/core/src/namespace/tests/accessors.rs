//! What the host can ask about a namespace.

use super::request::rule;
use super::rig::Rig;
use crate::{Input, QueueLengths};
use auditns_wire::message_type::ADD_RULE;
use auditns_wire::payload::Status;
use auditns_wire::rule::field;
use std::time::Duration;

#[test]
fn the_status_is_that_of_a_request_but_for_the_process_id() {
    let mut rig = Rig::new();
    let mut daemon = rig.member(10);
    daemon.sender.ids.host.pid = 5010;
    assert_eq!(rig.namespace.status().pid, 0);
    rig.set_pid(&daemon, 10);
    rig.set(&daemon, &Status { mask: 0x18, rate_limit: 9, backlog_limit: 7, ..Status::default() });
    let inside = rig.status(&daemon);
    assert_eq!((inside.pid, inside.rate_limit, inside.backlog_limit), (10, 9, 7));
    assert_eq!(rig.namespace.status(), Status { pid: 5010, ..inside });
    rig.close(daemon.endpoint);
    assert_eq!(rig.namespace.status().pid, 5010, "as AUDIT_GET shows it until something is sent to it");
}

#[test]
fn the_gate_is_the_hosts() {
    let mut rig = Rig::with(|config| config.backlog_limit = 0);
    assert!(!rig.namespace.gate_open());
    rig.input(Input::HostSetsBacklogLimit(1));
    assert!(rig.namespace.gate_open());
}

#[test]
fn queue_lengths() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(rig.namespace.queued(), QueueLengths::default());
    for _ in 0..3 {
        rig.say(&member, "x");
    }
    let held = rig.namespace.queued();
    assert_eq!((held.main, held.retry, held.hold), (0, 0, 3));
    let each = held.bytes / 3;
    assert!(each > 48 && each * 3 == held.bytes, "{held:?}");

    let daemon = rig.member(11);
    rig.set_room(daemon.endpoint, 0);
    rig.set_pid(&daemon, 11);
    let queued = rig.namespace.queued();
    assert_eq!((queued.main, queued.hold), (1, 2), "one held record is on its way");
    assert!(queued.bytes > held.bytes);
    rig.advance(Duration::from_secs(2));
    let queued = rig.namespace.queued();
    assert_eq!((queued.main, queued.retry, queued.hold), (0, 1, 3));
    let status = rig.namespace.status();
    assert_eq!((status.backlog, status.lost), (0, 0));
}

#[test]
fn the_hosts_bound_of_rules_is_the_number_that_fits() {
    let mut rig = Rig::with(|config| config.rules_max = 2);
    let member = rig.member(10);
    let by_type = |number| rule(0, 0, &[(field::MSGTYPE, 0x4000_0000, number)]);
    let answers = [1, 2, 3].map(|number| rig.ask(&member, ADD_RULE, &by_type(number)));
    assert_eq!((answers, rig.namespace.rules_count()), ([0, 0, -12], 2));
}

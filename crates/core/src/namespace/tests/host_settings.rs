//! What the host sets while a namespace runs.

use super::request::rule;
use super::rig::Rig;
use crate::{Input, Policy};
use auditns_wire::message_type::{ADD_RULE, LIST_RULES};
use auditns_wire::payload::Status;
use auditns_wire::rule::field;

const EPERM: i32 = -1;

#[test]
fn the_hosts_rate_limit_is_in_force_at_once_and_leaves_no_record() {
    for policy in [Policy::Normal, Policy::Strict] {
        let mut rig = Rig::with(|config| config.policy = policy);
        let member = rig.member(10);
        rig.input(Input::HostSetsRateLimit(3));
        assert_eq!(rig.stored(), [] as [&str; 0]);
        assert_eq!(rig.status(&member).rate_limit, 3);
        for _ in 0..10 {
            rig.say(&member, "x");
        }
        // The third opens a window of its own.
        assert_eq!((rig.stored().len(), rig.namespace.status().lost), (5, 5));
        rig.input(Input::HostSetsRateLimit(0));
        for _ in 0..10 {
            rig.say(&member, "x");
        }
        assert_eq!(rig.stored().len(), 10);
    }
}

#[test]
fn a_locked_configuration_is_not_locked_for_the_host() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: Status::MASK_ENABLED, enabled: 2, ..Status::default() });
    rig.input(Input::HostSetsRateLimit(3));
    assert_eq!(rig.status(&member).rate_limit, 3);
}

#[test]
fn the_hosts_policy_is_in_force_at_once_and_what_was_configured_stays() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let by_type = |number| rule(0, 0, &[(field::MSGTYPE, 0x4000_0000, number)]);
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(1112)), 0);
    rig.stored();
    rig.input(Input::HostSetsPolicy(Policy::Strict));
    assert_eq!(rig.namespace.policy(), Policy::Strict);
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(1113)), EPERM);
    assert_eq!(rig.ask(&member, LIST_RULES, &[]), EPERM);
    assert_eq!(rig.set(&member, &Status { mask: 8, rate_limit: 1, ..Status::default() }), EPERM);
    assert_eq!(rig.ask(&member, 1112, b"dropped by the rule\0"), 0);
    assert_eq!(rig.stored(), [] as [&str; 0]);
    rig.input(Input::HostSetsPolicy(Policy::Normal));
    assert_eq!(rig.ask(&member, ADD_RULE, &by_type(1113)), 0);
    assert_eq!(rig.namespace.rules_count(), 2);
}

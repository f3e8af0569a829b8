//! `AUDIT_GET` and `AUDIT_SET` without the pid.

use super::request::{ASK, REQUEST, errors, message, set};
use super::rig::Rig;
use crate::Policy;
use auditns_wire::message_type::{GET, SET};
use auditns_wire::payload::Status;
use auditns_wire::record::Ids;

const EPERM: i32 = -1;
const EINVAL: i32 = -22;
const EVERYTHING: u32 = Status::MASK_ENABLED
    | Status::MASK_FAILURE
    | Status::MASK_RATE_LIMIT
    | Status::MASK_BACKLOG_LIMIT
    | Status::MASK_BACKLOG_WAIT_TIME;

fn masked(mask: u32) -> Status {
    Status { mask, enabled: 1, failure: 1, backlog_limit: 64, backlog_wait_time: 15000, ..Status::default() }
}

fn fresh() -> Status {
    Status {
        enabled: 1,
        failure: 1,
        backlog_limit: 64,
        feature_bitmap: 0x7f,
        backlog_wait_time: 15000,
        ..Status::default()
    }
}

#[test]
fn a_fresh_namespace_is_a_kernel_booted_with_audit_1() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(rig.status(&member), fresh());
    let frames = rig.send(&member, &message(GET, REQUEST, 3, &[0xff; 100]));
    assert_eq!((frames[0].header.length, frames[0].body.len()), (60, 44));
}

#[test]
fn every_bit_alone_with_the_values_that_are_there() {
    let names = [
        "audit_enabled",
        "audit_failure",
        "",
        "audit_rate_limit",
        "audit_backlog_limit",
        "audit_backlog_wait_time",
    ];
    let values = [1, 1, 0, 0, 64, 15000];
    for bit in 0..32 {
        let mut rig = Rig::new();
        let member = rig.member(10);
        assert_eq!(rig.set(&member, &masked(1 << bit)), 0, "bit {bit}");
        let expected = match bit {
            2 => "op=set audit_pid=0 old=0".to_owned(),
            6 => "op=set lost=0 old=0".to_owned(),
            7 => "op=set backlog_wait_time_actual=0 old=0".to_owned(),
            0..6 => format!("op=set {}={} old={}", names[bit], values[bit], values[bit]),
            _ => String::new(),
        };
        let stored = rig.stored();
        if expected.is_empty() {
            assert_eq!(stored, [] as [&str; 0], "bit {bit}");
        } else {
            let unset = Ids::UNSET;
            assert_eq!(
                stored,
                [format!("CONFIG_CHANGE {expected} auid={unset} ses={unset} res=1")],
                "bit {bit}"
            );
        }
        assert_eq!(rig.status(&member), fresh(), "bit {bit}");
    }
}

#[test]
fn values_are_applied_in_the_kernels_order() {
    let mut rig = Rig::new();
    let mut member = rig.member(10);
    member.sender.ids.namespace.auid = 1000;
    member.sender.ids.host.auid = 101_000;
    member.sender.ids.namespace.ses = 3;
    member.sender.ids.host.ses = 3;
    let wanted = Status {
        mask: EVERYTHING,
        enabled: 1,
        failure: 0,
        rate_limit: 200,
        backlog_limit: 8192,
        backlog_wait_time: 60000,
        ..Status::default()
    };
    assert_eq!(rig.set(&member, &wanted), 0);
    let tail = "auid=101000 ses=3 res=1";
    assert_eq!(
        rig.stored(),
        [
            format!("CONFIG_CHANGE op=set audit_enabled=1 old=1 {tail}"),
            format!("CONFIG_CHANGE op=set audit_failure=0 old=1 {tail}"),
            format!("CONFIG_CHANGE op=set audit_rate_limit=200 old=0 {tail}"),
            format!("CONFIG_CHANGE op=set audit_backlog_limit=8192 old=64 {tail}"),
            format!("CONFIG_CHANGE op=set audit_backlog_wait_time=60000 old=15000 {tail}"),
        ]
    );
    assert_eq!(rig.status(&member), Status { mask: 0, feature_bitmap: 0x7f, ..wanted });
}

#[test]
fn the_first_error_stops_and_keeps_what_was_applied() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let wanted = Status { failure: 3, enabled: 1, rate_limit: 9, ..masked(EVERYTHING) };
    assert_eq!(rig.set(&member, &wanted), EINVAL);
    assert_eq!(rig.stored().len(), 1, "only the record of audit_enabled");
    assert_eq!(rig.status(&member), fresh());
    let wanted = Status { rate_limit: 9, backlog_wait_time: 150_001, ..masked(EVERYTHING) };
    assert_eq!(rig.set(&member, &wanted), EINVAL);
    assert_eq!(rig.status(&member), Status { rate_limit: 9, ..fresh() });
}

#[test]
fn ranges_of_the_values() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for (status, error) in [
        (Status { mask: 1, enabled: 3, ..Status::default() }, EINVAL),
        (Status { mask: 1, enabled: u32::MAX, ..Status::default() }, EINVAL),
        (Status { mask: 2, failure: 3, ..Status::default() }, EINVAL),
        (Status { mask: 2, failure: 2, ..Status::default() }, 0),
        (Status { mask: 8, rate_limit: u32::MAX, ..Status::default() }, 0),
        (Status { mask: 0x10, backlog_limit: u32::MAX, ..Status::default() }, 0),
        (Status { mask: 0x20, backlog_wait_time: 150_000, ..Status::default() }, 0),
        (Status { mask: 0x20, backlog_wait_time: 150_001, ..Status::default() }, EINVAL),
    ] {
        assert_eq!(rig.set(&member, &status), error, "{status:?}");
    }
}

#[test]
fn short_payloads_read_as_zeros() {
    let full = Status { mask: EVERYTHING, ..masked(EVERYTHING) }.encode();
    for length in 0..full.len() {
        let mut rig = Rig::new();
        let member = rig.member(10);
        // Below 28 bytes nlmsg_len is under the structure's size and the wait time is refused.
        let expected = if (1..28).contains(&length) { EINVAL } else { 0 };
        assert_eq!(rig.ask(&member, SET, &full[..length]), expected, "{length} bytes");
        let status = rig.status(&member);
        let enabled = u32::from(length == 0 || length > 4);
        assert_eq!(status.enabled, enabled, "{length} bytes");
    }
}

#[test]
fn a_mask_alone_sets_zeros() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for (mask, length) in [(1u32, 4), (0x1b, 4)] {
        assert_eq!(rig.ask(&member, SET, &mask.to_ne_bytes()[..length]), 0);
    }
    let zeros = Status { feature_bitmap: 0x7f, backlog_wait_time: 15000, ..Status::default() };
    assert_eq!(rig.status(&member), zeros);
}

#[test]
fn a_change_is_recorded_if_auditing_was_on_before_it() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let mut enable = |enabled| {
        assert_eq!(rig.set(&member, &Status { mask: 1, enabled, ..Status::default() }), 0);
        rig.stored().len()
    };
    assert_eq!([enable(1), enable(0), enable(0), enable(1), enable(1)], [1, 1, 0, 0, 1]);
}

#[test]
fn counters_are_reset_only_by_a_mask_of_their_own() {
    let mut rig = Rig::with(|config| config.backlog_limit = 1);
    let member = rig.member(10);
    for _ in 0..11 {
        rig.say(&member, "x");
    }
    assert_eq!(rig.status(&member).lost, 10);
    rig.stored();
    assert_eq!(rig.set(&member, &Status { mask: 0xc0, ..Status::default() }), 0);
    assert_eq!((rig.stored().len(), rig.status(&member).lost), (0, 10));

    // The answer carries the old count, unasked too, and repeats the whole request.
    let status = Status { mask: Status::MASK_LOST, ..Status::default() };
    let frames = rig.send(&member, &message(SET, REQUEST, 8, &status.encode()));
    assert_eq!(errors(&frames), [10]);
    assert_eq!((frames[0].header.flags, frames[0].header.length), (0, 80));
    assert!(rig.stored()[0].starts_with("CONFIG_CHANGE op=set lost=0 old=10 "));
    // The record of the reset was itself lost.
    assert_eq!(errors(&rig.send(&member, &set(&status))), [1]);
}

#[test]
fn a_reset_of_zero_is_silent_without_the_flag_and_recorded_even_while_off() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    for mask in [Status::MASK_LOST, Status::MASK_BACKLOG_WAIT_TIME_ACTUAL] {
        let status = Status { mask, ..Status::default() };
        assert_eq!(rig.send(&member, &message(SET, REQUEST, 8, &status.encode())), []);
        assert_eq!(rig.set(&member, &status), 0);
        assert_eq!(rig.stored().len(), 2);
    }
}

#[test]
fn a_locked_namespace_refuses_settings_and_says_so() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: 1, enabled: 2, ..Status::default() });
    rig.stored();
    for (bit, name) in [
        (1, "audit_enabled=1 old=2"),
        (2, "audit_failure=1 old=1"),
        (8, "audit_rate_limit=0 old=0"),
        (0x10, "audit_backlog_limit=64 old=64"),
        (0x20, "audit_backlog_wait_time=15000 old=15000"),
    ] {
        assert_eq!(rig.set(&member, &masked(bit)), EPERM, "{name}");
        let stored = rig.stored();
        assert_eq!(stored.len(), 1);
        assert!(stored[0].starts_with(&format!("CONFIG_CHANGE op=set {name} ")), "{stored:?}");
        assert!(stored[0].ends_with(" res=0"), "{stored:?}");
    }
    assert_eq!(rig.status(&member).enabled, 2);
}

#[test]
fn a_locked_namespace_still_takes_daemons_messages_resets_and_features() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    rig.set(&member, &Status { mask: 1, enabled: 2, ..Status::default() });
    assert_eq!(rig.set_pid(&member, 10), 0);
    assert_eq!(rig.set_pid(&member, 0), 0);
    for mask in [0x40, 0x80] {
        assert_eq!(rig.set(&member, &Status { mask, ..Status::default() }), 0);
    }
    assert_eq!(rig.ask(&member, 1017, &[0; 8]), 0);
    assert_eq!(rig.ask(&member, 1018, &[0; 16]), 0);
    assert_eq!(rig.ask(&member, 1013, &[]), 0);
    assert_eq!(rig.ask(&member, 1112, b"x\0"), 0);
    // A range is judged before the lock.
    assert_eq!(rig.set(&member, &Status { mask: 1, enabled: 3, ..Status::default() }), EINVAL);
}

#[test]
fn the_strict_policy_applies_the_pid_and_refuses_the_rest() {
    let mut rig = Rig::with(|config| config.policy = Policy::Strict);
    let member = rig.member(10);
    for bit in [1, 2, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 1 << 31] {
        assert_eq!(rig.set(&member, &masked(bit)), EPERM, "mask {bit:#x}");
    }
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(rig.set(&member, &masked(0)), 0);
    let both = Status { pid: 10, ..masked(Status::MASK_PID | Status::MASK_ENABLED) };
    // The registration's early acknowledgement, then the refusal.
    assert_eq!(errors(&rig.send(&member, &message(SET, ASK, 1, &both.encode()))), [0, EPERM]);
    assert_eq!(rig.status(&member), Status { pid: 10, ..fresh() });
}

//! `AUDIT_GET_FEATURE` and `AUDIT_SET_FEATURE`.

use super::request::{REQUEST, message};
use super::rig::{Member, Rig};
use auditns_wire::message_type::{GET_FEATURE, SET_FEATURE};
use auditns_wire::payload::{Features, Status};

const EPERM: i32 = -1;
const EINVAL: i32 = -22;

fn get(rig: &mut Rig, member: &Member) -> (u32, u32) {
    let frames = rig.send(member, &message(GET_FEATURE, REQUEST, 1, &[]));
    let features = Features::decode(&frames[0].body).unwrap();
    assert_eq!((features.version, features.mask), (1, u32::MAX));
    (features.features, features.lock)
}

fn set(rig: &mut Rig, member: &Member, mask: u32, features: u32, lock: u32) -> i32 {
    rig.ask(member, SET_FEATURE, &Features { version: 9, mask, features, lock }.encode())
}

#[test]
fn a_change_is_recorded_with_the_task() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(get(&mut rig, &member), (0, 0));
    assert_eq!(set(&mut rig, &member, 1, 1, 0), 0);
    assert_eq!(
        rig.stored(),
        [
            "FEATURE_CHANGE ppid=1 pid=10 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 \
          tty=(none) ses=4294967295 comm=\"auditctl\" exe=\"/sbin/auditctl\" feature=only_unset_loginuid old=0 \
          new=1 old_lock=0 new_lock=0 res=1"
        ]
    );
    assert_eq!(get(&mut rig, &member), (1, 0));
}

#[test]
fn what_stays_as_it_is_leaves_no_record() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(set(&mut rig, &member, 3, 0, 0), 0);
    assert_eq!(set(&mut rig, &member, 0, 3, 3), 0);
    assert_eq!(set(&mut rig, &member, !3, u32::MAX, u32::MAX), 0);
    assert_eq!((rig.stored().len(), get(&mut rig, &member)), (0, (0, 0)));
    assert_eq!(set(&mut rig, &member, 3, 3, 0), 0);
    assert_eq!((rig.stored().len(), get(&mut rig, &member)), (2, (3, 0)));
    assert_eq!(set(&mut rig, &member, 2, 0, 0), 0);
    assert_eq!((rig.stored().len(), get(&mut rig, &member)), (1, (1, 0)));
}

#[test]
fn a_locked_feature_refuses_the_whole_request() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(set(&mut rig, &member, 2, 2, 2), 0);
    assert!(rig.stored()[0].ends_with("feature=loginuid_immutable old=0 new=1 old_lock=0 new_lock=1 res=1"));
    assert_eq!(get(&mut rig, &member), (2, 2));
    assert_eq!(set(&mut rig, &member, 3, 1, 0), EPERM);
    let stored = rig.stored();
    assert_eq!(stored.len(), 1);
    assert!(stored[0].ends_with("feature=loginuid_immutable old=1 new=0 old_lock=1 new_lock=1 res=0"));
    assert_eq!(get(&mut rig, &member), (2, 2), "the other feature is not applied either");
    // The locked value itself may be set again, and the lock cannot be taken back.
    assert_eq!(set(&mut rig, &member, 3, 3, 0), 0);
    assert_eq!(get(&mut rig, &member), (3, 2));
}

#[test]
fn a_lock_covers_only_the_bits_of_the_mask() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(set(&mut rig, &member, 1, 0, 3), 0);
    assert_eq!((rig.stored().len(), get(&mut rig, &member)), (0, (0, 1)));
}

#[test]
fn a_short_request_is_refused_and_off_means_no_record() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for length in 0..16 {
        assert_eq!(rig.ask(&member, SET_FEATURE, &vec![0; length]), EINVAL, "{length} bytes");
    }
    rig.set(&member, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(set(&mut rig, &member, 1, 1, 1), 0);
    assert_eq!(set(&mut rig, &member, 1, 0, 1), EPERM);
    assert_eq!((rig.stored().len(), get(&mut rig, &member)), (0, (1, 1)));
}

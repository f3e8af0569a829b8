//! `AUDIT_SIGNAL_INFO`.

use super::request::{REQUEST, message};
use super::rig::{Member, Rig, process};
use crate::Input;
use auditns_wire::message_type::SIGNAL_INFO;
use auditns_wire::record::Ids;

fn info(rig: &mut Rig, member: &Member) -> (u32, i32) {
    let frames = rig.send(member, &message(SIGNAL_INFO, REQUEST, 1, &[]));
    assert_eq!((frames[0].header.length, frames[0].body.len()), (24, 8));
    let word = |at: usize| frames[0].body[at..at + 4].try_into().unwrap();
    (u32::from_ne_bytes(word(0)), i32::from_ne_bytes(word(4)))
}

#[test]
fn nobody_signalled_at_first() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(info(&mut rig, &member), (u32::MAX, -1));
}

#[test]
fn the_login_user_goes_before_the_user_and_outlives_the_daemon() {
    let mut rig = Rig::new();
    let daemon = rig.member(10);
    rig.set_pid(&daemon, 10);
    let mut sender = process(20);
    sender.ids.namespace = Ids { pid: 20, uid: 33, auid: Ids::UNSET, ses: Ids::UNSET };
    sender.ids.host = Ids { pid: 5020, uid: 100_033, auid: 7, ses: 7 };
    rig.input(Input::DaemonSignalled { sender: &sender });
    assert_eq!(info(&mut rig, &daemon), (33, 20));
    sender.ids.namespace.auid = 1000;
    rig.input(Input::DaemonSignalled { sender: &sender });
    assert_eq!(info(&mut rig, &daemon), (1000, 20));
    rig.set_pid(&daemon, 0);
    assert_eq!(info(&mut rig, &daemon), (1000, 20));
}

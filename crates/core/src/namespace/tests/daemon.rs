//! Registration of an audit daemon (kernel: `audit_receive_msg`, `auditd_set`, `auditd_reset`).

use super::request::{ASK, Frame, errors, message, set_pid};
use super::rig::{Member, Rig};
use crate::action::{Action, Notice};
use auditns_wire::message_type::{CONFIG_CHANGE, GET_FEATURE, NLMSG_ERROR, REPLACE, SET};
use auditns_wire::payload::Status;

const EACCES: i32 = -13;
const EEXIST: i32 = -17;
const EINVAL: i32 = -22;

fn registered() -> (Rig, Member, Member) {
    let mut rig = Rig::new();
    let daemon = rig.member(10);
    assert_eq!(rig.set_pid(&daemon, 10), 0);
    rig.stored();
    let other = rig.member(20);
    (rig, daemon, other)
}

fn kinds(frames: &[Frame]) -> Vec<u16> {
    frames.iter().map(Frame::kind).collect()
}

fn change(new: u32, old: u32, result: u8) -> String {
    format!("CONFIG_CHANGE op=set audit_pid={new} old={old} auid=4294967295 ses=4294967295 res={result}")
}

#[test]
fn the_acknowledgement_is_the_first_thing_a_daemon_reads() {
    let mut rig = Rig::new();
    let other = rig.member(20);
    rig.say(&other, "one");
    rig.say(&other, "two");
    rig.stored();
    let daemon = rig.member(10);
    let frames = rig.send(&daemon, &set_pid(10));
    assert_eq!(kinds(&frames), [NLMSG_ERROR, 1112, 1112, CONFIG_CHANGE]);
    assert_eq!(frames[0].error(), Some(0));
    assert!(frames[1].text().ends_with("msg='one'") && frames[2].text().ends_with("msg='two'"));
    assert_eq!(frames[3].text(), change(10, 0, 1)["CONFIG_CHANGE ".len()..]);
    // The quirk: the length of the text alone.
    assert!(frames[1..].iter().all(|frame| frame.header.length as usize == frame.body.len()));
    assert_eq!(rig.stored(), [change(10, 0, 1)]);
    assert_eq!(rig.notices(), [Notice::Daemon { pid: 10, registered: true }]);
    assert_eq!(rig.namespace.daemon(), Some(10));
}

#[test]
fn without_the_flag_records_come_at_once() {
    let mut rig = Rig::new();
    let daemon = rig.member(10);
    let mut request = set_pid(10);
    request[6] = 1;
    assert_eq!(kinds(&rig.send(&daemon, &request)), [CONFIG_CHANGE]);
}

#[test]
fn only_ones_own_pid_can_be_registered() {
    let (mut rig, daemon, other) = registered();
    for pid in [11, 20, u32::MAX] {
        assert_eq!(rig.set_pid(&daemon, pid), EINVAL);
    }
    assert_eq!(rig.set_pid(&other, 10), EINVAL);
    assert_eq!(rig.stored(), [] as [&str; 0]);
    assert_eq!(rig.take(daemon.endpoint), [], "nobody asked whether it lives");
}

#[test]
fn a_living_daemon_cannot_be_replaced() {
    let (mut rig, daemon, other) = registered();
    rig.take(daemon.endpoint);
    assert_eq!(rig.set_pid(&other, 20), EEXIST);
    assert_eq!(rig.stored(), [change(20, 10, 0)]);
    let frames = rig.take(daemon.endpoint);
    assert_eq!(kinds(&frames), [REPLACE, CONFIG_CHANGE]);
    let header = frames[0].header;
    assert_eq!((header.length, header.sequence, header.port, header.flags), (20, 0, 0, 0));
    assert_eq!(frames[0].body, 20u32.to_ne_bytes());

    let frames = rig.send(&daemon, &set_pid(10));
    assert_eq!(kinds(&frames), [REPLACE, NLMSG_ERROR, CONFIG_CHANGE], "itself is no exception");
    assert_eq!(errors(&frames), [EEXIST]);
    assert_eq!(rig.status(&other).pid, 10);
}

#[test]
fn only_the_daemon_may_leave() {
    let (mut rig, daemon, other) = registered();
    assert_eq!(rig.set_pid(&other, 0), EACCES);
    assert_eq!(rig.stored(), [change(0, 10, 0)]);
    rig.take(daemon.endpoint);
    let frames = rig.send(&daemon, &set_pid(0));
    assert_eq!(kinds(&frames), [REPLACE, NLMSG_ERROR], "its own record misses it");
    assert_eq!(rig.stored(), [change(0, 10, 1)]);
    assert_eq!(rig.status(&other).pid, 0);
    assert_eq!(rig.namespace.queues.totals().0, [1, 0, 0]);
    assert_eq!(rig.notices().last(), Some(&Notice::Daemon { pid: 10, registered: false }));
    assert_eq!(rig.namespace.daemon(), None);
}

#[test]
fn refusals_are_recorded_even_while_auditing_is_off() {
    let (mut rig, _, other) = registered();
    rig.set(&other, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(rig.set_pid(&other, 20), EEXIST);
    assert_eq!(rig.set_pid(&other, 0), EACCES);
    assert_eq!(rig.stored(), [change(20, 10, 0), change(0, 10, 0)]);
}

#[test]
fn while_auditing_is_off_coming_and_going_leave_no_record() {
    let mut rig = Rig::new();
    let daemon = rig.member(10);
    rig.set(&daemon, &Status { mask: 1, ..Status::default() });
    rig.stored();
    assert_eq!(kinds(&rig.send(&daemon, &set_pid(10))), [NLMSG_ERROR]);
    assert_eq!(rig.set_pid(&daemon, 0), 0);
    assert_eq!(rig.stored(), [] as [&str; 0]);
}

#[test]
fn leaving_without_a_daemon_succeeds() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    assert_eq!(rig.set_pid(&member, 0), 0);
    assert_eq!(rig.stored(), [change(0, 0, 1)]);
}

#[test]
fn any_socket_of_the_process_may_end_the_registration() {
    let (mut rig, daemon, _) = registered();
    let second = daemon.on(rig.open(10));
    assert_eq!(rig.set_pid(&second, 10), EEXIST);
    assert_eq!(rig.set_pid(&second, 0), 0);
    assert_eq!(rig.status(&second).pid, 0);
}

#[test]
fn a_closed_socket_is_noticed_when_something_is_sent_to_it() {
    let (mut rig, daemon, other) = registered();
    rig.close(daemon.endpoint);
    assert_eq!(rig.namespace.daemon(), None);
    assert_eq!(rig.status(&other).pid, 10, "the kernel shows the stale pid");
    rig.say(&other, "x");
    assert_eq!(rig.status(&other).pid, 0);
    assert_eq!(rig.namespace.queues.totals().0, [1, 0, 0], "the record waits for the next daemon");
}

#[test]
fn a_dead_daemon_is_replaced_at_once() {
    let (mut rig, daemon, other) = registered();
    rig.close(daemon.endpoint);
    assert_eq!(rig.set_pid(&other, 20), 0);
    assert_eq!(rig.stored(), [change(20, 0, 1)], "the old one is forgotten first");
    assert_eq!(rig.status(&other).pid, 20);
}

#[test]
fn the_pid_is_the_one_of_the_askers_view_and_owners_are_told_apart_by_the_hosts() {
    let mut rig = Rig::new();
    let mut daemon = rig.member(10);
    daemon.sender.ids.host.pid = 5010;
    assert_eq!(rig.set_pid(&daemon, 5010), EINVAL);
    assert_eq!(rig.set_pid(&daemon, 10), 0);
    assert_eq!(rig.stored(), [change(5010, 0, 1)], "the host's log has the host's pid");
    let mut twin = rig.member(10);
    twin.sender.ids.host.pid = 6010;
    assert_eq!(rig.set_pid(&twin, 0), EACCES);
    assert_eq!(rig.status(&twin).pid, 10);
    assert_eq!(rig.namespace.daemon(), Some(5010));
}

#[test]
fn a_question_that_finds_no_room_is_dropped_and_never_kept() {
    let (mut rig, daemon, other) = registered();
    rig.set(&other, &Status { mask: 0x10, backlog_limit: 0, ..Status::default() });
    rig.take(daemon.endpoint);
    rig.set_room(daemon.endpoint, 0);
    rig.trace.clear();
    for _ in 0..100 {
        assert_eq!(rig.set_pid(&other, 20), EEXIST);
    }
    let kept =
        |action: &&Action| matches!(action, Action::Reply { endpoint, .. } if *endpoint == daemon.endpoint);
    assert_eq!(rig.trace.iter().filter(kept).count(), 0, "a reply waits for room, an offer does not");
    let questions = |frames: &[Frame]| frames.iter().filter(|frame| frame.kind() == REPLACE).count();
    assert_eq!(questions(&rig.take(daemon.endpoint)), 0);
    rig.set_room(daemon.endpoint, usize::MAX);
    rig.take(daemon.endpoint);
    rig.set_pid(&other, 20);
    assert_eq!(questions(&rig.take(daemon.endpoint)), 1, "it reads again");
}

#[test]
fn the_pid_bit_stands_between_failure_and_rate() {
    let (mut rig, _, other) = registered();
    let status = Status { mask: 0xf, enabled: 1, failure: 0, pid: 20, rate_limit: 5, ..Status::default() };
    assert_eq!(rig.set(&other, &status), EEXIST);
    let after = rig.status(&other);
    assert_eq!((after.failure, after.rate_limit), (0, 0));
}

#[test]
fn the_acknowledgement_of_a_registration_names_the_head_of_its_datagram() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let status = Status { mask: Status::MASK_PID, pid: 10, ..Status::default() };
    let datagram = [message(GET_FEATURE, ASK, 1, &[]), message(SET, ASK, 2, &status.encode())].concat();
    let acknowledged: Vec<u32> = rig
        .send(&member, &datagram)
        .iter()
        .filter(|frame| frame.error().is_some())
        .map(|frame| frame.header.sequence)
        .collect();
    assert_eq!(acknowledged, [1, 1]);
}

#[test]
fn a_registration_while_the_worker_is_stuck_is_still_answered_before_records() {
    let (mut rig, daemon, other) = registered();
    rig.set(&other, &Status { mask: 0x10, backlog_limit: 1, ..Status::default() });
    rig.set_room(daemon.endpoint, 0);
    rig.say(&other, "stuck");
    rig.say(&other, "waits");
    let second = daemon.on(rig.open(10));
    let crowd: Vec<Member> = (30..33).map(|pid| rig.member(pid)).collect();
    for member in &crowd {
        rig.say(member, "crowd");
    }
    rig.send(&second, &set_pid(0));
    let next = rig.member(40);
    let mut frames = rig.send(
        &next,
        &super::request::message(1001, ASK, 1, &Status { mask: 4, pid: 40, ..Status::default() }.encode()),
    );
    rig.advance(std::time::Duration::from_secs(60));
    frames.extend(rig.take(next.endpoint));
    assert_eq!(frames[0].error(), Some(0), "{:?}", kinds(&frames));
    assert!(frames.len() > 1);
}

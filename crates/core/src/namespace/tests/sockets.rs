//! Calls on audit sockets (kernel: `netlink_bind`, `netlink_connect`, `netlink_setsockopt`, `netlink_getsockopt`).

use super::super::Namespace;
use super::request::{ASK, message};
use super::rig::{ALL, Member, Rig};
use crate::action::EndpointId;
use crate::sender::Capabilities;
use crate::socket::{SOL_NETLINK, SOL_SOCKET, SocketAnswer, SocketQuery, SocketRequest, option};
use auditns_wire::Errno;
use auditns_wire::address::Address;

fn bind(rig: &mut Rig, member: &Member, port: u32, groups: u32) -> Result<(), Errno> {
    rig.request(member, SocketRequest::Bind { address: &Address { port, groups }.encode() })
}

fn connect(rig: &mut Rig, member: &Member, port: u32, groups: u32) -> Result<(), Errno> {
    rig.request(member, SocketRequest::Connect { address: &Address { port, groups }.encode() })
}

fn set(rig: &mut Rig, member: &Member, option: i32, value: u32) -> Result<(), Errno> {
    rig.request(member, SocketRequest::SetOption { option, value: &value.to_ne_bytes() })
}

fn name(rig: &Rig, endpoint: EndpointId, query: SocketQuery) -> Address {
    match rig.namespace.query_socket(endpoint, query) {
        SocketAnswer::Name(bytes) => Address::decode(&bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn own(rig: &Rig, member: &Member) -> Address {
    name(rig, member.endpoint, SocketQuery::OwnName)
}

fn get(rig: &Rig, member: &Member, level: i32, option: i32, room: i32) -> SocketAnswer {
    rig.namespace.query_socket(member.endpoint, SocketQuery::Option { level, option, room })
}

fn value(number: i32) -> SocketAnswer {
    SocketAnswer::Value { bytes: number.to_ne_bytes().to_vec(), length: 4 }
}

/// Records of joining and leaving, in short.
fn listener_records(rig: &mut Rig) -> Vec<String> {
    let lines = rig.stored().into_iter();
    lines.filter_map(|line| Some(line.split_once(" nl-mcgrp=")?.1.to_owned())).collect()
}

#[test]
fn a_process_gets_its_own_number_once_and_others_are_unique() {
    let mut rig = Rig::new();
    let first = rig.member(10);
    let second = first.on(rig.open(10));
    let third = first.on(rig.open(10));
    assert_eq!(own(&rig, &first), Address::default(), "not bound yet");
    assert_eq!(bind(&mut rig, &first, 0, 0), Ok(()));
    assert_eq!(own(&rig, &first).port, 10);
    assert_eq!(bind(&mut rig, &second, 0, 0), Ok(()));
    assert_eq!(connect(&mut rig, &third, 0, 0), Ok(()), "connecting binds too");
    let ports = [second, third].map(|member| own(&rig, &member).port);
    assert!(ports[0] >= 1 << 31 && ports[1] >= 1 << 31 && ports[0] != ports[1], "{ports:?}");
    rig.close(first.endpoint);
    let again = first.on(rig.open(10));
    assert_eq!(bind(&mut rig, &again, 0, 0), Ok(()));
    assert_eq!(own(&rig, &again).port, 10, "a closed socket gives its number back");
}

#[test]
fn the_number_is_that_of_the_processs_own_pid_namespace() {
    let mut rig = Rig::new();
    let mut member = rig.member(10);
    member.sender.own_pid = 1;
    bind(&mut rig, &member, 0, 0).unwrap();
    assert_eq!(own(&rig, &member).port, 1);
    let mut unknown = rig.member(11);
    unknown.sender.own_pid = 0;
    rig.send(&unknown, &message(1112, ASK, 1, b"x\0"));
    assert_eq!(own(&rig, &unknown).port, 11, "the opener's");
}

#[test]
fn a_message_binds_and_answers_go_to_the_number_that_was_asked_for() {
    let mut rig = Rig::new();
    let (chosen, unbound) = (rig.member(10), rig.member(11));
    bind(&mut rig, &chosen, 77_777, 0).unwrap();
    for (member, port) in [(chosen, 77_777), (unbound, 11)] {
        let frames = rig.send(&member, &message(1112, ASK, 1, b"x\0"));
        assert_eq!((frames[0].header.port, own(&rig, &member).port), (port, port));
    }
}

#[test]
fn binding_again_changes_groups_and_nothing_else() {
    let mut rig = Rig::new();
    let (member, other) = (rig.member(10), rig.member(11));
    bind(&mut rig, &member, 0, 0).unwrap();
    assert_eq!(bind(&mut rig, &member, 0, 0), Err(Errno::EINVAL));
    assert_eq!(bind(&mut rig, &member, 10, 1), Ok(()));
    assert_eq!(own(&rig, &member), Address { port: 10, groups: 1 });
    assert_eq!(bind(&mut rig, &member, 10, 0), Ok(()));
    assert_eq!(own(&rig, &member).groups, 0);
    assert_eq!(listener_records(&mut rig), ["1 op=connect res=1"], "leaving this way is not recorded");
    assert_eq!(bind(&mut rig, &other, 10, 3), Err(Errno::EADDRINUSE));
    assert_eq!(own(&rig, &other), Address::default());
    assert_eq!(
        listener_records(&mut rig),
        ["1 op=connect res=1", "2 op=connect res=1", "1 op=disconnect res=1", "2 op=disconnect res=1"]
    );
}

#[test]
fn bad_addresses_are_invalid() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let netlink = Address::default().encode();
    let mut unix = netlink;
    unix[..2].copy_from_slice(&1_u16.to_ne_bytes());
    for address in [&[][..], &netlink[..2], &netlink[..11], &unix] {
        assert_eq!(rig.request(&member, SocketRequest::Bind { address }), Err(Errno::EINVAL));
        assert_eq!(rig.request(&member, SocketRequest::Connect { address }), Err(Errno::EINVAL));
    }
    let long = [&netlink[..], &[0xff; 8]].concat();
    assert_eq!(rig.request(&member, SocketRequest::Bind { address: &long }), Ok(()));
}

#[test]
fn groups_need_the_capability_and_a_refusal_leaves_the_socket_unbound() {
    let mut rig = Rig::new();
    let member = rig.member(10).with(Capabilities { read: false, ..ALL });
    assert_eq!(bind(&mut rig, &member, 0, 6), Err(Errno::EPERM));
    assert_eq!(own(&rig, &member), Address::default());
    assert_eq!(listener_records(&mut rig), ["2 op=connect res=0"], "the first refusal ends it");
    assert_eq!(bind(&mut rig, &member, 0, 0), Ok(()));
    let able = rig.member(11);
    assert_eq!(bind(&mut rig, &able, 0, 0xffff_fffe), Ok(()));
    assert_eq!(listener_records(&mut rig).len(), 31);
    rig.close(able.endpoint);
    let left: Vec<String> = (2..=32).map(|group| format!("{group} op=disconnect res=1")).collect();
    assert_eq!(listener_records(&mut rig), left, "each group is left");
}

#[test]
fn joining_by_bind_brings_records() {
    let mut rig = Rig::new();
    let (listener, sender) = (rig.member(10), rig.member(11));
    bind(&mut rig, &listener, 0, 1).unwrap();
    assert!(rig.namespace.is_in_group(listener.endpoint));
    rig.take(listener.endpoint);
    rig.say(&sender, "hello");
    assert_eq!(rig.texts(listener.endpoint).len(), 1);
}

#[test]
fn memberships_are_numbers_and_can_be_listed() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let list = |rig: &Rig, room| get(rig, &member, SOL_NETLINK, option::LIST_MEMBERSHIPS, room);
    let none = SocketAnswer::Value { bytes: Vec::new(), length: 0 };
    assert_eq!(list(&rig, 8), none);
    for group in [0, 33, u32::MAX] {
        assert_eq!(set(&mut rig, &member, option::ADD_MEMBERSHIP, group), Err(Errno::EINVAL));
    }
    assert_eq!(list(&rig, 8), value(0));
    for group in [1, 2, 32] {
        assert_eq!(set(&mut rig, &member, option::ADD_MEMBERSHIP, group), Ok(()));
    }
    assert_eq!(set(&mut rig, &member, option::DROP_MEMBERSHIP, 2), Ok(()));
    assert_eq!(list(&rig, 8), value(1 | 1 << 31));
    assert_eq!(list(&rig, 3), SocketAnswer::Value { bytes: Vec::new(), length: 4 });
    assert_eq!(list(&rig, -1), SocketAnswer::Refused(Errno::EINVAL));
    assert_eq!(own(&rig, &member), Address { port: 0, groups: 1 | 1 << 31 }, "joining does not bind");
}

#[test]
fn options_are_kept_and_told() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for number in [3, 4, 5, 8, 10, 11, 12] {
        assert_eq!(get(&rig, &member, SOL_NETLINK, number, 8), value(0));
        assert_eq!(set(&mut rig, &member, number, 7), Ok(()));
        assert_eq!(get(&rig, &member, SOL_NETLINK, number, 4), value(1), "{number}");
        assert_eq!(get(&rig, &member, SOL_NETLINK, number, 3), SocketAnswer::Refused(Errno::EINVAL));
        // The kernel makes 0 of a value shorter than an int.
        let short = SocketRequest::SetOption { option: number, value: &[1] };
        assert_eq!(rig.request(&member, short), Ok(()));
        assert_eq!(get(&rig, &member, SOL_NETLINK, number, 4), value(0), "{number}");
    }
    for number in [0, 6, 7, 9, 13, 16, 99, -1, i32::MIN] {
        assert_eq!(set(&mut rig, &member, number, 1), Err(Errno::ENOPROTOOPT), "{number}");
    }
    for number in [0, 1, 2, 6, 7, 13, 99, -1] {
        let unknown = SocketAnswer::Refused(Errno::ENOPROTOOPT);
        assert_eq!(get(&rig, &member, SOL_NETLINK, number, 4), unknown, "{number}");
    }
    rig.net_admin = false;
    assert_eq!(set(&mut rig, &member, option::LISTEN_ALL_NSID, 1), Err(Errno::EPERM));
}

#[test]
fn capped_acknowledgements_repeat_the_header_alone() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let refused = message(1002, ASK, 1, b"payload\0");
    assert_eq!(rig.send(&member, &refused)[0].header.length, 36 + 8);
    set(&mut rig, &member, option::CAP_ACK, 1).unwrap();
    let capped = &rig.send(&member, &refused)[0];
    assert_eq!((capped.header.length, capped.header.flags), (36, auditns_wire::header::FLAG_CAPPED));
}

#[test]
fn connecting_names_the_peer_and_needs_a_capability_for_anybody_but_the_kernel() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let peer = |rig: &Rig| name(rig, member.endpoint, SocketQuery::PeerName);
    assert_eq!(peer(&rig), Address::default());
    assert_eq!(connect(&mut rig, &member, 12, 0b110), Ok(()));
    assert_eq!(peer(&rig), Address { port: 12, groups: 0b10 }, "of several groups the first");
    let nowhere = SocketRequest::Connect { address: &[0; 2] };
    assert_eq!(rig.request(&member, nowhere), Ok(()));
    assert_eq!(peer(&rig), Address::default());
    rig.net_admin = false;
    let other = rig.member(11);
    assert_eq!(connect(&mut rig, &other, 12, 0), Err(Errno::EPERM));
    assert_eq!(connect(&mut rig, &other, 0, 1), Err(Errno::EPERM));
    assert_eq!(own(&rig, &other).port, 0);
    assert_eq!(connect(&mut rig, &other, 0, 0), Ok(()));
    assert_eq!(own(&rig, &other).port, 11);
}

#[test]
fn general_options_tell_of_a_netlink_socket_without_a_peer() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let general = |rig: &Rig, option, room| get(rig, &member, SOL_SOCKET, option, room);
    assert_eq!(general(&rig, 3, 16), value(3));
    assert_eq!(general(&rig, 38, 4), value(9));
    assert_eq!(general(&rig, 39, 4), value(16));
    assert_eq!(general(&rig, 39, 1), SocketAnswer::Value { bytes: vec![16], length: 1 });
    let nobody = [[0; 4], [0xff; 4], [0xff; 4]].concat();
    assert_eq!(general(&rig, 17, 16), SocketAnswer::Value { bytes: nobody, length: 12 });
    assert_eq!(general(&rig, 59, 16), SocketAnswer::Refused(Errno::ENODATA));
    assert_eq!(general(&rig, 77, 4), SocketAnswer::Refused(Errno::ENODATA));
    let name = Address::default().encode().to_vec();
    assert_eq!(general(&rig, 28, 12), SocketAnswer::Value { bytes: name, length: 12 });
    assert_eq!(general(&rig, 28, 13), SocketAnswer::Refused(Errno::EINVAL));
    assert_eq!(general(&rig, 31, 64), SocketAnswer::Refused(Errno::ENOPROTOOPT));
    for number in [42, 76, 83] {
        assert_eq!(general(&rig, number, 4), SocketAnswer::Refused(Errno::EOPNOTSUPP), "{number}");
        assert_eq!(Namespace::refuses_general_option(number), Some(Errno::EOPNOTSUPP), "{number}");
    }
    assert_eq!(Namespace::refuses_general_option(16), None);
    for number in [1, 2, 4, 7, 8, 16, 20] {
        assert_eq!(general(&rig, number, 16), SocketAnswer::Native, "{number}");
    }
    for room in [4, -1] {
        assert_eq!(get(&rig, &member, 999, 1, room), SocketAnswer::Refused(Errno::ENOPROTOOPT));
    }
    rig.close(member.endpoint);
    assert_eq!(general(&rig, 3, 16), SocketAnswer::Native);
}

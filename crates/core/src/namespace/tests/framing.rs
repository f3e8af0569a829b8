//! Datagrams, messages, acknowledgements and their order (kernel: `audit_receive`, `netlink_ack`).

use super::request::{ASK, Frame, REQUEST, errors, message, set};
use super::rig::Rig;
use auditns_wire::header::{FLAG_CAPPED, FLAG_MULTI};
use auditns_wire::message_type::{
    GET, GET_FEATURE, LIST_RULES, NLMSG_DONE, NLMSG_ERROR, SIGNAL_INFO, TTY_GET,
};
use auditns_wire::payload::Status;

fn kinds(frames: &[Frame]) -> Vec<u16> {
    frames.iter().map(Frame::kind).collect()
}

#[test]
fn success_is_acknowledged_with_the_header_alone() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let request = message(1112, ASK, 5, b"payload\0");
    let frames = rig.send(&member, &request);
    assert_eq!(frames.len(), 1);
    let header = frames[0].header;
    assert_eq!((header.length, header.message_type, header.flags), (36, NLMSG_ERROR, FLAG_CAPPED));
    assert_eq!((header.sequence, header.port), (5, 10));
    assert_eq!(frames[0].body, [&[0; 4], &request[..16]].concat());
}

#[test]
fn nothing_but_the_acknowledge_flag_counts() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for flags in [0, REQUEST, 0x300, 0xfffb] {
        assert_eq!(rig.send(&member, &message(1112, flags, 1, b"x\0")), [], "flags {flags:#x}");
    }
    for flags in [4, 5, 0x304, 0xffff] {
        assert_eq!(errors(&rig.send(&member, &message(1112, flags, 1, b"x\0"))), [0], "flags {flags:#x}");
    }
    assert_eq!(rig.stored().len(), 8);
}

#[test]
fn an_acknowledgement_precedes_the_data() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for (message_type, length) in [(GET, 60), (GET_FEATURE, 32), (SIGNAL_INFO, 24), (TTY_GET, 24)] {
        let frames = rig.send(&member, &message(message_type, ASK, 9, &[]));
        assert_eq!(kinds(&frames), [NLMSG_ERROR, message_type]);
        let header = frames[1].header;
        assert_eq!((header.length, header.flags, header.sequence, header.port), (length, 0, 9, 0));
        assert_eq!(frames[1].body.len() + 16, length as usize);
        assert_eq!(kinds(&rig.send(&member, &message(message_type, REQUEST, 9, &[]))), [message_type]);
    }
}

#[test]
fn an_empty_list_is_one_message_that_says_so() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let frames = rig.send(&member, &message(LIST_RULES, ASK, 4, &[]));
    assert_eq!(kinds(&frames), [NLMSG_ERROR, NLMSG_DONE]);
    let header = frames[1].header;
    assert_eq!((header.length, header.flags, header.sequence), (16, FLAG_MULTI, 4));
}

#[test]
fn all_acknowledgements_of_a_datagram_precede_its_data() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let datagram = [
        message(GET, ASK, 1, &[]),
        message(1112, ASK, 2, b"one\0"),
        message(1003, REQUEST, 3, b"xyz"),
        message(GET_FEATURE, REQUEST, 4, &[]),
        message(1112, REQUEST, 5, b"two\0"),
        message(1112, ASK, 6, b"x"),
    ];
    let frames = rig.send(&member, &datagram.concat());
    assert_eq!(errors(&frames), [0, 0, -95, -22]);
    let sequences: Vec<u32> = frames.iter().map(|frame| frame.header.sequence).collect();
    // The features' answer bears the sequence number of the datagram's first message.
    assert_eq!(sequences, [1, 2, 3, 6, 1, 1]);
    assert_eq!(rig.stored().len(), 2);
}

#[test]
fn what_does_not_fit_is_silently_ignored() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let good = message(1112, ASK, 1, b"abc\0");
    for datagram in [vec![], vec![0; 15], vec![0; 16], vec![0xff; 64]] {
        assert_eq!(rig.send(&member, &datagram), [], "{datagram:?}");
    }
    let mut too_long = good.clone();
    too_long[0] = 255;
    assert_eq!(errors(&rig.send(&member, &[good.clone(), too_long, good.clone()].concat())), [0]);
    assert_eq!(errors(&rig.send(&member, &[&good[..], b"trailing bytes"].concat())), [0]);
    assert_eq!(rig.stored().len(), 2);
}

#[test]
fn an_unpadded_message_is_the_last_one() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let mut odd = message(1112, ASK, 1, b"abc");
    odd.truncate(19);
    assert_eq!(errors(&rig.send(&member, &odd)), [0]);
    assert_eq!(errors(&rig.send(&member, &[odd, message(1112, ASK, 2, b"abc\0")].concat())), [0]);
}

#[test]
fn answers_go_to_the_port_of_the_socket() {
    let mut rig = Rig::new();
    let first = rig.member(10);
    let second = first.on(rig.open(10));
    let third = first.on(rig.open(10));
    let ports =
        [first, second, third].map(|member| rig.send(&member, &message(1112, ASK, 1, b"x\0"))[0].header.port);
    assert_eq!(ports[0], 10);
    assert!(ports[1] > 1 << 31 && ports[2] > 1 << 31 && ports[1] != ports[2], "{ports:?}");
    rig.close(first.endpoint);
    let again = first.on(rig.open(10));
    assert_eq!(rig.send(&again, &message(1112, ASK, 1, b"x\0"))[0].header.port, 10);
}

#[test]
fn the_echo_of_an_error_is_padded() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let frames = rig.send(&member, &message(1006, REQUEST, 1, &[b'z'; 37]));
    assert_eq!((frames[0].header.length, frames[0].header.flags), (36 + 40, 0));
    assert_eq!(frames[0].echo().length, 16 + 37);
}

#[test]
fn a_registration_is_acknowledged_once_even_if_a_later_bit_fails() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    let status = Status {
        mask: Status::MASK_PID | Status::MASK_BACKLOG_WAIT_TIME,
        pid: 10,
        backlog_wait_time: u32::MAX,
        ..Status::default()
    };
    // The kernel's netlink code sends the early success and then the error.
    let frames = rig.send(&member, &set(&status));
    assert_eq!(errors(&frames), [0, -22]);
    assert_eq!(rig.status(&member).pid, 10);
}

use super::*;
use crate::hex::Hex;
use crate::messages::{Message, SET, Status, request, words};

fn datagram(bytes: Vec<u8>) -> Datagram {
    let len = bytes.len();
    Datagram { data: Hex(bytes), len, from: Hex(crate::messages::kernel()), ..Datagram::default() }
}

fn record_bytes(kind: u16, text: &str) -> Datagram {
    let mut bytes =
        Message { kind, payload: text.as_bytes(), flags: 0, seq: 0, pad: false, ..Message::default() }
            .bytes();
    bytes[..4].copy_from_slice(&u32::try_from(text.len()).unwrap().to_ne_bytes());
    datagram(bytes)
}

fn ack(error: i32, request: &[u8], echo: usize, flags: u16) -> Datagram {
    let mut payload = words(&[error.cast_unsigned()]);
    payload.extend(&request[..echo]);
    let seq = u32::from_ne_bytes(request[8..12].try_into().unwrap());
    datagram(Message { kind: ERROR, payload: &payload, flags, seq, pid: 99, ..Message::default() }.bytes())
}

fn step(op: &str, sent: Option<Vec<u8>>, answer: Answer) -> RawStep {
    let noise = Noise::None;
    let at = sent.is_some().then_some(5000);
    RawStep {
        who: "auditd".into(),
        op: op.into(),
        note: String::new(),
        noise,
        sent: sent.map(Hex),
        at,
        answer,
    }
}

fn play(steps: Vec<RawStep>) -> Case {
    case(&RawCase {
        case: "x".into(),
        kernel: String::new(),
        holds: true,
        pids: BTreeMap::from([("auditd".to_owned(), 1234), ("a".to_owned(), 77_777)]),
        steps,
        leftover: BTreeMap::new(),
    })
}

#[test]
fn echoes_are_told_apart() {
    let bytes = request(SET, &Status::of(1).bytes(), 5);
    let send = || step("send s", Some(bytes.clone()), Answer::Number(60));
    let recv = |d| step("recv s", None, Answer::Datagrams(vec![d], false));
    let shown = |d| play(vec![send(), recv(d)]).steps[1].d[0].clone();
    assert_eq!(shown(ack(0, &bytes, 16, 0x100)), "ack 0 seq=5 flags=0x100 echo=head");
    assert_eq!(shown(ack(-22, &bytes, 60, 0)), "ack -22 seq=5 flags=0x0 echo=whole");
    let mut other = bytes.clone();
    other[20] ^= 1;
    assert!(shown(ack(-22, &other, 60, 0)).contains("echo=3c000000"));
}

#[test]
fn held_records_stand_apart_from_live_ones() {
    let bytes = request(SET, &Status::register(1234).bytes(), 5);
    let change = "audit(5.000:9): op=set audit_pid=1234 old=0 auid=1 ses=2 res=1";
    let user = |time, n| format!("audit({time}:{n}): pid=77777 uid=0 msg='x'");
    let case = play(vec![
        step("send s", Some(bytes.clone()), Answer::Number(60)),
        step(
            "recv s",
            None,
            Answer::Datagrams(
                vec![
                    ack(0, &bytes, 16, 0x100),
                    record_bytes(1112, &user("4.999", 3)),
                    record_bytes(1305, change),
                    record_bytes(1112, &user("5.001", 10)),
                ],
                false,
            ),
        ),
    ]);
    assert_eq!(case.steps[1].held.len(), 1);
    assert_eq!(case.steps[1].d.len(), 3);
    assert_eq!(
        case.steps[1].d[1],
        "1305 len=text audit(T): op=set audit_pid=<auditd> old=0 auid=1 ses=<ses> res=1"
    );
}

#[test]
fn foreign_events_and_companions_are_dropped() {
    let records = vec![
        record_bytes(1112, "audit(1.000:1): pid=5 uid=0 msg='pid=1234'"),
        record_bytes(1334, "audit(1.000:2): prog-id=1 op=LOAD"),
        record_bytes(1305, "audit(1.000:3): op=set audit_enabled=1 old=1 res=1"),
        record_bytes(1300, "audit(1.000:3): arch=c000003e syscall=44 pid=1234"),
        record_bytes(1112, "audit(1.000:4): pid=77777 uid=0 msg='x'"),
    ];
    let case = play(vec![step("recv s", None, Answer::Datagrams(records, false))]);
    assert_eq!(
        case.steps[0].d,
        [
            "1305 len=text audit(T): op=set audit_enabled=1 old=1 res=1",
            "1112 len=text audit(T): pid=<a> uid=0 msg='x'"
        ]
    );
}

#[test]
fn lengths_and_senders_that_differ_are_visible() {
    let mut multicast = record_bytes(1112, "audit(1.000:4): pid=77777 uid=0 msg='x'");
    multicast.from = Hex(crate::messages::address(0, 1));
    let n = u32::try_from(multicast.data.0.len()).unwrap();
    multicast.data.0[..4].copy_from_slice(&n.to_ne_bytes());
    let mut odd = multicast.clone();
    odd.data.0[0] ^= 1;
    odd.from = Hex(vec![1, 0]);
    let case = play(vec![step("recv s", None, Answer::Datagrams(vec![multicast, odd], false))]);
    assert!(case.steps[0].d[0].starts_with("group=1 1112 len=text+16 audit(T)"));
    assert!(case.steps[0].d[1].starts_with("from=0100 1112 len=5"), "{}", case.steps[0].d[1]);
}

#[test]
fn noise_is_reduced_to_what_is_defined() {
    assert_eq!(rough_status("1000 lost=7 backlog=3 wait=9"), "1000 lost=some backlog=? wait=9");
    assert_eq!(rough_status("1000 lost=0 backlog=3"), "1000 lost=0 backlog=?");
    let list = vec!["1112 msg='bl 1'".into(), "1112 msg='bl 22'".into(), "-ENOBUFS".into()];
    assert_eq!(rough(list, Noise::Records), ["1112 msg='bl "]);
}

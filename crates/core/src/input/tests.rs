//! An input that is written and read is the same input.

use super::{Answers, Delivery, Entrance, Input, OwnedInput};
use crate::rules::{FileId, PathKind, PathQuestion};
use crate::sender::{Capabilities, ProcessId, Sender, Standing, TaskDetails};
use crate::socket::{Caller, SocketRequest};
use crate::{Created, Creation, EndpointId, Login, LoginSource, MappedIds, Policy};
use auditns_wire::Errno;
use auditns_wire::record::{Ids, TaskIds, Viewed};
use std::time::Duration;

/// How many variants there are.
const VARIANTS: usize = 23;

/// The place of a variant. A new one does not compile until it has a place, and then has to be among the samples.
fn place(input: &Input<'_>) -> usize {
    match input {
        Input::EndpointOpened { .. } => 0,
        Input::EndpointHandedOver { .. } => 1,
        Input::EndpointClosed { .. } => 2,
        Input::Datagram { .. } => 3,
        Input::SocketRequested { request, .. } => match request {
            SocketRequest::Bind { .. } | SocketRequest::Connect { .. } | SocketRequest::SetOption { .. } => 4,
        },
        Input::Delivered { .. } => 5,
        Input::Writable { .. } => 6,
        Input::StoreFailed { .. } => 7,
        Input::DaemonSignalled { .. } => 8,
        Input::LoginuidSet { .. } => 9,
        Input::ListenerMissed => 10,
        Input::StrayCall => 11,
        Input::OwnerMapped(_) => 12,
        Input::HostSetsBacklogLimit(_) => 13,
        Input::HostSetsRateLimit(_) => 14,
        Input::HostSetsPolicy(_) => 15,
        Input::LetIn { .. } => 16,
        Input::ThreadGroupMoved { .. } => 17,
        Input::Tick => 18,
        Input::Ended => 19,
        Input::Descends { .. } => 20,
        Input::LoginuidWritten { .. } => 21,
        Input::ProcessesEnded(_) => 22,
    }
}

fn sender() -> Sender {
    Sender {
        process: ProcessId { pid: 300, started: Duration::new(1, 999) },
        ids: Viewed {
            namespace: Ids { pid: 1, uid: 2, auid: 3, ses: 4 },
            host: Ids { pid: 500, uid: 600, auid: 700, ses: Ids::UNSET },
        },
        own_pid: 8,
        gid: 9,
        standing: Standing::Foreign,
        in_owner_pid_namespace: true,
        capabilities: Capabilities { control: true, write: false, read: true },
        login: LoginSource::Kept(Login { auid: Viewed { namespace: 1, host: 2 }, ses: 3 }),
    }
}

fn details() -> TaskDetails {
    let task = |ppid| TaskIds { ppid, gid: 1, euid: 2, suid: 3, fsuid: 4, egid: 5, sgid: 6, fsgid: 7 };
    TaskDetails {
        task: Viewed { namespace: task(1), host: task(u32::MAX) },
        tty: b"pts0".to_vec(),
        comm: vec![0xff, 0],
        exe: Some(b"/bin/x".to_vec()),
    }
}

fn answers() -> Answers {
    let question = |kind| PathQuestion { path: b"/a".to_vec(), kind };
    let file = FileId { device: u64::MAX, inode: 2 };
    Answers {
        details: Some(details()),
        ancestors: vec![ProcessId { pid: 1, started: Duration::MAX }],
        exe: Some(file),
        paths: [
            (question(PathKind::Exe), Ok(Some(file))),
            (question(PathKind::Watch), Ok(None)),
            (question(PathKind::Dir), Err(Errno::ENOENT)),
        ]
        .into_iter()
        .collect(),
        creation: Some(Creation { contid: Some(u64::MAX), permitted: true }),
    }
}

fn each(mut check: impl FnMut(Input<'_>)) {
    let (sender, endpoint) = (&sender(), EndpointId(u64::MAX));
    let caller = &Caller { sender: *sender, details: Some(details()), net_admin: true, net_broadcast: false };
    let call = 1 << 40;
    let bytes: &[u8] = &[0, 1, 0xff];
    check(Input::EndpointOpened { endpoint, kind: -3, pid: 7 });
    check(Input::EndpointHandedOver { reserved_number: true });
    check(Input::EndpointClosed { endpoint });
    check(Input::Datagram { endpoint, sender, bytes, answers: &answers() });
    check(Input::Datagram { endpoint, sender, bytes: &[], answers: &Answers::default() });
    for request in [
        SocketRequest::Bind { address: bytes },
        SocketRequest::Connect { address: &[] },
        SocketRequest::SetOption { option: -1, value: bytes },
    ] {
        check(Input::SocketRequested { endpoint, call, caller, request });
    }
    for outcome in [Delivery::Sent, Delivery::Full, Delivery::Closed] {
        check(Input::Delivered { endpoint, outcome });
    }
    check(Input::Writable { endpoint });
    check(Input::StoreFailed { serial: 5, errno: Errno(-7) });
    check(Input::DaemonSignalled { sender });
    let old_auid = Viewed { namespace: 1, host: 2 };
    check(Input::LoginuidSet { sender, old_auid, old_ses: 3, tty: b"(none)", success: true });
    check(Input::ListenerMissed);
    check(Input::StrayCall);
    check(Input::OwnerMapped(MappedIds::new(vec![(0, 1), (5, u32::MAX)], vec![])));
    check(Input::HostSetsBacklogLimit(320));
    check(Input::HostSetsRateLimit(321));
    for policy in [Policy::Normal, Policy::Strict] {
        check(Input::HostSetsPolicy(policy));
    }
    let (by, fields) = (Ids { pid: 1, uid: 2, auid: 3, ses: 4 }, [("vm-pid".into(), "5".to_owned())]);
    for operation in [Entrance::First, Entrance::Join] {
        check(Input::LetIn { operation, by, fields: &fields });
    }
    let mapped = Some(MappedIds::all());
    let created = Created { name: b"web.1".to_vec(), start_fields: fields.to_vec(), mapped };
    for outcome in [Ok(&created), Err(Errno::ESRCH)] {
        check(Input::ThreadGroupMoved { contid: u64::MAX, outcome });
    }
    check(Input::Tick);
    check(Input::Ended);
    let task = ProcessId { pid: 300, started: Duration::new(1, 999) };
    check(Input::Descends {
        process: task,
        ancestors: &[task, ProcessId { pid: 1, started: Duration::ZERO }],
    });
    for auid in [Ok(Viewed { namespace: 5, host: 6 }), Err(Errno::EINVAL)] {
        check(Input::LoginuidWritten { call, writer: sender, task, tty: b"pts0", auid, length: 4 });
    }
    check(Input::ProcessesEnded(&[task]));
}

#[test]
fn every_variant_is_read_as_it_was_written() {
    let mut seen = [false; VARIANTS];
    each(|input| {
        let written = postcard::to_stdvec(&input).unwrap();
        let (owned, rest): (OwnedInput, _) = postcard::take_from_bytes(&written).unwrap();
        assert!(rest.is_empty(), "{input:?}");
        let read = owned.as_input();
        assert_eq!(format!("{read:?}"), format!("{input:?}"));
        assert_eq!(postcard::to_stdvec(&read).unwrap(), written);
        assert_eq!(usize::from(written[0]), place(&input), "the order of the variants is the format");
        seen[place(&input)] = true;
    });
    assert_eq!(seen, [true; VARIANTS]);
}

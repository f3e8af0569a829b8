use super::*;
use auditns_core::rules::{FileId, PathKind};
use auditns_core::{Capabilities, ProcessId, Standing};
use auditns_sys::SeccompData;
use auditns_wire::record::{Ids, Viewed};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const FOUND: FileId = FileId { device: 1, inode: 2 };
const LIMIT: Duration = Duration::from_secs(10);

fn question() -> PathQuestion {
    PathQuestion { path: b"/x".to_vec(), kind: PathKind::Dir }
}

fn answered(_: u32, questions: &[PathQuestion]) -> PathAnswers {
    questions.iter().map(|question| (question.clone(), Ok(Some(FOUND)))).collect()
}

/// As a file system that never answers.
fn stuck(_: u32, _: &[PathQuestion]) -> PathAnswers {
    thread::sleep(Duration::from_secs(600));
    PathAnswers::new()
}

fn waiting(endpoint: u64) -> Waiting {
    let ids = Ids { pid: 1, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET };
    let sender = Sender {
        process: ProcessId { pid: 1, started: Duration::ZERO },
        ids: Viewed { namespace: ids, host: ids },
        gid: 0,
        standing: Standing::Served,
        in_owner_pid_namespace: true,
        capabilities: Capabilities::default(),
    };
    let bytes = vec![u8::try_from(endpoint).unwrap()];
    Waiting { endpoint: EndpointId(endpoint), sender, bytes, answers: Answers::default() }
}

fn notification(id: u64) -> Notification {
    Notification { id, tid: 1, data: SeccompData::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "stands for a function that can fail")]
fn other(_: &Notification) -> io::Result<Call> {
    Ok(Call::Other)
}

fn is_ready(aside: &Aside, seconds: i64) -> bool {
    let mut fds = [PollFd::new(aside, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn answers_come_back_with_their_datagram() {
    let mut aside = Aside::new().unwrap();
    aside.look_up = answered;
    assert!(!is_ready(&aside, 0));
    for endpoint in 1..4 {
        assert!(aside.look_up(waiting(endpoint), vec![question()]).is_none());
    }
    for _ in 1..4 {
        assert!(is_ready(&aside, 10));
        let Some(Done::LookedUp(done)) = aside.next_until(Instant::now() + LIMIT) else { panic!() };
        assert_eq!(u64::from(done.bytes[0]), done.endpoint.0);
        assert_eq!(done.answers.paths.get(PathKind::Dir, b"/x"), Ok(Some(FOUND)));
    }
    aside.acknowledge();
    assert!(!is_ready(&aside, 0) && aside.next().is_none());
}

#[test]
fn look_ups_that_never_end_leave_the_others_an_error_and_nobody_waiting() {
    let mut aside = Aside::new().unwrap();
    aside.look_up = stuck;
    for endpoint in 0..LOOKUPS as u64 {
        assert!(aside.look_up(waiting(endpoint), vec![question()]).is_none());
    }
    let refused = aside.look_up(waiting(200), vec![question()]).unwrap();
    assert_eq!(refused.answers.paths.get(PathKind::Dir, b"/x"), Err(Errno::ENOMEM));
    let start = Instant::now();
    assert!(aside.next_until(start + Duration::from_millis(100)).is_none());
    assert!(start.elapsed() < Duration::from_secs(5) && !is_ready(&aside, 0));
}

#[test]
fn calls_beyond_the_number_decoded_at_a_time_wait_their_turn() {
    let mut aside = Aside::new().unwrap();
    aside.decode = other;
    let calls = 3 * DECODES as u64;
    for id in 0..calls {
        aside.decode(notification(id));
        assert!(aside.decodes <= DECODES);
    }
    let mut seen = Vec::new();
    let start = Instant::now();
    while seen.len() < 3 * DECODES {
        assert!(start.elapsed() < LIMIT, "{} of {calls}", seen.len());
        if let Some(Done::Decoded { notification, call }) = aside.next() {
            assert_eq!(call.unwrap(), Call::Other);
            seen.push(notification.id);
        }
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..calls));
    assert_eq!((aside.decodes, aside.undecoded.len()), (0, 0));
}

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
    std::thread::sleep(Duration::from_secs(600));
    PathAnswers::new()
}

fn waiting(endpoint: u64) -> Waiting {
    let ids = Ids { pid: 1, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET };
    let sender = Sender {
        process: ProcessId { pid: 1, started: Duration::ZERO },
        ids: Viewed { namespace: ids, host: ids },
        own_pid: 1,
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

fn is_ready(aside: &Aside<u64>, seconds: i64) -> bool {
    let mut fds = [PollFd::new(aside, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn answers_come_back_with_their_datagram() {
    let mut aside: Aside<u64> = Aside::new().unwrap();
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
    let mut aside: Aside<u64> = Aside::new().unwrap();
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
fn calls_beyond_the_number_worked_on_at_a_time_wait_their_turn() {
    let mut aside: Aside<u64> = Aside::new().unwrap();
    let calls = 3 * CALLS as u64;
    for id in 0..calls {
        aside.work_on_call(notification(id), move || Some(id));
        assert!(aside.calls <= CALLS);
    }
    let mut seen = Vec::new();
    let start = Instant::now();
    while seen.len() < 3 * CALLS {
        assert!(start.elapsed() < LIMIT, "{} of {calls}", seen.len());
        if let Some(Done::Worked(id)) = aside.next() {
            seen.push(id);
        }
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..calls));
    assert_eq!((aside.calls, aside.later.len()), (0, 0));
}

#[test]
fn work_that_never_ends_holds_up_nothing_below_the_bound() {
    let mut aside: Aside<u64> = Aside::new().unwrap();
    for id in 1..CALLS as u64 {
        aside.work_on_call(notification(id), || {
            std::thread::sleep(Duration::from_secs(600));
            None
        });
    }
    for id in 1000..1010 {
        aside.work_on_call(notification(id), move || Some(id));
        assert!(is_ready(&aside, 10));
        aside.acknowledge();
        let done = aside.next();
        assert!(matches!(done, Some(Done::Worked(worked)) if worked == id), "{done:?}");
    }
}

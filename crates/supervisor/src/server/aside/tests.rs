use super::*;
use auditns_core::rules::{FileId, PathKind};
use auditns_core::{Answers, Sender};
use auditns_core::{Capabilities, LoginSource, ProcessId, Standing};
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

fn waiting(endpoint: u64) -> LookingUp {
    let ids = Ids { pid: 1, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET };
    let sender = Sender {
        process: ProcessId { pid: 1, started: Duration::ZERO },
        ids: Viewed { namespace: ids, host: ids },
        own_pid: 1,
        gid: 0,
        standing: Standing::Served,
        in_owner_pid_namespace: true,
        capabilities: Capabilities::default(),
        login: LoginSource::Kernel,
    };
    let bytes = vec![u8::try_from(endpoint).unwrap()];
    LookingUp { namespace: 1, endpoint: EndpointId(endpoint), sender, bytes, answers: Answers::default() }
}

fn notification(id: u64) -> Notification {
    Notification { id, tid: 1, data: SeccompData::default(), origin: 0 }
}

fn is_ready(aside: &Aside<u64>, seconds: i64) -> bool {
    let mut fds = [PollFd::new(aside, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn answers_come_back_with_their_datagram() {
    let mut aside: Aside<u64> = Aside::new(CALLS, |_| true).unwrap();
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
    // The bell may be rung a moment after the answer is there.
    crate::testing::eventually("nothing is ready", || {
        aside.acknowledge();
        !is_ready(&aside, 0)
    });
    assert!(aside.next().is_none());
}

#[test]
fn look_ups_that_never_end_leave_the_others_an_error_and_nobody_waiting() {
    let mut aside: Aside<u64> = Aside::new(CALLS, |_| true).unwrap();
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

const ROOT: OnBehalf = OnBehalf { uid: 0, privileged: true };

fn ordinary(uid: u32) -> OnBehalf {
    OnBehalf { uid, privileged: false }
}

fn never() -> Option<u64> {
    std::thread::sleep(Duration::from_secs(600));
    None
}

fn running(aside: &Aside<u64>) -> usize {
    assert_eq!(aside.running, aside.calls.values().sum::<usize>());
    aside.running
}

#[test]
fn calls_beyond_the_number_worked_on_at_a_time_wait_their_turn() {
    let mut aside: Aside<u64> = Aside::new(CALLS, |_| true).unwrap();
    let calls = 3 * CALLS as u64;
    for id in 0..calls {
        aside.work_on_call(notification(id), ordinary(u32::try_from(id % 7).unwrap()), move || Some(id));
        assert!(running(&aside) <= CALLS);
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
    assert_eq!(
        (running(&aside), aside.unprivileged_calls, aside.waiting_calls, aside.later.len()),
        (0, 0, 0, 0)
    );
}

#[test]
fn one_users_stuck_calls_leave_threads_for_others_and_all_users_for_root() {
    let mut aside: Aside<u64> = Aside::new(CALLS, |_| true).unwrap();
    let serves = |aside: &mut Aside<u64>, on_behalf, id, seconds| {
        aside.work_on_call(notification(id), on_behalf, move || Some(id));
        let served = is_ready(aside, seconds);
        aside.acknowledge();
        served && matches!(aside.next(), Some(Done::Worked(worked)) if worked == id)
    };
    for id in 0..2 * CALLS as u64 {
        aside.work_on_call(notification(id), ordinary(1000), never);
    }
    assert_eq!(running(&aside), CALLS / 4);
    assert!(serves(&mut aside, ordinary(1001), 1000, 20), "another user");
    for uid in 1001..1100 {
        aside.work_on_call(notification(u64::from(uid)), ordinary(uid), never);
    }
    assert_eq!(running(&aside), CALLS - CALLS / 4);
    assert!(serves(&mut aside, ROOT, 2000, 20));
    assert!(!serves(&mut aside, ordinary(2000), 2001, 1), "they have used up what is theirs");
}

#[test]
fn work_for_callers_that_are_gone_does_not_pile_up() {
    let mut aside: Aside<u64> = Aside::new(4, |notification| notification.id >= 10_000).unwrap();
    aside.work_on_call(notification(10_000), ordinary(1000), never);
    for id in 0..5000 {
        aside.work_on_call(notification(id), ordinary(1000), never);
        assert!(aside.waiting_calls <= LATER);
    }
    for id in 10_000..10_200 {
        aside.work_on_call(notification(id), ordinary(1000), never);
    }
    let waiting = aside.later.values().flatten().filter(|work| work.notification.id >= 10_000).count();
    assert_eq!(waiting, 200, "nobody who waits is dropped");
}

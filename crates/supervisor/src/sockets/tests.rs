use super::attendance::Task;
use super::*;
use crate::keeping::{KeptSockets, Store};
use rustix::fs::{OFlags, fcntl_getfl};
use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

/// What is kept; or nothing is.
#[derive(Clone, Debug, Default)]
struct Shelf(Arc<Mutex<(BTreeMap<String, OwnedFd>, bool)>>);

/// Descriptors for which there is room, beyond those of the supervisor itself.
const ROOM: usize = 200;

impl Store for Shelf {
    fn keep(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        let (kept, broken) = &mut *self.0.lock().unwrap();
        if *broken {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        kept.insert(name.to_owned(), fd.try_clone_to_owned()?);
        Ok(())
    }

    fn forget(&self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().0.remove(name);
        Ok(())
    }

    fn capacity(&self) -> Option<usize> {
        Some(16 + ROOM)
    }
}

impl Shelf {
    fn set_broken(&self, broken: bool) {
        self.0.lock().unwrap().1 = broken;
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }

    fn has(&self, socket: &ReadySocket) -> bool {
        let name = socket.kept_as.map(|kept_as| socket_name(kept_as.number));
        let kept = &self.0.lock().unwrap().0;
        let kept = name.and_then(|name| kept.get(&name));
        let inode = |fd: BorrowedFd<'_>| auditns_sys::descriptors::inode(fd).unwrap();
        kept.is_some_and(|kept| inode(kept.as_fd()) == inode(socket.pair.server.as_fd()))
    }

    fn sockets(&self, advance: usize, kept: &[&str]) -> Arc<Sockets> {
        let keep = Keep::new(Arc::new(self.clone()), kept.iter().copied());
        Arc::new(Sockets::new(Endpoints::new(), advance, Some(keep), kept.iter().copied()))
    }
}

/// Waits for what a thread does.
fn soon(is_so: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "it does not come to that");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn each_is_kept_under_a_number_of_its_own_that_follows_those_of_predecessors() {
    let shelf = Shelf::default();
    let sockets = shelf.sockets(3, &["i2f", "1s", "i5", "1l0"]);
    let taken: Vec<ReadySocket> = (0..10).map(|_| sockets.take(false).unwrap()).collect();
    let numbers: std::collections::BTreeSet<u64> =
        taken.iter().filter_map(|socket| socket.kept_as.map(|kept_as| kept_as.number)).collect();
    assert!(numbers.len() == 10 && numbers.iter().all(|number| *number > 0x2f), "{numbers:?}");
    assert!(taken.iter().all(|socket| shelf.has(socket)));
    let before = shelf.count();
    sockets.give_up(taken[0].kept_as.unwrap().number);
    assert_eq!(shelf.count(), before - 1, "nobody attends to it");
}

#[test]
fn calls_wait_as_the_member_wants() {
    let sockets = Shelf::default().sockets(2, &[]);
    for nonblocking in [false, true, false] {
        let flags = fcntl_getfl(&sockets.take(nonblocking).unwrap().pair.client).unwrap();
        assert_eq!(flags.contains(OFlags::NONBLOCK), nonblocking);
    }
}

#[test]
fn what_could_not_be_kept_is_kept_when_it_is_taken_if_that_works_by_then() {
    let shelf = Shelf::default();
    let sockets = shelf.sockets(2, &[]);
    shelf.set_broken(true);
    for _ in 0..2 * ROOM {
        assert_eq!(sockets.take(false).unwrap().kept_as, None);
    }
    shelf.set_broken(false);
    let kept = || shelf.has(&sockets.take(false).unwrap());
    assert!((0..ROOM / 2).all(|_| kept()), "what was not kept takes no room");
}

#[test]
fn many_that_ask_at_once_share_what_one_makes() {
    let sockets = Shelf::default().sockets(8, &[]);
    let attendance = sockets.attend().unwrap();
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| (0..4).for_each(|_| drop(sockets.take(false).unwrap())));
        }
    });
    soon(|| sockets.lock().ready.len() >= 8);
    assert!(sockets.ready() < 2 * 8);
    drop(attendance);
}

#[test]
fn with_too_many_closed_ones_nobody_waits_for_whoever_attends() {
    let shelf = Shelf::default();
    let sockets = shelf.sockets(8, &[]);
    let taken: Vec<u64> =
        (0..CLOSED_TOO_MANY + 2).map(|_| sockets.take(false).unwrap().kept_as.unwrap().number).collect();
    // As if somebody attended and got nothing done.
    sockets.lock().attended = true;
    let kept = shelf.count();
    let mut given_up = taken.iter().map(|number| sockets.give_up(*number));
    assert_eq!(given_up.by_ref().take(CLOSED_TOO_MANY).count(), CLOSED_TOO_MANY);
    assert_eq!(shelf.count(), kept);
    assert_eq!(given_up.count(), 2);
    assert_eq!(shelf.count(), kept - 2);
}

#[test]
fn only_the_end_that_was_meant_is_claimed() {
    let sockets = Shelf::default().sockets(2, &[]);
    let [one, other] = [(); 2].map(|()| sockets.take(false).unwrap());
    let number = one.kept_as.unwrap().number;
    let mut kept = KeptSockets::from([(number, other.pair.server)]);
    assert!(one.kept_as.unwrap().claim(&mut kept).is_none(), "a successor has used the number again");
    kept.insert(number, one.pair.server);
    assert_eq!(one.kept_as.unwrap().claim(&mut kept).unwrap().0, number);
    assert!(one.kept_as.unwrap().claim(&mut kept).is_none());
}

#[test]
fn while_somebody_attends_there_are_always_some_and_closed_ones_are_given_up_together() {
    let shelf = Shelf::default();
    let sockets = shelf.sockets(8, &[]);
    let attendance = sockets.attend().unwrap();
    let ready = || sockets.lock().ready.len();
    soon(|| ready() == 8);
    let mut taken: Vec<u64> =
        (0..100).map(|_| sockets.take(false).unwrap().kept_as.unwrap().number).collect();
    soon(|| ready() >= 8);
    let kept = shelf.count();
    assert_eq!(kept, 100 + ready());
    let first = taken.pop().unwrap();
    sockets.give_up(first);
    assert_eq!(shelf.count(), kept, "one alone waits for others");
    for number in taken.drain(..CLOSED_MAX - 1) {
        sockets.give_up(number);
    }
    soon(|| shelf.count() == kept - CLOSED_MAX);
    sockets.give_up(taken.pop().unwrap());
    soon(|| shelf.count() == kept - CLOSED_MAX - 1);
    sockets.give_up_at_once(taken.pop().unwrap());
    assert_eq!(shelf.count(), kept - CLOSED_MAX - 2);
    drop(attendance);
    soon(|| Arc::strong_count(&sockets) == 1);
    sockets.give_up(taken.pop().unwrap());
    assert_eq!(shelf.count(), kept - CLOSED_MAX - 3, "nobody attends to it any more");
}

#[test]
fn what_is_to_be_done_is_done_when_it_is_time() {
    let now = Instant::now();
    let at = |millis| now + Duration::from_millis(millis);
    let sockets = Shelf::default().sockets(1, &[]);
    let mut stock = Stock::default();
    assert_eq!(stock.task(1, None, now), Task::Make);
    assert_eq!(stock.task(1, Some(at(5)), now), Task::Wait(Some(at(5))), "after a failure");
    assert_eq!(stock.task(1, Some(at(5)), at(5)), Task::Make);
    stock.ready.push(sockets.take(false).unwrap());
    assert_eq!(stock.task(1, Some(at(5)), now), Task::Wait(None));
    stock.closed.push(1);
    stock.closed_since = Some(now);
    assert_eq!(stock.task(1, None, now), Task::Wait(Some(at(1000))));
    assert_eq!(stock.task(2, Some(at(5)), now), Task::Wait(Some(at(5))));
    assert_eq!(stock.task(1, None, at(1000)), Task::GiveUp);
    stock.closed = (0..CLOSED_MAX as u64).collect();
    assert_eq!(stock.task(1, None, now), Task::GiveUp);
}

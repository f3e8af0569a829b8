//! Listeners that no namespace has: what is below their filters is told that there is no audit, and logins go on.
//!
//! To drop such a listener would answer every call that it stops with `ENOSYS`, on which PAM, sshd and useradd fail.

use crate::keeping::Keep;
use auditns_sys::{Call, Listener, Notification, call, open_file};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Most listeners. Those beyond are dropped.
const LISTENERS_MAX: usize = 1024;
/// Most listeners of a user other than root.
const LISTENERS_OF_USER: usize = 64;
/// How long to wait after a failure of the kernel's.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Answers for them, in a thread that never waits for what belongs to a caller.
#[derive(Debug)]
pub(crate) struct Refusing {
    epoll: OwnedFd,
    listeners: Mutex<BTreeMap<u64, Refused>>,
    keep: Arc<Keep>,
}

/// What was kept, with its names.
type Kept = Vec<(String, OwnedFd)>;

#[derive(Debug)]
struct Refused {
    listener: Listener,
    /// Who has handed it over.
    uid: u32,
}

impl Refusing {
    /// Starts the thread and takes up what was kept. Returns what of `kept` belongs to others.
    ///
    /// # Errors
    /// Those of `epoll_create1(2)` and of starting a thread.
    pub(crate) fn start(keep: Arc<Keep>, kept: Kept) -> io::Result<(Arc<Refusing>, Kept)> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let refusing = Arc::new(Refusing { epoll, listeners: Mutex::default(), keep });
        let mut others = Vec::new();
        for (name, fd) in kept {
            match parse(&name) {
                Some((number, uid)) => {
                    let refused = Refused { listener: Listener::from(fd), uid };
                    refusing.serve(&mut refusing.lock(), number, refused);
                }
                None => others.push((name, fd)),
            }
        }
        let serving = Arc::clone(&refusing);
        thread::Builder::new().name("refusing".to_owned()).spawn(move || serving.run())?;
        Ok((refusing, others))
    }

    /// Takes up a listener that a user has handed over. Returns whether there was room.
    pub(crate) fn take(&self, listener: Listener, uid: u32) -> bool {
        // Several may be handed over at once, and each has a number of its own.
        let mut listeners = self.lock();
        let own = listeners.values().filter(|refused| refused.uid == uid).count();
        if listeners.len() >= LISTENERS_MAX || (uid != 0 && own >= LISTENERS_OF_USER) {
            return false;
        }
        let number = listeners.last_key_value().map_or(0, |(number, _)| number + 1);
        // Without it, the next supervisor does not know of it.
        self.keep.keep(&name(number, uid), listener.as_fd());
        let is_served = self.serve(&mut listeners, number, Refused { listener, uid });
        if !is_served {
            self.keep.forget(&name(number, uid));
        }
        is_served
    }

    /// Whoever has asked for a namespace that never began asks again: what is below this listener is served after all.
    pub(crate) fn release(&self, listener: &Listener) {
        let mut listeners = self.lock();
        let is_it = |refused: &Refused| open_file::is_same(refused.listener.as_fd(), listener.as_fd());
        let found = listeners.iter().find(|(_, refused)| is_it(refused)).map(|(number, _)| *number);
        if let Some((number, refused)) = found.and_then(|number| listeners.remove_entry(&number)) {
            let _ = epoll::delete(&self.epoll, &refused.listener);
            self.keep.forget(&name(number, refused.uid));
        }
    }

    /// Returns whether it can be watched.
    fn serve(&self, listeners: &mut BTreeMap<u64, Refused>, number: u64, refused: Refused) -> bool {
        let watched = epoll::add(&self.epoll, &refused.listener, EventData::new_u64(number), EventFlags::IN);
        if watched.is_ok() {
            listeners.insert(number, refused);
        }
        watched.is_ok()
    }

    fn run(&self) {
        loop {
            let mut events = Vec::with_capacity(64);
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => thread::sleep(AFTER_FAILURE),
            }
            for event in events {
                self.answer(event.data.u64(), event.flags);
            }
        }
    }

    fn answer(&self, number: u64, flags: EventFlags) {
        let mut listeners = self.lock();
        let Some(Refused { listener, uid }) = listeners.get(&number) else { return };
        if flags.contains(EventFlags::IN)
            && let Ok(Some(notification)) = listener.receive()
        {
            refuse(listener, &notification);
            return;
        }
        if flags.contains(EventFlags::HUP) && listener.is_hung_up().unwrap_or(true) {
            let _ = epoll::delete(&self.epoll, listener);
            self.keep.forget(&name(number, *uid));
            listeners.remove(&number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Refused>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a listener is called in the store; see [`crate::keeping`].
fn name(number: u64, uid: u32) -> String {
    format!("r{number:x}u{uid:x}")
}

/// The number and user of a name; `None` if it is none of these.
fn parse(name: &str) -> Option<(u64, u32)> {
    let (number, uid) = name.strip_prefix('r')?.split_once('u')?;
    Some((u64::from_str_radix(number, 16).ok()?, u32::from_str_radix(uid, 16).ok()?))
}

/// A caller that is gone needs no answer, so failures to answer mean nothing.
fn refuse(listener: &Listener, notification: &Notification) {
    let _ = match refusal(notification) {
        Some(errno) => listener.answer_errno(notification.id, errno.raw_os_error()),
        None => listener.answer_continue(notification.id),
    };
}

/// What a call fails with where nobody serves it; `None` if the kernel is to run it.
pub(super) fn refusal(notification: &Notification) -> Option<Errno> {
    // Operands in memory are not looked at: whoever has made them can make the reader wait. What is said to the kernel then
    // is what a container says to it without auditns.
    let is_audit_socket = !call::reads_memory(notification)
        && matches!(call::classify(notification), Ok(Call::AuditSocket { .. }));
    is_audit_socket.then_some(Errno::PROTONOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::World;
    use crate::keeping;
    use rustix::event::{EventfdFlags, eventfd};

    #[test]
    fn a_listener_that_is_to_be_served_after_all_is_not_refused_any_more() {
        let world = World::default();
        let keep = Keep::new(Arc::new(world.clone()), [].into_iter());
        let (refusing, _) = Refusing::start(keep, Vec::new()).unwrap();
        let make = || eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let (one, other) = (make(), make());
        let copy = |fd: &OwnedFd| Listener::from(fd.try_clone().unwrap());
        assert!(refusing.take(copy(&one), 0) && refusing.take(copy(&other), 7));
        assert_eq!(world.kept(), ["r0u0", "r1u7"]);
        refusing.release(&copy(&one));
        refusing.release(&copy(&make()));
        assert_eq!(world.kept(), ["r1u7"]);
        assert_eq!(refusing.lock().keys().copied().collect::<Vec<_>>(), [1]);
        assert!(refusing.take(copy(&one), 0), "it may be refused again");
    }

    #[test]
    fn listeners_that_are_handed_over_at_once_have_numbers_of_their_own() {
        let world = World::default();
        let keep = Keep::new(Arc::new(world.clone()), [].into_iter());
        let (refusing, _) = Refusing::start(keep, Vec::new()).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..16 {
                        let fd = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
                        assert!(refusing.take(Listener::from(fd), 0));
                    }
                });
            }
        });
        assert!(refusing.lock().keys().copied().eq(0..64));
        assert_eq!(world.kept().len(), 64);
    }

    #[test]
    fn names_are_read_back_and_are_no_namespaces() {
        for (number, uid) in [(0, 0), (17, 1000), (u64::MAX, u32::MAX)] {
            let name = name(number, uid);
            assert_eq!(parse(&name), Some((number, uid)));
            assert!(keeping::parse(&name).is_none(), "{name}");
        }
        for other in ["", "r", "ru", "r1", "1s", "control", "oci.sock"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}

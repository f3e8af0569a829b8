//! A process that looks at tasks, as a thread; namespaces of processes below filters.

use auditns_bpf::membership::serve;
use auditns_bpf::{Keeper, Membership, MembershipError, MembershipOptions, Observer, Steering};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Longer than any step takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What keepers keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Arc<Mutex<BTreeMap<String, OwnedFd>>>);

impl Keeper for Store {
    fn keep(&self, name: &str, fd: BorrowedFd<'_>) {
        let before = self.0.lock().unwrap().insert(name.to_owned(), fd.try_clone_to_owned().unwrap());
        assert!(before.is_none(), "{name} was kept twice");
    }

    fn forget(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }
}

impl Store {
    fn all(&self) -> Vec<(String, OwnedFd)> {
        let store = self.0.lock().unwrap();
        store.iter().map(|(name, fd)| (name.clone(), fd.try_clone().unwrap())).collect()
    }
}

#[derive(Debug)]
struct Ear(Sender<u64>);

impl Observer for Ear {
    fn renewed(&self) {}

    fn lost(&self, _: &str) {}

    fn emptied(&self, namespace: u64) {
        let _ = self.0.send(namespace);
    }
}

pub(crate) struct World {
    pub(crate) membership: Arc<Membership>,
    pub(crate) steering: Arc<OnceLock<Steering>>,
    pub(crate) emptied: Receiver<u64>,
    /// What was told to be empty, and may be told again: that was on its way when it was forgotten.
    told: RefCell<HashSet<u64>>,
}

impl World {
    pub(crate) fn new() -> World {
        World::after(&Store::default())
    }

    /// Takes up what was kept.
    pub(crate) fn after(store: &Store) -> World {
        let (socket, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        std::thread::spawn(move || serve(&other, || {}, || Ok(())));
        let steering = Arc::<OnceLock<Steering>>::default();
        let options = MembershipOptions {
            socket,
            keeper: Box::new(store.clone()),
            connections: 64,
            steering: Arc::clone(&steering),
        };
        let membership = Membership::start(options, &mut store.all()).unwrap();
        let (tell, emptied) = channel();
        let ear: Arc<dyn Observer> = Arc::new(Ear(tell));
        membership.observe(&ear);
        let world = World { membership, steering, emptied, told: RefCell::default() };
        wait_until("the programs are loaded", || world.membership.is_exact());
        world
    }
}

impl World {
    /// The next namespace whose tasks are gone; from then on nothing is known of it.
    pub(crate) fn next_emptied(&self) -> u64 {
        let mut told = self.told.borrow_mut();
        let namespace = loop {
            let namespace = self.emptied.recv_timeout(PATIENCE);
            let namespace =
                namespace.unwrap_or_else(|_| panic!("nothing is emptied: {:?}", self.membership.tagged()));
            if told.insert(namespace) {
                break namespace;
            }
        };
        patient(|| self.membership.forget(namespace));
        let mut more = self.emptied.try_iter();
        assert!(more.all(|other| told.contains(&other)), "no other one is empty");
        namespace
    }
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what} for {PATIENCE:?} not");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is answered in the end: on a busy machine whoever asks gives up after a second, and may ask again.
pub(crate) fn patient<T>(ask: impl Fn() -> Result<T, MembershipError>) -> T {
    in_time(ask).unwrap()
}

/// The same, also if it is an error.
pub(crate) fn in_time<T>(ask: impl Fn() -> Result<T, MembershipError>) -> Result<T, MembershipError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(MembershipError::TimedOut) if Instant::now() < until => {}
            answer => return answer,
        }
    }
}

use super::*;
use crate::identity::{Owner, Resolver};
use crate::keeping::{KeptAs, parse_socket, socket_name};
use crate::observer::Event;
use crate::state::{ConnectionState, State};
use crate::testing;
use auditns_core::EndpointId;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;

/// What is kept, and what was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    kept: Arc<Mutex<BTreeMap<String, OwnedFd>>>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Store for World {
    fn keep(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.kept.lock().unwrap().insert(name.to_owned(), fd.try_clone_to_owned()?);
        Ok(())
    }

    fn forget(&self, name: &str) -> io::Result<()> {
        self.kept.lock().unwrap().remove(name);
        Ok(())
    }

    fn capacity(&self) -> Option<usize> {
        None
    }
}

impl Observer for World {
    fn observe(&mut self, event: &Event<'_>) {
        if !matches!(event, Event::Record(_) | Event::Notice(_) | Event::MembershipLost { .. }) {
            self.said.lock().unwrap().push(format!("{event:?}"));
        }
    }
}

impl World {
    /// Starts a host that goes on with what is kept.
    pub(crate) fn host(&self, folder: &Path) -> Host {
        let observer = self.clone();
        let kept: Vec<_> = {
            let kept = self.kept.lock().unwrap();
            kept.iter().map(|(name, fd)| (name.clone(), fd.try_clone().unwrap())).collect()
        };
        let control = folder.join("control");
        let oci = folder.join("oci");
        let _ = (std::fs::remove_file(&control), std::fs::remove_file(&oci));
        Host::start(HostOptions {
            policy: Policy::default(),
            read_policy: Box::new(|| Ok(Policy::default())),
            log_folder: folder.to_owned(),
            listener: UnixListener::bind(control).unwrap(),
            oci: UnixListener::bind(oci).unwrap(),
            lxc: agents::testing::seqpacket(&folder.join("lxc")),
            store: Arc::new(self.clone()),
            kept,
            restarts: 1,
            steering: Arc::default(),
            membership: Membership::absent("this is a test"),
            observer: Box::new(move |_| Box::new(observer.clone())),
        })
        .unwrap()
    }

    pub(crate) fn keep(&self, name: &str, fd: &OwnedFd) {
        self.kept.lock().unwrap().insert(name.to_owned(), fd.try_clone().unwrap());
    }

    /// The names of what is kept, but for sockets that are ready for members.
    pub(crate) fn kept(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        kept.keys().filter(|name| parse_socket(name).is_none()).cloned().collect()
    }

    pub(crate) fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

/// Leaves a namespace without members and with one audit socket, as a supervisor that panicked so often leaves it. Returns the
/// member's end.
fn leave(world: &World, folder: &Path, panics: usize) -> OwnedFd {
    let state = State::create().unwrap();
    let mut frame = testing::frame(&folder.join("test"));
    let own = std::process::id();
    let opener = Resolver::new(1).learn(own, &Owner::of_first_opener(own, 0).unwrap()).unwrap();
    let pair = testing::sockets().take(true).unwrap().pair;
    let kept_as = KeptAs::new(KEPT, &pair.server).unwrap();
    world.keep(&socket_name(KEPT), &pair.server);
    let connection = ConnectionState::new(pair.inode, Some(kept_as), true, opener);
    frame.connections.push((EndpointId(20), connection));
    let mut family = testing::family(testing::config());
    while family.poll_action().is_some() {}
    state.new_journal().snapshot(&(&family, frame)).unwrap();
    for _ in 0..panics {
        state.blame().note();
    }
    let keep = Keep::new(Arc::new(world.clone()), [].into_iter());
    crate::keeping::Keeping::new(keep, 7, 0).state(&state);
    pair.client
}

/// Under which number a socket is left.
const KEPT: u64 = 5;

fn is_closed(end: &OwnedFd) -> bool {
    let unread = rustix::net::recv(end, &mut [0; 16], rustix::net::RecvFlags::DONTWAIT);
    assert!(matches!(unread, Ok((0, _)) | Err(Errno::AGAIN)), "{unread:?}");
    unread.is_ok()
}

#[test]
fn a_namespace_over_which_supervisors_panic_is_given_up_so_that_others_are_served() {
    for (panics, served, said, ends) in [
        (0, 1, None, 0),
        (1, 1, None, 0),
        (2, 0, Some("GivenUp { panics: 2 }"), 1),
        // Telling its end has made a supervisor panic as well.
        (3, 0, Some("GivenUp { panics: 3 }"), 0),
    ] {
        let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
        let end = leave(&world, folder.path(), panics);
        let host = world.host(folder.path());
        assert_eq!(host.namespaces(), served, "after {panics} panics");
        assert_eq!(world.said(), said.map(ToOwned::to_owned).as_slice(), "after {panics} panics");
        assert_eq!(world.kept().len(), served, "kept after {panics} panics");
        if served == 0 {
            testing::eventually(&format!("closed after {panics} panics"), || is_closed(&end));
        } else {
            assert!(!is_closed(&end), "after {panics} panics");
        }
        let log = std::fs::read_to_string(folder.path().join("audit.log")).unwrap_or_default();
        assert_eq!(log.matches("op=stop").count(), ends, "after {panics} panics: {log}");
    }
}

#[test]
fn sockets_of_a_namespace_that_cannot_be_served_are_closed() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
    let logs = folder.path().join("logs");
    let end = leave(&world, &logs, 0);
    std::fs::write(&logs, "no folder can be made here").unwrap();
    let host = world.host(folder.path());
    assert_eq!(host.namespaces(), 0);
    testing::eventually("closed", || is_closed(&end));
    assert!(world.kept().is_empty(), "{:?}", world.said());
}

#[test]
fn what_is_none_of_ours_is_said_and_given_back() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
    let file = std::fs::File::open("/dev/null").unwrap();
    world.kept.lock().unwrap().insert("7s".to_owned(), file.into());
    assert_eq!(world.host(folder.path()).namespaces(), 0);
    assert!(world.said()[0].starts_with("NotTakenUp"));
    assert!(world.kept().is_empty());
}

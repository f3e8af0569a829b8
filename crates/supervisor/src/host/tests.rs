use super::*;
use crate::observer::Event;
use crate::state::State;
use crate::testing;
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

    pub(crate) fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

/// Leaves a namespace without members, as a supervisor that panicked so often leaves it.
fn leave(world: &World, folder: &Path, panics: usize) {
    let state = State::create().unwrap();
    let frame = testing::frame(&folder.join("test"));
    let mut family = testing::family(testing::config());
    while family.poll_action().is_some() {}
    state.new_journal().snapshot(&(&family, frame)).unwrap();
    for _ in 0..panics {
        state.blame().note();
    }
    let keep = Keep::new(Arc::new(world.clone()), [].into_iter());
    crate::keeping::Keeping::new(keep, 7, 0).state(&state);
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
        leave(&world, folder.path(), panics);
        let host = world.host(folder.path());
        assert_eq!(host.namespaces(), served, "after {panics} panics");
        assert_eq!(world.said(), said.map(ToOwned::to_owned).as_slice(), "after {panics} panics");
        assert_eq!(world.kept.lock().unwrap().len(), served, "kept after {panics} panics");
        let log = std::fs::read_to_string(folder.path().join("audit.log")).unwrap_or_default();
        assert_eq!(log.matches("op=stop").count(), ends, "after {panics} panics: {log}");
    }
}

#[test]
fn what_is_none_of_ours_is_said_and_given_back() {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::default());
    let file = std::fs::File::open("/dev/null").unwrap();
    world.kept.lock().unwrap().insert("7s".to_owned(), file.into());
    assert_eq!(world.host(folder.path()).namespaces(), 0);
    assert!(world.said()[0].starts_with("NotTakenUp"));
    assert!(world.kept.lock().unwrap().is_empty());
}

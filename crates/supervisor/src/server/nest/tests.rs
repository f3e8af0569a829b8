//! Nested namespaces, with tasks that somebody plays. This process is the member, so root has to run this.

use super::super::calls::Calls;
use super::super::durable::Durable;
use super::super::restore::KeptDescriptors;
use super::super::storage::Storage;
use super::super::{Parts, Server};
use super::*;
use crate::identity::Clients;
use crate::log::{LogFile, Rotation};
use crate::observer::{Event, Observer};
use crate::state::{Journal, State, replay};
use crate::testing;
use crate::time::now;
use auditns_core::{EndpointId, Family, Input, Namespace, ProcessId};
use auditns_wire::Errno;
use rustix::io::{read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

const ROOT: u64 = 1;
const CREATE: u16 = 1090;
const GET: u16 = 1000;

/// Whoever knows tasks does not get to answer, or is being replaced.
const BUSY: Errno = Errno(rustix::io::Errno::TIMEDOUT.raw_os_error());
const REPLACED: Errno = Errno::EOPNOTSUPP;

/// Children of other tests hold copies of a folder's lock until they execute something.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

struct Deaf;

impl Observer for Deaf {
    fn observe(&mut self, _: &Event<'_>) {}
}

/// What is to be looked at while a thread group is moved.
type Look = Box<dyn Fn() + Send + Sync>;

/// Where this process is.
#[derive(Default)]
struct Played {
    here: Mutex<Option<u64>>,
    error: Mutex<Option<i32>>,
    /// What is said instead of where it is, the last one first.
    not_told: Mutex<Vec<Errno>>,
    /// What is said of moves, the last one first; they take place all the same.
    late: Mutex<Vec<Errno>>,
    /// Somebody else is in each namespace.
    holds_others: AtomicBool,
    said: Mutex<Vec<String>>,
    look: OnceLock<Look>,
}

impl fmt::Debug for Played {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Played")
    }
}

impl Played {
    fn here(&self, namespace: Option<u64>) {
        *self.here.lock().unwrap() = namespace;
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

impl TaskTags for Played {
    fn moves_tasks(&self) -> bool {
        true
    }

    fn namespace_of(&self, _: u32) -> io::Result<Option<u64>> {
        if let Some(errno) = self.not_told.lock().unwrap().pop() {
            return Err(io::Error::from_raw_os_error(errno.0));
        }
        Ok(*self.here.lock().unwrap())
    }

    fn is_empty(&self, _: u64) -> io::Result<bool> {
        Ok(!self.holds_others.load(Relaxed))
    }

    fn move_thread_group(&self, process: ProcessId, namespace: u64) -> io::Result<()> {
        assert_eq!(process.pid, std::process::id());
        if let Some(look) = self.look.get() {
            look();
        }
        if let Some(error) = *self.error.lock().unwrap() {
            self.said.lock().unwrap().push(format!("move fails {error}"));
            return Err(io::Error::from_raw_os_error(error));
        }
        self.here(Some(namespace));
        let late = self.late.lock().unwrap().pop();
        late.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno.0)))
    }

    fn forget(&self, namespace: u64) {
        assert_ne!(namespace, ROOT);
        self.said.lock().unwrap().push("forget".to_owned());
    }
}

/// Names after those of their parents, in one folder.
#[derive(Debug)]
struct Names(PathBuf, Arc<Played>);

impl Register for Names {
    fn open_folder(&self, _: u64, parent: &Origin) -> io::Result<(String, Folder)> {
        let name = format!("{}.1", parent.name);
        Ok((name.clone(), Folder::open_in_time(&self.0, &name, PATIENCE).map_err(io::Error::other)?))
    }

    fn open_folder_again(&self, _: u64, origin: &Origin) -> io::Result<Folder> {
        Folder::open_in_time(&self.0, &origin.name, PATIENCE).map_err(io::Error::other)
    }

    fn add(&self, _: u64, origin: &Origin) {
        self.1.said.lock().unwrap().push(format!("add {}", origin.name));
    }

    fn remove(&self, _: u64) {
        self.1.said.lock().unwrap().push("remove".to_owned());
    }
}

struct World {
    folder: Arc<tempfile::TempDir>,
    tags: Arc<Played>,
    state: Arc<State>,
    ends: Option<(OwnedFd, OwnedFd)>,
}

impl World {
    fn new() -> World {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        sockopt::set_socket_passcred(&ours, true).unwrap();
        let tags = Arc::new(Played::default());
        tags.here(Some(ROOT));
        World {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            tags,
            state: Arc::new(State::create().unwrap()),
            ends: Some((ours, theirs)),
        }
    }

    /// The same, for the process that comes next.
    fn again(&self) -> World {
        let (folder, tags, state) =
            (Arc::clone(&self.folder), Arc::clone(&self.tags), Arc::clone(&self.state));
        World { folder, tags, state, ends: self.ends.as_ref().map(|(ours, theirs)| both(ours, theirs)) }
    }

    fn parts(&self, family: Family, journal: Journal) -> Parts {
        let log = self.folder.path().join("test");
        std::fs::create_dir_all(&log).unwrap();
        let nesting = Nesting {
            tags: Arc::clone(&self.tags) as Arc<dyn TaskTags>,
            register: Box::new(Names(self.folder.path().to_owned(), Arc::clone(&self.tags))),
            storage: Box::new(|folder, settings| Storage::new(LogFile::new(folder, settings.rotation))),
            number: 4,
        };
        Parts {
            namespace: Durable::new(family, Some(Arc::new(journal))),
            nesting: Some(nesting),
            answers: Some(self.state.answers()),
            calls: Calls::new(None),
            storage: Storage::new(LogFile::new(&log, Rotation::default())),
            clients: Clients::new(&[]),
            sockets: crate::testing::sockets(),
            descriptors: 1 << 16,
            origin: testing::origin(&log),
            settings: testing::settings(),
            keeping: None,
            steering: Arc::default(),
            membership: auditns_bpf::Membership::absent("of a test"),
            login_files: None,
        }
    }

    /// Serves a new family, and what the process before left if there was one.
    fn serve<R>(&self, test: impl FnOnce(&mut Server<'_>, &OwnedFd) -> R) -> R {
        let (ours, theirs) = self.ends.as_ref().unwrap();
        let mut observer = Deaf;
        if let Ok((journal, kept)) = self.state.left() {
            let (family, replayed) = replay(&kept).unwrap();
            let endpoints = replayed.connections.keys().map(|id| (*id, ours.try_clone().unwrap())).collect();
            let descriptors = KeptDescriptors { endpoints, ..KeptDescriptors::default() };
            let mut server = Server::new(self.parts(family, journal), &mut observer).unwrap();
            server.restore(replayed, kept.message, descriptors).unwrap();
            return test(&mut server, theirs);
        }
        let nesting = auditns_core::Nesting { depth: 2, number: 4, share: 0 };
        let family = Family::new(Namespace::new(testing::config(), now()), nesting);
        let mut server = Server::new(self.parts(family, self.state.new_journal()), &mut observer).unwrap();
        server.owner = Some(Owner::of_first_opener(std::process::id(), 0).unwrap());
        server.save();
        server.begin();
        super::super::tests::endpoint(&mut server, ours.try_clone().unwrap(), true);
        test(&mut server, theirs)
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name).join("audit.log")).unwrap_or_default()
    }
}

/// Sends a message and returns the answers to it.
fn ask(server: &mut Server<'_>, theirs: &OwnedFd, kind: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(5_u16.to_ne_bytes());
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(payload);
    write(theirs, &bytes).unwrap();
    let endpoint = *server.connections.keys().next().unwrap();
    assert!(server.read_message(endpoint));
    server.perform();
    answers(theirs)
}

fn answers(theirs: &OwnedFd) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = read(theirs, &mut buffer) {
        answers.push(buffer[..length].to_vec());
    }
    answers
}

/// The error of the first answer.
fn error(answers: &[Vec<u8>]) -> i32 {
    i32::from_ne_bytes(answers[0][16..20].try_into().unwrap())
}

fn say(server: &mut Server<'_>, theirs: &OwnedFd, text: &str) -> i32 {
    error(&ask(server, theirs, 1112, &[text.as_bytes(), b"\0"].concat()))
}

fn limit(server: &mut Server<'_>, theirs: &OwnedFd) -> u32 {
    let status = ask(server, theirs, GET, &[]);
    u32::from_ne_bytes(status[1][36..40].try_into().unwrap())
}

/// Has this process make a namespace. Returns its number.
fn create(server: &mut Server<'_>, theirs: &OwnedFd) -> u64 {
    assert_eq!(error(&ask(server, theirs, CREATE, &[])), 0);
    server.family().nested().last().unwrap().contid()
}

#[test]
fn a_namespace_is_made_used_and_ended_and_its_records_stand_in_its_log() {
    let world = World::new();
    world.serve(|server, theirs| {
        assert_eq!(say(server, theirs, "outer"), 0);
        let nested = create(server, theirs);
        assert_eq!(world.tags.said(), ["add test.1"]);
        assert_eq!((limit(server, theirs), say(server, theirs, "shut")), (0, -Errno::ECONNREFUSED.0));
        server.order(nested, Input::HostSetsBacklogLimit(8));
        assert_eq!((limit(server, theirs), say(server, theirs, "inner")), (8, 0));
        world.tags.here(Some(ROOT));
        assert_eq!((limit(server, theirs), say(server, theirs, "again")), (64, 0));
        // Somebody was let in since it was said.
        world.tags.holds_others.store(true, Relaxed);
        server.nested_emptied(nested);
        server.end_emptied();
        assert_eq!(world.tags.said(), [""; 0]);
        world.tags.holds_others.store(false, Relaxed);
        server.nested_emptied(nested);
        server.end_emptied();
        assert_eq!(world.tags.said(), ["forget", "remove"]);
        testing::eventually("nobody holds it any more", || {
            Folder::open(world.folder.path(), "test.1").is_ok()
        });
        assert_eq!(server.family().nested().len(), 0);
        // What it has sent and was not read by then.
        world.tags.here(Some(nested));
        assert_eq!(say(server, theirs, "late"), -Errno::ECONNREFUSED.0);
        assert_eq!(server.family().root().counters().unknown_senders, 1);
        world.tags.here(Some(ROOT));
        assert_eq!(say(server, theirs, "alone"), 0);
    });
    let (outer, inner) = (world.log("test"), world.log("test.1"));
    assert!(!outer.contains("late") && !inner.contains("late"));
    for (text, log) in [("outer", &outer), ("again", &outer), ("alone", &outer), ("inner", &inner)] {
        assert_eq!(log.matches(&format!("msg='{text}'")).count(), 1, "{text}: {log}");
        assert_eq!([&outer, &inner].iter().filter(|log| log.contains(text)).count(), 1);
    }
    assert!(!outer.contains("shut") && !inner.contains("shut"));
    assert!(inner.contains(" parent=1 ") && inner.contains(" op=create vm=\"test.1\""), "{inner}");
    assert!(inner.lines().last().unwrap().contains(" op=stop vm=\"test.1\""), "{inner}");
}

#[test]
fn who_is_nowhere_is_refused_and_who_is_elsewhere_too() {
    let world = World::new();
    world.serve(|server, theirs| {
        // Without nested namespaces nobody is asked.
        world.tags.here(None);
        assert_eq!(say(server, theirs, "alone"), 0);
        world.tags.here(Some(ROOT));
        create(server, theirs);
        for here in [None, Some(4711)] {
            world.tags.here(here);
            assert_eq!(say(server, theirs, "stranger"), -Errno::ECONNREFUSED.0);
            assert_eq!(error(&ask(server, theirs, CREATE, &[])), -Errno::ECONNREFUSED.0);
        }
        assert_eq!(server.family().root().counters().unknown_senders, 4);
        assert_eq!(server.whose_call(std::process::id()), Err(rustix::io::Errno::PROTONOSUPPORT));
        // Whoever waits in a call is below a filter of the family, also where nobody was told of that.
        world.tags.here(None);
        assert_eq!(server.whose_call(std::process::id()), Ok(Whose::Root));
    });
    assert!(!world.log("test").contains("stranger") && !world.log("test.1").contains("stranger"));
}

#[test]
fn a_move_that_fails_leaves_no_namespace() {
    let world = World::new();
    world.serve(|server, theirs| {
        // Another process than the one that is said to send.
        world.tags.here(None);
        assert_eq!(error(&ask(server, theirs, CREATE, &[])), -Errno::EPERM.0);
        assert_eq!(world.tags.said(), ["forget", "remove"]);
        world.tags.here(Some(ROOT));
        *world.tags.error.lock().unwrap() = Some(Errno::ESRCH.0);
        assert_eq!(error(&ask(server, theirs, CREATE, &[])), -Errno::ESRCH.0);
        assert_eq!(server.family().nested().len() + server.nest.served.len(), 0);
        assert_eq!(world.tags.said(), ["move fails 3", "forget", "remove"]);
        *world.tags.error.lock().unwrap() = None;
        create(server, theirs);
    });
}

#[test]
fn a_supervisor_that_is_killed_while_it_moves_is_followed_by_one_that_does() {
    let world = World::new();
    // What the next one would find, at the moment of the move.
    let state = Arc::clone(&world.state);
    let found = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&found);
    let look = move || {
        let (_, kept) = state.left().unwrap();
        let (family, replayed) = replay(&kept).unwrap();
        let doubt = replayed.doubt.unwrap();
        assert!(matches!(doubt.action, Action::MoveThreadGroup { .. }), "{doubt:?}");
        assert_eq!((family.nested().len(), replayed.frame.nested.len()), (0, 1));
        let name = replayed.frame.nested[0].origin.name.clone();
        *seen.lock().unwrap() = Some(name);
    };
    world.tags.look.set(Box::new(look)).unwrap_or_else(|_| panic!("looked at once"));
    world.serve(|server, theirs| {
        create(server, theirs);
    });
    assert_eq!(found.lock().unwrap().as_deref(), Some("test.1"));
    // The next one goes on with what is there.
    world.tags.said();
    world.serve(|server, theirs| {
        assert_eq!(world.tags.said(), ["add test.1"]);
        let nested = server.family().nested().next().unwrap().contid();
        assert_eq!(*world.tags.here.lock().unwrap(), Some(nested));
        server.order(nested, Input::HostSetsBacklogLimit(8));
        assert_eq!(say(server, theirs, "after"), 0);
    });
    let inner = world.log("test.1");
    assert_eq!((inner.matches("op=create").count(), inner.matches("after").count()), (1, 1), "{inner}");
    assert!(!world.log("test").contains("after"));
}

#[test]
fn a_kill_before_the_outcome_is_noted_makes_the_namespace_once() {
    struct Killed;
    let world = World::new();
    world.tags.look.set(Box::new(|| std::panic::panic_any(Killed))).unwrap_or_else(|_| panic!("set once"));
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world.serve(|server, theirs| ask(server, theirs, CREATE, &[]));
    }));
    assert!(killed.unwrap_err().is::<Killed>());
    let (_, theirs) = world.ends.as_ref().unwrap();
    assert!(answers(theirs).is_empty(), "nothing is acknowledged before it is so");
    for here in [Some(ROOT), None] {
        let tags = Arc::new(Played::default());
        tags.here(here);
        // The second of those that follow finds it done.
        let world = World { tags, ..world.again() };
        world.serve(|server, theirs| {
            let nested = server.family().nested().next().unwrap().contid();
            let expected = if here.is_some() { vec![0] } else { Vec::new() };
            assert_eq!(
                answers(theirs).iter().map(|answer| error(std::slice::from_ref(answer))).collect::<Vec<_>>(),
                expected
            );
            world.tags.here(Some(nested));
            assert_eq!(limit(server, theirs), 0);
        });
    }
    assert_eq!(world.log("test.1").matches("op=create").count(), 1);
}

fn both(ours: &OwnedFd, theirs: &OwnedFd) -> (OwnedFd, OwnedFd) {
    (ours.try_clone().unwrap(), theirs.try_clone().unwrap())
}

#[test]
fn nested_namespaces_end_with_their_root() {
    let world = World::new();
    world.serve(|server, theirs| {
        let nested = create(server, theirs);
        server.order(nested, Input::HostSetsBacklogLimit(8));
        let endpoint = *server.connections.keys().next().unwrap();
        assert_ne!(endpoint, EndpointId(0));
        write(theirs, &message_bytes("last words")).unwrap();
        server.finish();
    });
    let inner = world.log("test.1");
    assert!(inner.contains("last words") && inner.lines().last().unwrap().contains(" op=stop "), "{inner}");
    assert!(world.log("test").lines().last().unwrap().contains(" op=stop "));
}

fn message_bytes(text: &str) -> Vec<u8> {
    let payload = [text.as_bytes(), b"\0"].concat();
    let length = u32::try_from(16 + payload.len()).unwrap();
    [&length.to_ne_bytes()[..], &1112_u16.to_ne_bytes(), &1_u16.to_ne_bytes(), &[0; 8], &payload].concat()
}

#[test]
fn what_is_left_of_descriptors_is_bounded() {
    let nesting = |number| {
        let world = World::new();
        let family = testing::family(testing::config());
        let mut parts = world.parts(family, world.state.new_journal());
        let mut nesting = parts.nesting.take().unwrap();
        nesting.number = number;
        Nest::new(Some(nesting)).descriptors_max()
    };
    assert_eq!(nesting(0), 0);
    assert_eq!(nesting(64), 64 * (4 + 8 * 3));
    assert_eq!(Nest::new(None).descriptors_max(), 0);
}

#[test]
fn a_message_waits_until_it_can_be_told_whose_it_is() {
    let world = World::new();
    world.serve(|server, theirs| {
        let nested = create(server, theirs);
        server.order(nested, Input::HostSetsBacklogLimit(8));
        let answers = |server: &mut Server<'_>, errors: &[Errno]| {
            *world.tags.not_told.lock().unwrap() = errors.to_vec();
            say(server, theirs, "late")
        };
        assert_eq!(answers(server, &[BUSY, REPLACED, BUSY]), 0);
        assert_eq!(answers(server, &[Errno::ESRCH, BUSY]), -Errno::ECONNREFUSED.0, "it will never be told");
        assert_eq!(answers(server, &[]), 0);
    });
}

#[test]
fn who_was_perhaps_moved_into_what_is_no_more_is_in_what_was_around_it() {
    let mut nest = Nest::new(None);
    nest.note_astray(7, ROOT);
    nest.note_astray(9, 7);
    assert_eq!((nest.whose(ROOT, 9), nest.whose(ROOT, 8)), (Whose::Root, Whose::Unknown));
    for number in 100..1000 {
        nest.note_astray(number, ROOT);
    }
    assert_eq!(nest.whose(ROOT, 999), Whose::Root);
    assert_eq!(nest.whose(ROOT, 100), Whose::Unknown, "there are not more and more of them");
}

#[test]
fn a_move_of_which_nothing_is_told_yet_is_asked_for_again_or_undone() {
    let world = World::new();
    world.serve(|server, theirs| {
        *world.tags.not_told.lock().unwrap() = vec![BUSY];
        *world.tags.late.lock().unwrap() = vec![BUSY, REPLACED, BUSY];
        let nested = create(server, theirs);
        assert_eq!(*world.tags.here.lock().unwrap(), Some(nested));
        world.tags.said();
        // The move takes place, and another one of the same process can no longer.
        *world.tags.late.lock().unwrap() = vec![Errno::ESRCH, BUSY];
        server.order(nested, Input::HostSetsBacklogLimit(8));
        assert_eq!(error(&ask(server, theirs, CREATE, &[])), -Errno::ESRCH.0);
        assert_eq!(*world.tags.here.lock().unwrap(), Some(nested), "it is back");
        assert_eq!(world.tags.said(), ["forget", "remove"]);
    });
}

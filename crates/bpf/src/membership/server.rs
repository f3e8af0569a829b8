//! The process that looks at tasks: it has the capabilities and calls that the supervisor has given up.

use super::kept::Kept;
use super::message::{Asked, ENTRIES_MAX, Reply, Request, Said, receive, send};
use super::number::Numbers;
use super::passes::{ONLY, Pass, Passes};
use super::tag::{Count, Losses, Member, Moved, Start, Tag};
use crate::object::{self, Maps, Programs, slots_for};
use crate::skeleton::{AuditnsMaps, AuditnsProgs, AuditnsSkel};
use crate::{LoadError, Steering, trial};
use libbpf_rs::{
    ErrorKind, Link, MapCore, MapFlags, ProgramInput, ProgramMut, RingBuffer, RingBufferBuilder,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long, and by how many passes at least, a process is followed that makes threads as fast as they are found. On a busy machine
/// the time alone may go by in one pass.
const MOVING_MAX: Duration = Duration::from_millis(500);
const PASSES_MIN: u32 = 8;

/// Loads, attaches and tries everything, and gives it up again. Takes some tens of milliseconds.
///
/// # Errors
/// Why that is not possible on this host or for this process.
pub fn try_out() -> Result<(), LoadError> {
    Loaded::load(&mut MaybeUninit::uninit(), None, Some(0)).map(drop)
}

/// How often it is looked whether nested namespaces are empty, beside the events that tell: one may have got lost, for want of
/// room or with a process before this one.
const LOOK: Duration = Duration::from_secs(2);

/// Why the process ends.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The programs could not be loaded: starting again would not help.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What the caller does to confine itself failed.
    #[error("the process that looks at tasks could not be confined ({0})")]
    Confine(String),
    /// The other side says what nobody asks.
    #[error("the supervisor could not be understood ({0}); see whether both are of one version")]
    Socket(#[source] io::Error),
    /// The kernel does not tell of events.
    #[error("ends of namespaces cannot be waited for ({0}); report this with the kernel's version")]
    Events(#[source] io::Error),
}

/// Loads the programs and answers whoever holds the other end of the socket pair, until that is closed. `hurry` is called before
/// that where another process has served before, so that some may wait for what it knew. `confine` is called
/// when everything is loaded: from then on only `bpf(2)` with the commands of [`super::COMMANDS`] is needed, and waiting,
/// reading and messages.
///
/// # Errors
/// See [`ServeError`]. The other side has been told why nothing can be loaded.
pub fn serve(
    socket: &OwnedFd,
    hurry: impl FnOnce(),
    confine: impl FnOnce() -> Result<(), String>,
) -> Result<(), ServeError> {
    match send(socket, &Said::Hello, &[], SendFlags::empty()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        said => said.map_err(ServeError::Socket)?,
    }
    let (connections, descriptors) = loop {
        match receive(socket).map_err(ServeError::Socket)? {
            Some((Asked::Kept { connections }, descriptors)) => break (connections, descriptors),
            // It was meant for a process before this one. Whoever asked has been told that there is no answer.
            Some((Asked::Request { .. }, _)) => {}
            None => return Ok(()),
        }
    };
    let kept = Kept::take(&mut descriptors.into_iter());
    if kept.is_some() {
        hurry();
    }
    let mut storage = MaybeUninit::uninit();
    let loaded = match Loaded::load(&mut storage, kept.as_ref(), connections) {
        Ok(loaded) => loaded,
        Err(error) => {
            // What notes senders needs less of the kernel.
            let steering = connections.and_then(|connections| Steering::load(connections).ok());
            let parts = steering.map(Steering::into_parts);
            let said =
                Said::CannotServe { why: error.to_string(), slots: parts.as_ref().map(|parts| parts.slots) };
            let descriptors = parts.as_ref().map(|parts| [parts.program.as_fd(), parts.map.as_fd()]);
            let descriptors = descriptors.as_ref().map_or(&[][..], |both| &both[..]);
            send(socket, &said, descriptors, SendFlags::empty()).map_err(ServeError::Socket)?;
            return Err(error.into());
        }
    };
    let emptied = RefCell::new(Vec::new());
    let events = loaded.events(&emptied).map_err(ServeError::Events)?;
    confine().map_err(ServeError::Confine)?;
    let said = Said::Serves { slots: loaded.steering.as_ref().map(Steering::slots) };
    match send(socket, &said, &loaded.descriptors(), SendFlags::empty()) {
        // The supervisor was killed meanwhile: nobody is to be served.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        sent => sent.map_err(ServeError::Socket)?,
    }
    Server { socket, loaded: &loaded }.run(&events, &emptied)
}

/// The programs, loaded and attached.
struct Loaded<'o> {
    object: AuditnsSkel<'o>,
    inherit: Link,
    leave: Link,
    passes: Passes,
    steering: Option<Steering>,
}

impl<'o> Loaded<'o> {
    fn load(
        storage: &'o mut MaybeUninit<libbpf_rs::OpenObject>,
        kept: Option<&Kept>,
        connections: Option<u32>,
    ) -> Result<Loaded<'o>, LoadError> {
        let maps = kept.map(|kept| Maps {
            tags: kept.tags.as_fd(),
            tagged: kept.tagged.as_fd(),
            state: kept.state.as_fd(),
            events: kept.events.as_fd(),
        });
        let slots = slots_for(connections.unwrap_or(0));
        let object = object::load(storage, Programs::All(maps), slots)?;
        let programs = &object.progs;
        // New tasks are counted before those that end are not counted any more.
        let inherit = attach("inherit", &programs.inherit)?;
        let leave = attach("leave", &programs.leave)?;
        let passes = Passes::new(attach("report", &programs.report)?, attach("give", &programs.give)?);
        let found = programs.find_storage.test_run(ProgramInput::default());
        let found = found.map_err(|error| LoadError::Storage(error.to_string()))?;
        if found.return_value != 0 {
            return Err(LoadError::Storage(error_of(found.return_value).to_string()));
        }
        let steering = connections.map(|_| Steering::of(&object, slots)).transpose()?;
        let loaded = Loaded { object, inherit, leave, passes, steering };
        if let Some(steering) = &loaded.steering {
            trial::run(steering)?;
        }
        trial::tags(loaded.steering.as_ref(), |login| {
            let own = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
            let pass = Pass::gives_login(own, Start::Any, login).unwrap_or_default();
            loaded.passes.give(&loaded.object.maps, pass).map(|after| after.changed == 1)
        })?;
        if kept.is_none() {
            // The trial was the only tag so far.
            let nothing = [0; STATE];
            let before = loaded.state().map_err(|error| LoadError::Storage(error.to_string()))?;
            let mut fresh = before.storage.to_ne_bytes().to_vec();
            fresh.extend_from_slice(&nothing[size_of::<u64>()..]);
            let set = loaded.object.maps.state.update(&ONLY, &fresh, MapFlags::ANY);
            set.map_err(|error| LoadError::Storage(error.to_string()))?;
        }
        Ok(loaded)
    }

    fn events<'c>(&self, emptied: &'c RefCell<Vec<u64>>) -> io::Result<RingBuffer<'c>>
    where
        'o: 'c,
    {
        let mut builder = RingBufferBuilder::new();
        let tell = move |bytes: &[u8]| {
            emptied.borrow_mut().push(Numbers(bytes).long());
            0
        };
        builder.add(&self.object.maps.events, tell).map_err(io::Error::other)?;
        builder.build().map_err(io::Error::other)
    }

    /// What is to be kept, and after it what notes senders.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let AuditnsMaps { tags, tagged, state, events, slots, .. } = &self.object.maps;
        let AuditnsProgs { steering, .. } = &self.object.progs;
        let maps = [tags.as_fd(), tagged.as_fd(), state.as_fd(), events.as_fd()];
        let mut descriptors = maps.to_vec();
        descriptors.extend([self.inherit.as_fd(), self.leave.as_fd()]);
        if self.steering.is_some() {
            descriptors.extend([steering.as_fd(), slots.as_fd()]);
        }
        descriptors
    }

    fn state(&self) -> io::Result<State> {
        let bytes = self.object.maps.state.lookup(&ONLY, MapFlags::ANY).map_err(io::Error::other)?;
        let bytes = bytes.unwrap_or_default();
        let mut numbers = Numbers(&bytes);
        let (storage, _in_use) = (numbers.long(), numbers.long());
        let losses = Losses { untagged: numbers.long(), events: numbers.long() };
        Ok(State { storage, losses })
    }
}

/// Bytes of `struct state` in `program/maps.bpf.h`.
const STATE: usize = 32;

struct State {
    storage: u64,
    losses: Losses,
}

fn attach(name: &'static str, program: &ProgramMut<'_>) -> Result<Link, LoadError> {
    program.attach().map_err(|error| LoadError::Attach { program: name, error })
}

/// What a program returned instead of 0.
fn error_of(value: u32) -> io::Error {
    io::Error::from_raw_os_error(value.cast_signed().wrapping_neg())
}

struct Server<'s, 'o> {
    socket: &'s OwnedFd,
    loaded: &'s Loaded<'o>,
}

impl Server<'_, '_> {
    fn run(&self, events: &RingBuffer<'_>, emptied: &RefCell<Vec<u64>>) -> Result<(), ServeError> {
        let mut look = Some(Instant::now());
        loop {
            if look.is_some_and(|due| due <= Instant::now()) {
                look = self.look()?.then(|| Instant::now() + LOOK);
            }
            // SAFETY: the ring buffer lives longer than the borrow, and has this descriptor as long as it lives.
            let ready = unsafe { BorrowedFd::borrow_raw(events.epoll_fd()) };
            let mut waiting = [PollFd::new(self.socket, PollFlags::IN), PollFd::new(&ready, PollFlags::IN)];
            let rest = look.map(|due| due.saturating_duration_since(Instant::now()));
            let rest = rest.and_then(|rest| Timespec::try_from(rest).ok());
            match poll(&mut waiting, rest.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(ServeError::Socket(error.into())),
            }
            let [asked, happened] = waiting.map(|waiting| !waiting.revents().is_empty());
            if happened {
                events.consume().map_err(|error| ServeError::Events(io::Error::other(error)))?;
                for namespace in emptied.take() {
                    // It may have got other tasks since.
                    if self.tasks_of(namespace).map_err(ServeError::Events)? == Some(0) {
                        self.say(&Said::Emptied { namespace })?;
                    }
                }
            }
            if asked {
                match receive(self.socket).map_err(ServeError::Socket)? {
                    None => return Ok(()),
                    Some((Asked::Kept { .. }, _)) => {}
                    Some((Asked::Request { number, request }, descriptors)) => {
                        if matches!(request, Request::Move { .. }) {
                            look.get_or_insert_with(|| Instant::now() + LOOK);
                        }
                        self.reply(number, self.answer(request, descriptors.first()))?;
                    }
                }
            }
        }
    }

    /// Tells of nested namespaces that have no tasks. Returns whether there are any nested ones.
    fn look(&self) -> Result<bool, ServeError> {
        let tagged = self.tagged().map_err(ServeError::Events)?;
        for (namespace, _) in tagged.iter().filter(|(_, tasks)| *tasks == 0) {
            self.say(&Said::Emptied { namespace: *namespace })?;
        }
        Ok(!tagged.is_empty())
    }

    fn say(&self, said: &Said) -> Result<(), ServeError> {
        match send(self.socket, said, &[], SendFlags::empty()) {
            // That it is gone is seen by the next receive.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ServeError::Socket(error)),
            _ => Ok(()),
        }
    }

    fn reply(&self, number: u64, reply: io::Result<Reply>) -> Result<(), ServeError> {
        let reply = reply.unwrap_or_else(|error| Reply::Refused(error.to_string()));
        let mut parts = parts(reply).into_iter().peekable();
        while let Some(reply) = parts.next() {
            let more = parts.peek().is_some();
            self.say(&Said::Reply { number, reply, more })?;
        }
        Ok(())
    }

    fn answer(&self, request: Request, listener: Option<&OwnedFd>) -> io::Result<Reply> {
        match request {
            Request::NoteListener { namespace } => self.note(listener, namespace, false),
            Request::ForgetListener => self.note(listener, 0, true),
            Request::Forget { namespace } => self.forget(namespace),
            Request::Task { pid } => self.task(pid).map(Reply::Task),
            Request::Counts => self.counts().map(Reply::Counts),
            Request::Members { namespace, most } => self.members(namespace, most).map(Reply::Members),
            Request::Move { tgid, start, namespace } => self.move_thread_group(tgid, start, namespace),
            Request::SetLogin { tid, start, login } => {
                let Some(pass) = Pass::gives_login(tid, start, login) else {
                    return Ok(Reply::Refused("a login of uid 0 in session 0 cannot be kept".to_owned()));
                };
                let after = self.loaded.passes.give(self.maps(), pass)?;
                Ok(match after {
                    Pass { found: 0, .. } => Reply::NoSuchTask,
                    Pass { failed: 0, .. } => Reply::Done,
                    _ => no_memory(),
                })
            }
            Request::Tagged => self.tagged().map(Reply::Tagged),
            Request::Losses => self.loaded.state().map(|state| Reply::Losses(state.losses)),
        }
    }

    fn maps(&self) -> &AuditnsMaps<'_> {
        &self.loaded.object.maps
    }

    fn note(&self, listener: Option<&OwnedFd>, namespace: u64, forget: bool) -> io::Result<Reply> {
        let Some(listener) = listener else { return Ok(Reply::Refused("no listener came".to_owned())) };
        let mut note = namespace.to_ne_bytes().to_vec();
        note.extend_from_slice(&listener.as_raw_fd().cast_unsigned().to_ne_bytes());
        note.extend_from_slice(&u32::from(forget).to_ne_bytes());
        let input = ProgramInput { context_in: Some(&mut note), ..ProgramInput::default() };
        let output = self.loaded.object.progs.note_listener.test_run(input).map_err(io::Error::other)?;
        match output.return_value {
            0 => Ok(Reply::Done),
            value => match error_of(value) {
                error if error.raw_os_error() == Some(libc::ENOENT) => Ok(Reply::Done),
                error if error.raw_os_error() == Some(libc::E2BIG) => Ok(Reply::Refused(format!(
                    "there are {} listeners already, which is as many as can be noted",
                    self.maps().chains.max_entries()
                ))),
                error => Err(error),
            },
        }
    }

    fn forget(&self, namespace: u64) -> io::Result<Reply> {
        let chains = &self.maps().chains;
        let value = namespace.to_ne_bytes();
        // What is removed while it is gone through would make it begin again.
        let own: Vec<Vec<u8>> = chains
            .keys()
            .filter(|key| {
                chains.lookup(key, MapFlags::ANY).is_ok_and(|found| found.as_deref() == Some(&value))
            })
            .collect();
        for key in own {
            remove(chains, &key)?;
        }
        remove(&self.maps().tagged, &value)?;
        Ok(Reply::Done)
    }

    /// The task itself if it lives, else any of the process: that outlives its first thread.
    fn task(&self, pid: u32) -> io::Result<Option<Member>> {
        let mut found: Option<Member> = None;
        self.loaded.passes.report(self.maps(), Pass::of_task(pid), |member| {
            if member.tid == pid || found.is_none_or(|found| found.tid != pid) {
                found = Some(member);
            }
        })?;
        Ok(found.filter(|member| member.chain.is_some() || member.tag != Tag::default()))
    }

    fn counts(&self) -> io::Result<Vec<Count>> {
        let mut processes = HashSet::new();
        let mut counts = BTreeMap::<u64, (u32, u32)>::new();
        self.loaded.passes.report(self.maps(), Pass::of_all(), |member| {
            let Some(namespace) = member.namespace() else { return };
            let (processes_of, threads) = counts.entry(namespace).or_default();
            *processes_of += u32::from(processes.insert((namespace, member.tgid)));
            *threads += 1;
        })?;
        let count = |(namespace, (processes, threads))| Count { namespace, processes, threads };
        Ok(counts.into_iter().map(count).collect())
    }

    fn members(&self, namespace: u64, most: u32) -> io::Result<Vec<u32>> {
        let mut members = BTreeSet::new();
        self.loaded.passes.report(self.maps(), Pass::of_namespace(namespace), |member| {
            members.insert(member.tgid);
            if members.len() > most as usize {
                members.pop_last();
            }
        })?;
        Ok(members.into_iter().collect())
    }

    /// A thread that is made meanwhile by one that has the tag has it too. One that is made by another is found by the next
    /// pass at the latest, as it was there before that began. So when a pass finds nothing to do, all have it.
    fn move_thread_group(&self, tgid: u32, start: Start, namespace: u64) -> io::Result<Reply> {
        if namespace == 0 {
            return Ok(Reply::Refused("a namespace's number is not 0".to_owned()));
        }
        let tagged = &self.maps().tagged;
        match tagged.update(&namespace.to_ne_bytes(), &0_u64.to_ne_bytes(), MapFlags::NO_EXIST) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::TooBig => {
                let most = tagged.max_entries();
                return Ok(Reply::Refused(format!(
                    "there are {most} nested namespaces already, the most there can be"
                )));
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        let until = Instant::now() + MOVING_MAX;
        let mut moved = Moved { threads: 0, passes: 0 };
        loop {
            let after =
                self.loaded.passes.give(self.maps(), Pass::gives_namespace(tgid, start, namespace))?;
            moved.passes += 1;
            moved.threads += after.changed;
            match after {
                Pass { found: 0, .. } => return Ok(Reply::NoSuchTask),
                Pass { failed: 1.., .. } => return Ok(no_memory()),
                Pass { changed: 0, .. } => return Ok(Reply::Moved(moved)),
                _ if moved.passes >= PASSES_MIN && Instant::now() > until => {
                    let why = format!("process {tgid} makes threads faster than they can be moved");
                    return Ok(Reply::Refused(why));
                }
                _ => {}
            }
        }
    }

    fn tagged(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut tagged = Vec::new();
        for key in self.maps().tagged.keys() {
            let namespace = Numbers(&key).long();
            if let Some(tasks) = self.tasks_of(namespace)? {
                tagged.push((namespace, tasks));
            }
        }
        tagged.sort_unstable();
        Ok(tagged)
    }

    fn tasks_of(&self, namespace: u64) -> io::Result<Option<u64>> {
        let found = self.maps().tagged.lookup(&namespace.to_ne_bytes(), MapFlags::ANY);
        let found = found.map_err(io::Error::other)?;
        Ok(found.map(|bytes| Numbers(&bytes).long()))
    }
}

fn no_memory() -> Reply {
    Reply::Refused("the kernel has no memory for another tag".to_owned())
}

fn remove(map: &impl MapCore, key: &[u8]) -> io::Result<()> {
    match map.delete(key) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io::Error::other(error)),
        _ => Ok(()),
    }
}

/// Lists in messages of a length that fits.
fn parts(reply: Reply) -> Vec<Reply> {
    fn cut<T: Clone>(list: &[T], part: impl Fn(Vec<T>) -> Reply) -> Vec<Reply> {
        let mut parts: Vec<Reply> = list.chunks(ENTRIES_MAX).map(|chunk| part(chunk.to_vec())).collect();
        if parts.is_empty() {
            parts.push(part(Vec::new()));
        }
        parts
    }
    match reply {
        Reply::Counts(list) => cut(&list, Reply::Counts),
        Reply::Members(list) => cut(&list, Reply::Members),
        Reply::Tagged(list) => cut(&list, Reply::Tagged),
        other => vec![other],
    }
}

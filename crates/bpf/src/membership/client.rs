//! The supervisor's side: it makes no `bpf(2)` calls, and asks.

use super::Keeper;
use super::kept::{Kept, Shelf};
use super::message::{Asked, Reply, Request, Said, receive, send};
use super::tag::{Count, Login, Losses, Member, Moved, Start};
use crate::steering::{Parts, Steering};
use rustix::net::{SendFlags, Shutdown, shutdown};
use std::collections::HashMap;
use std::fmt::Debug;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How long whoever asks waits for the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long whoever needs a process that has just been started waits for it: it takes some 100 ms to load programs.
const UNTIL_BEGUN: Duration = Duration::from_secs(1);
/// What is waited between two looks whether the process serves.
const LOOK: Duration = Duration::from_millis(5);
/// Most questions that wait for their answer.
const WAITING_MAX: usize = 1024;

/// Why something is not known, or was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Nobody answers.
    #[error("the kernel cannot be asked which task is in which namespace: {why}")]
    Unavailable {
        /// Why.
        why: String,
    },
    /// No answer in time.
    #[error(
        "which task is in which namespace was not answered within {PATIENCE:?}; see whether the machine is overloaded"
    )]
    TimedOut,
    /// The task is gone, or its number is another's.
    #[error("there is no task {0} that started then; it may have ended")]
    NoSuchTask(u32),
    /// It cannot be done.
    #[error("the kernel's note of who is in which namespace could not be changed or read ({0})")]
    Refused(String),
    /// An answer to another question.
    #[error("the process that looks at tasks answered something else than it was asked; report this")]
    Unexpected,
}

/// Whoever wants to hear what happens. Called in a thread that does nothing else.
pub trait Observer: Debug + Send + Sync {
    /// The kernel can be asked, for the first time or again: listeners have to be noted.
    fn renewed(&self);

    /// The kernel cannot be asked any more.
    fn lost(&self, why: &str);

    /// No task has the tag of this namespace any more. It is said again every other second, and to the next supervisor, until
    /// [`Membership::forget`].
    fn emptied(&self, namespace: u64);
}

/// Asks the process that looks at tasks.
#[derive(Debug)]
pub struct Membership {
    /// `None` if there is no such process and will be none.
    socket: Option<OwnedFd>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Why nobody answers.
    unavailable: Option<String>,
    last_number: u64,
    waiting: HashMap<u64, Waiting>,
    observers: Vec<Arc<dyn Observer>>,
    renewals: u32,
    /// That is so since a process has ended or could not begin.
    lost: bool,
}

#[derive(Debug)]
struct Waiting {
    so_far: Option<Reply>,
    answer: SyncSender<Reply>,
}

/// Something to tell observers.
enum Happened {
    Renewed,
    Lost(String),
    Emptied(u64),
}

/// What a supervisor begins with.
#[derive(Debug)]
pub struct MembershipOptions {
    /// The other end is that of [`super::serve`].
    pub socket: OwnedFd,
    /// Keeps what outlives both processes.
    pub keeper: Box<dyn Keeper>,
    /// For how many connections the program is wanted that notes senders.
    pub connections: u32,
    /// Where that is put when it is there.
    pub steering: Arc<OnceLock<Steering>>,
}

impl Membership {
    /// Nobody to ask, for this reason.
    pub fn absent(why: &str) -> Arc<Membership> {
        let state = State { lost: true, ..State::new(why) };
        Arc::new(Membership { socket: None, state: Mutex::new(state) })
    }

    /// Begins to talk to the process. What it needs of `kept` is taken out.
    ///
    /// # Errors
    /// Those of copying a descriptor and of starting threads.
    pub fn start(
        options: MembershipOptions,
        kept: &mut Vec<(String, OwnedFd)>,
    ) -> io::Result<Arc<Membership>> {
        let MembershipOptions { socket, keeper, connections, steering } = options;
        let (shelf, kept) = Shelf::new(keeper, kept);
        let reading = socket.try_clone()?;
        let state = Mutex::new(State::new("it has not been loaded yet"));
        let membership = Arc::new(Membership { socket: Some(socket), state });
        let (happened, happenings) = channel();
        let told = Arc::downgrade(&membership);
        thread::Builder::new().name("membership".to_owned()).spawn(move || tell(&told, &happenings))?;
        let reader =
            Reader { membership: Arc::downgrade(&membership), shelf, kept, connections, steering, happened };
        thread::Builder::new().name("membership".to_owned()).spawn(move || reader.run(&reading))?;
        Ok(membership)
    }

    /// Whether the kernel can be asked now.
    pub fn is_exact(&self) -> bool {
        self.unavailable().is_none()
    }

    /// Why the kernel cannot be asked now.
    pub fn unavailable(&self) -> Option<String> {
        self.lock().unavailable.clone()
    }

    /// Waits if the kernel cannot be asked yet, because the process that does it has just been started; not where it has ended
    /// or there is none.
    pub fn wait_if_awaited(&self) {
        let until = Instant::now() + UNTIL_BEGUN;
        let is_awaited = || {
            let state = self.lock();
            state.unavailable.is_some() && !state.lost
        };
        while is_awaited() && Instant::now() < until {
            thread::sleep(LOOK);
        }
    }

    /// Has everything told to somebody, also that the kernel can be asked by now, or is known not to be there.
    pub fn observe(&self, observer: &Arc<dyn Observer>) {
        let mut state = self.lock();
        state.observers.push(Arc::clone(observer));
        let (unavailable, lost) = (state.unavailable.clone(), state.lost);
        drop(state);
        match unavailable {
            None => observer.renewed(),
            Some(why) if lost => observer.lost(&why),
            Some(_) => {}
        }
    }

    /// Tasks below the filter of this listener are in the namespace, from now until [`Self::forget_listener`],
    /// [`Self::forget`] or the end of the process that knows it: see [`Observer::renewed`].
    pub fn note_listener(&self, listener: BorrowedFd<'_>, namespace: u64) -> Result<(), MembershipError> {
        done(self.ask(Request::NoteListener { namespace }, Some(listener), PATIENCE)?)
    }

    /// To be called before the listener is closed: another filter may be where its filter was, afterwards.
    pub fn forget_listener(&self, listener: BorrowedFd<'_>) -> Result<(), MembershipError> {
        done(self.ask(Request::ForgetListener, Some(listener), PATIENCE)?)
    }

    /// Nothing is known of the namespace any more. To be called before its listeners are closed.
    pub fn forget(&self, namespace: u64) -> Result<(), MembershipError> {
        done(self.ask(Request::Forget { namespace }, None, PATIENCE)?)
    }

    /// The task with this number in the first PID namespace, or another one of the process with it whose first thread has
    /// ended. `None` if it is in no namespace and has no login, or does not exist.
    pub fn of_task(&self, pid: u32) -> Result<Option<Member>, MembershipError> {
        match self.ask(Request::Task { pid }, None, PATIENCE)? {
            Reply::Task(member) => Ok(member),
            other => Err(unexpected(other, pid)),
        }
    }

    /// How many are in each namespace that has any, by one pass over the tasks of the host.
    pub fn counts(&self) -> Result<Vec<Count>, MembershipError> {
        match self.ask(Request::Counts, None, PATIENCE)? {
            Reply::Counts(counts) => Ok(counts),
            other => Err(unexpected(other, 0)),
        }
    }

    /// The processes with the lowest numbers in a namespace.
    pub fn members(&self, namespace: u64, most: usize) -> Result<Vec<u32>, MembershipError> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        match self.ask(Request::Members { namespace, most }, None, PATIENCE)? {
            Reply::Members(members) => Ok(members),
            other => Err(unexpected(other, 0)),
        }
    }

    /// The processes with the lowest numbers of all that are in any namespace or have a login.
    pub fn all_members(&self, most: usize) -> Result<Vec<u32>, MembershipError> {
        self.members(0, most)
    }

    /// Moves all threads of a process, those that are just being made too, into a nested namespace. What they make later is
    /// in it as well; what they have made before stays where it is. `start` is that of the process.
    ///
    /// # Errors
    /// [`MembershipError::Refused`] without memory for all tags, and for a process that makes threads for half a second as
    /// fast as they are found; some of its threads have been moved then.
    pub fn move_thread_group(
        &self,
        tgid: u32,
        start: Start,
        namespace: u64,
    ) -> Result<Moved, MembershipError> {
        match self.ask(Request::Move { tgid, start, namespace }, None, PATIENCE)? {
            Reply::Moved(moved) => Ok(moved),
            other => Err(unexpected(other, tgid)),
        }
    }

    /// Gives a task a login of its own, or takes it away. What it makes later has it as well; other threads do not. `start`
    /// is that of the task.
    ///
    /// # Errors
    /// [`MembershipError::Refused`] also for a login of uid 0 in session 0.
    pub fn set_login(&self, tid: u32, start: Start, login: Option<Login>) -> Result<(), MembershipError> {
        match self.ask(Request::SetLogin { tid, start, login }, None, PATIENCE)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(other, tid)),
        }
    }

    /// The nested namespaces that tasks were moved to, and how many tasks are in each.
    pub fn tagged(&self) -> Result<Vec<(u64, u64)>, MembershipError> {
        match self.ask(Request::Tagged, None, PATIENCE)? {
            Reply::Tagged(tagged) => Ok(tagged),
            other => Err(unexpected(other, 0)),
        }
    }

    /// What could not be kept track of.
    pub fn losses(&self) -> Result<Losses, MembershipError> {
        match self.ask(Request::Losses, None, PATIENCE)? {
            Reply::Losses(losses) => Ok(losses),
            other => Err(unexpected(other, 0)),
        }
    }

    /// How often a process began to serve.
    pub fn renewals(&self) -> u32 {
        self.lock().renewals
    }

    fn ask(
        &self,
        request: Request,
        listener: Option<BorrowedFd<'_>>,
        patience: Duration,
    ) -> Result<Reply, MembershipError> {
        let (answer, answered) = sync_channel(1);
        let mut state = self.lock();
        let busy = (state.waiting.len() >= WAITING_MAX).then(|| "too many ask at once".to_owned());
        let why = state.unavailable.clone().or(busy);
        let (Some(socket), None) = (&self.socket, &why) else {
            return Err(MembershipError::Unavailable { why: why.unwrap_or_default() });
        };
        state.last_number += 1;
        let number = state.last_number;
        // Under the lock, so that the process is the one that is known to serve.
        let sent =
            send(socket, &Asked::Request { number, request }, listener.as_slice(), SendFlags::DONTWAIT);
        sent.map_err(|error| MembershipError::Unavailable { why: error.to_string() })?;
        state.waiting.insert(number, Waiting { so_far: None, answer });
        drop(state);
        answered.recv_timeout(patience).map_err(|error| {
            let mut state = self.lock();
            state.waiting.remove(&number);
            let why = state.unavailable.clone();
            match (error, why) {
                (RecvTimeoutError::Timeout, None) => MembershipError::TimedOut,
                (_, why) => MembershipError::Unavailable { why: why.unwrap_or_else(replaced) },
            }
        })
    }

    /// Part of an answer has come.
    fn answered(&self, number: u64, reply: Reply, more: bool) {
        let mut state = self.lock();
        // Whoever asked may have gone.
        let Some(waiting) = state.waiting.get_mut(&number) else { return };
        let joined = match waiting.so_far.take() {
            None => reply,
            Some(before) => join(before, reply),
        };
        if more {
            waiting.so_far = Some(joined);
        } else if let Some(Waiting { answer, .. }) = state.waiting.remove(&number) {
            let _ = answer.try_send(joined);
        }
    }

    fn set_unavailable(&self, why: Option<String>) {
        let mut state = self.lock();
        state.lost = why.is_some();
        state.unavailable = why;
        // They hear that there is no answer.
        state.waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(why: &str) -> State {
        State {
            unavailable: Some(why.to_owned()),
            last_number: 0,
            waiting: HashMap::new(),
            observers: Vec::new(),
            renewals: 0,
            lost: false,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            // The threads and the process see that nobody asks any more.
            let _ = shutdown(socket, Shutdown::Both);
        }
    }
}

fn tell(membership: &Weak<Membership>, happenings: &Receiver<Happened>) {
    while let Ok(happened) = happenings.recv() {
        let Some(observers) = membership.upgrade().map(|membership| membership.lock().observers.clone())
        else {
            return;
        };
        for observer in observers {
            match &happened {
                Happened::Renewed => observer.renewed(),
                Happened::Lost(why) => observer.lost(why),
                Happened::Emptied(namespace) => observer.emptied(*namespace),
            }
        }
    }
}

fn replaced() -> String {
    "the process that looks at tasks has ended and is started again".to_owned()
}

fn done(reply: Reply) -> Result<(), MembershipError> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(other, 0)),
    }
}

fn unexpected(reply: Reply, pid: u32) -> MembershipError {
    match reply {
        Reply::NoSuchTask => MembershipError::NoSuchTask(pid),
        Reply::Refused(why) => MembershipError::Refused(why),
        _ => MembershipError::Unexpected,
    }
}

/// Two parts of an answer.
fn join(before: Reply, next: Reply) -> Reply {
    match (before, next) {
        (Reply::Counts(list), Reply::Counts(rest)) => Reply::Counts([list, rest].concat()),
        (Reply::Members(list), Reply::Members(rest)) => Reply::Members([list, rest].concat()),
        (Reply::Tagged(list), Reply::Tagged(rest)) => Reply::Tagged([list, rest].concat()),
        (_, next) => next,
    }
}

/// Hears what the process says.
struct Reader {
    membership: Weak<Membership>,
    shelf: Shelf,
    kept: Option<Kept>,
    connections: u32,
    steering: Arc<OnceLock<Steering>>,
    happened: Sender<Happened>,
}

impl Reader {
    fn run(mut self, socket: &OwnedFd) {
        while let Ok(Some((said, descriptors))) = receive(socket) {
            let Some(membership) = self.membership.upgrade() else { return };
            self.hear(&membership, socket, said, descriptors);
        }
        if let Some(membership) = self.membership.upgrade().filter(|membership| membership.is_exact()) {
            self.lose(&membership, "the process that looks at tasks has ended");
        }
    }

    fn hear(&mut self, membership: &Membership, socket: &OwnedFd, said: Said, descriptors: Vec<OwnedFd>) {
        let mut descriptors = descriptors.into_iter();
        match said {
            Said::Hello => {
                if membership.is_exact() {
                    self.lose(membership, &replaced());
                }
                // What notes senders goes on with what it has.
                let connections = self.steering.get().is_none().then_some(self.connections);
                let kept = self.kept.as_ref().map(Kept::descriptors);
                let kept = kept.as_ref().map_or(&[][..], |kept| &kept[..]);
                let _ = send(socket, &Asked::Kept { connections }, kept, SendFlags::empty());
            }
            Said::Serves { slots } => {
                if let Some(kept) = Kept::take(&mut descriptors) {
                    self.shelf.keep(&kept);
                    self.kept = Some(kept);
                }
                self.steer(slots, &mut descriptors);
                // Whoever sees that it serves sees that it is another one, which knows of nothing.
                membership.lock().renewals += 1;
                membership.set_unavailable(None);
                let _ = self.happened.send(Happened::Renewed);
            }
            Said::CannotServe { why, slots } => {
                // Its notes would tell nothing of the tags that there are.
                if self.kept.is_none() {
                    self.steer(slots, &mut descriptors);
                }
                self.lose(membership, &why);
            }
            Said::Reply { number, reply, more } => membership.answered(number, reply, more),
            Said::Emptied { namespace } => {
                let _ = self.happened.send(Happened::Emptied(namespace));
            }
        }
    }

    fn lose(&self, membership: &Membership, why: &str) {
        membership.set_unavailable(Some(why.to_owned()));
        let _ = self.happened.send(Happened::Lost(why.to_owned()));
    }

    fn steer(&self, slots: Option<u32>, descriptors: &mut impl Iterator<Item = OwnedFd>) {
        let (Some(slots), Some(program), Some(map)) = (slots, descriptors.next(), descriptors.next()) else {
            return;
        };
        if let Ok(steering) = Steering::from_parts(Parts { program, map, slots }) {
            let _ = self.steering.set(steering);
        }
    }
}

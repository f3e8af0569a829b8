//! The proxy of LXC's monitors (`lxc.seccomp.notify.proxy`): each connects, and hands on the calls of its container.
//!
//! A monitor does nothing else while it waits for an answer, not even end its container, and fails the call with `ENOSYS`
//! after half a minute. So each message is answered in time, whatever becomes of the call.
//!
//! Only root's monitors are believed: which process has made a call, and with which arguments, is what the monitor says. A
//! user could name a process of somebody else, and have that one's memory written to.

mod connection;
mod pending;

use super::refusing::refusal;
use super::{Agents, loginuid_of};
use crate::host::asking::checked;
use crate::host::creation;
use crate::host::directory::Entry;
use crate::host::naming::LXC_ROOT;
use crate::host::orders::Order;
use auditns_control::Refusal;
use auditns_control::interface::{Container, CreateRequest};
use auditns_control::server::Peer;
use auditns_runtimes::lxc::{Descriptor, Frame, FrameError, container_name};
use auditns_sys::identity::{NamespaceFile, NamespaceKind, Process, details};
use auditns_sys::{Listener, Notification};
use connection::{Connection, Message};
use pending::Pending;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a monitor is kept waiting. It waits for 30 seconds.
const PATIENCE: Duration = Duration::from_secs(25);
/// As much of a monitor's command line is read, in bytes.
const COMMAND_LINE_MAX: u64 = 8 << 10;

/// Why a call is not served, or a connection is ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LxcError {
    #[error("the message of an LXC monitor cannot be received ({0}); the monitor connects again")]
    Receive(#[source] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("an LXC monitor has sent a message without a call; check what connects to its socket")]
    NoCall,
    #[error(
        "an LXC monitor has sent no listener with a call; LXC does so from version 5.0 on, and calls of older ones are not served"
    )]
    NoListener,
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    #[error("an LXC container is not served: {0}")]
    Refused(#[from] Refusal),
    #[error("a call of an LXC container is not served: the container has ended ({0})")]
    Gone(#[source] io::Error),
    #[error("a call of an LXC container is not served ({0})")]
    NotServed(#[source] io::Error),
    #[error("a call of an LXC container was not answered within {PATIENCE:?} and goes on without audit")]
    Late,
}

/// Why what a monitor says is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    #[error(
        "an LXC monitor of user {0} is not served, only root's are; its container is told that there is no audit (start it by \
         auditns run instead)"
    )]
    User(u32),
    #[error(
        "the LXC monitor {0} is not served, because process ids in its pid namespace are not those here; its container is told \
         that there is no audit (start it in the pid namespace of the supervisor)"
    )]
    Elsewhere(u32),
}

fn trust(peer: Peer) -> Result<(), Distrust> {
    if peer.uid != 0 {
        return Err(Distrust::User(peer.uid));
    }
    let own = NamespaceFile::own(NamespaceKind::Pid).map(|own| own.id());
    let is_here = NamespaceFile::of_pid(peer.pid, NamespaceKind::Pid)
        .is_ok_and(|theirs| own.is_ok_and(|own| theirs.id() == own));
    if is_here { Ok(()) } else { Err(Distrust::Elsewhere(peer.pid)) }
}

/// Answers what a monitor hands on, until it ends the connection.
pub(super) fn converse(agents: &Agents, socket: OwnedFd, peer: Peer) {
    let connection = Arc::new(Connection::new(socket));
    let trust = trust(peer);
    let mut said = String::new();
    loop {
        // Descriptors of whoever is not believed are not touched: to close one may take any time.
        match connection.next(trust.is_ok()) {
            Ok(Some(message)) => match converse_once(agents, &connection, peer, trust, message) {
                Ok(()) => {}
                Err(Problem::OfCall(error)) => say(agents, &mut said, &error),
                Err(Problem::OfConnection(error)) => return say(agents, &mut said, &error),
            },
            Ok(None) => return,
            Err(error) => return say(agents, &mut said, &LxcError::Receive(error)),
        }
    }
}

/// What ails one call of a container ails the next one, so it is said once.
fn say(agents: &Agents, said: &mut String, error: &LxcError) {
    let text = error.to_string();
    if *said != text {
        agents.say(error);
        *said = text;
    }
}

enum Problem {
    /// The monitor was answered.
    OfCall(LxcError),
    /// There is nothing to answer.
    OfConnection(LxcError),
}

fn converse_once(
    agents: &Agents,
    connection: &Arc<Connection>,
    peer: Peer,
    trust: Result<(), Distrust>,
    message: Message,
) -> Result<(), Problem> {
    let frame = Frame::parse(&message.bytes).map_err(|error| Problem::OfConnection(error.into()))?;
    let Some(call) = Notification::from_noted(frame.call()) else {
        return Err(Problem::OfConnection(LxcError::NoCall));
    };
    let pending = Pending::new(Arc::clone(connection), frame, call);
    let until = Instant::now() + PATIENCE;
    let served = trust
        .map_err(LxcError::from)
        .and_then(|()| serve(agents, peer, &pending, message.descriptors, until));
    if served.is_ok() && !pending.wait(until.saturating_duration_since(Instant::now())) {
        pending.refuse();
        return Err(Problem::OfCall(LxcError::Late));
    }
    // Whoever was to answer has dropped it, or has never got it.
    pending.refuse();
    served.map_err(Problem::OfCall)
}

fn serve(
    agents: &Agents,
    peer: Peer,
    pending: &Arc<Pending>,
    descriptors: Vec<OwnedFd>,
    until: Instant,
) -> Result<(), LxcError> {
    let fd = descriptors.into_iter().nth(Descriptor::Listener as usize).ok_or(LxcError::NoListener)?;
    let fd = OwnedFd::from(checked(fd)?);
    let entry = namespace(agents, peer, pending.frame())?;
    let listener = Listener::proxied(fd, Box::new(pending.answerer()));
    let order = Order::AnswerProxied { call: pending.call(), listener };
    // The monitor is answered in time, by whoever comes first.
    match entry.orders.give_at_most(until.saturating_duration_since(Instant::now()), order) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(LxcError::Late),
        Err(error) => Err(LxcError::NotServed(error)),
    }
}

/// The namespace of the container; its first call makes it. It lives as long as the container's first process: what is
/// attached has a filter of its own, and any filter may be the first from which a call comes.
fn namespace(agents: &Agents, peer: Peer, frame: &Frame) -> Result<Entry, LxcError> {
    let process = Process::open(frame.init_pid()).map_err(LxcError::Gone)?;
    let first = (process.pid(), process.start_time());
    let directory = &agents.shared.directory;
    let find = || directory.find(|entry| entry.first == first && entry.uid == peer.uid);
    if let Some(entry) = find() {
        return Ok(entry);
    }
    let pid = first.0;
    let name = container_name(frame.cookie(), &command_line(peer.pid)).unwrap_or(format!("lxc-{pid}"));
    // Two containers can have one name, in different folders.
    let names = [name.clone(), format!("{name}-{pid}")];
    let mut refused = Refusal::Unavailable { why: "it has ended already".to_owned() };
    for called in names {
        let container = Container { id: name.clone(), root: format!("{LXC_ROOT}{pid}.{}", first.1) };
        let request = request(called, container, pid);
        let pidfd = process.as_fd().try_clone_to_owned().map_err(LxcError::NotServed)?;
        let container = Listener::of_container(pidfd);
        match creation::create_or_return(&agents.shared, peer, &request, container) {
            Ok(_) => break,
            Err((refusal, _)) => refused = refusal,
        }
        // A monitor that has connected again can have asked for the same.
        if find().is_some() || !matches!(refused, Refusal::NameTaken { .. }) {
            break;
        }
    }
    find().ok_or(LxcError::Refused(refused))
}

fn request(name: String, container: Container, pid: u32) -> CreateRequest {
    CreateRequest {
        name: Some(name),
        container: Some(container),
        runtime: "lxc".to_owned(),
        pid,
        no_new_privileges: details::no_new_privileges(pid).unwrap_or(false),
        loginuid: loginuid_of(pid).to_owned(),
        ..CreateRequest::default()
    }
}

/// What a monitor calls itself; nothing if it is gone.
fn command_line(pid: u32) -> Vec<u8> {
    let mut line = Vec::new();
    let _ = File::open(format!("/proc/{pid}/cmdline"))
        .and_then(|file| file.take(COMMAND_LINE_MAX).read_to_end(&mut line));
    line
}

#[cfg(test)]
mod tests;

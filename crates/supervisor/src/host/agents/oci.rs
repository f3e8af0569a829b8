//! The seccomp agent of OCI runtimes (`linux.seccomp.listenerPath`): one container process state with a listener for each
//! connection (runtime-spec, config-linux.md).
//!
//! Runtimes wait for no answer, so whatever is wrong is said here, and what is below the filter is told that there is no
//! audit.

use super::stream::Stream;
use super::{Agents, loginuid_of};
use crate::host::asking::checked;
use crate::host::naming::{container_of, container_that_stays};
use crate::host::orders::Joining;
use crate::host::{creation, joining};
use crate::identity::is_of_user;
use auditns_control::Refusal;
use auditns_control::interface::{Container, CreateRequest};
use auditns_control::server::Peer;
use auditns_runtimes::state::{ContainerProcessState, Incoming, Progress, StateError};
use auditns_sys::Listener;
use auditns_sys::identity::details;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long a runtime may take to say what it has to say.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a listener was not taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("the runtime's message cannot be received ({0}); check whether it was killed")]
    Receive(#[source] std::io::Error),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the message has no seccomp listener; check what connects to the agent's socket")]
    NoListener,
    #[error("the container {0:?} is not served; its processes are told that there is no audit")]
    NotServed(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Takes one message. What cannot be served is refused, and said.
pub(super) fn converse(agents: &Agents, socket: OwnedFd, peer: Peer) {
    let mut stream = Stream::new(socket, Instant::now() + PATIENCE);
    let result = receive(&mut stream);
    let descriptors = stream.into_descriptors();
    let (state, listener) = match result.and_then(|state| with_listener(state, descriptors)) {
        Ok(received) => received,
        // Who only looks whether anybody listens says nothing.
        Err(AgentError::State(StateError::CutShort { received: 0 })) => return,
        Err(error) => return agents.say(&error),
    };
    if let Err((error, listener)) = serve(agents, peer, &state, listener) {
        // Whoever reads what is said may count on it that the listener is kept, even if this supervisor is killed then.
        if let Some(listener) = listener {
            agents.refuse(listener, peer);
        }
        agents.say(&error);
    }
}

fn receive(stream: &mut Stream) -> Result<ContainerProcessState, AgentError> {
    let mut incoming = Incoming::default();
    loop {
        let bytes = stream.read().map_err(AgentError::Receive)?;
        if bytes.is_empty() {
            return Err(incoming.end().into());
        }
        if let Progress::Complete(state) = incoming.push(bytes)? {
            return Ok(*state);
        }
    }
}

fn with_listener(
    state: ContainerProcessState,
    descriptors: Vec<OwnedFd>,
) -> Result<(ContainerProcessState, Listener), AgentError> {
    let index = state.seccomp_fd_index()?;
    let fd = descriptors.into_iter().nth(index).ok_or(AgentError::NoListener)?;
    let listener = checked(fd)?;
    Ok((state, listener))
}

fn serve(
    agents: &Agents,
    peer: Peer,
    state: &ContainerProcessState,
    listener: Listener,
) -> Result<(), (AgentError, Option<Listener>)> {
    let container = Container { id: state.state.id.clone(), root: String::new() };
    let is_creating = state.state.status == "creating";
    // A container that is started again has the name of the one before.
    let find = if is_creating { container_that_stays } else { container_of };
    let known = find(&agents.shared, peer, &container);
    let joining = Joining { by: joining::ids_of(peer), pid: peer.pid };
    match known {
        Some(entry) => joining::join_container(&entry, joining, listener, false)
            .map_err(|(refusal, listener)| (refusal.into(), listener)),
        None if !is_creating => Err((AgentError::NotServed(container.id), Some(listener))),
        None => {
            let request = request(peer, state, container);
            creation::create_or_return(&agents.shared, peer, &request, listener)
                .map(|_| ())
                .map_err(|(refusal, listener)| (refusal.into(), listener))
        }
    }
}

fn request(peer: Peer, state: &ContainerProcessState, container: Container) -> CreateRequest {
    // Runtimes differ in which process they name, and in whether they name one.
    let named = u32::try_from(state.pid).ok().filter(|pid| *pid != 0);
    let is_peers = |pid: &u32| peer.uid == 0 || is_of_user(*pid, peer.uid).unwrap_or(false);
    let pid = named.filter(is_peers).unwrap_or(peer.pid);
    CreateRequest {
        container: Some(container),
        runtime: runtime_of(peer.pid).to_owned(),
        pid,
        no_new_privileges: details::no_new_privileges(pid).unwrap_or(false),
        loginuid: loginuid_of(pid).to_owned(),
        annotations: state.state.annotations.clone(),
        ..CreateRequest::default()
    }
}

/// What a runtime is called. It renames itself and its copies, so the name is searched for.
fn runtime_of(pid: u32) -> &'static str {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    ["crun", "runc", "youki"].into_iter().find(|known| name.contains(known)).unwrap_or("oci")
}

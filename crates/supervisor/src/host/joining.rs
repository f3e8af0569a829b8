//! Letting others into a namespace that exists, and who may speak of which process.

use super::asking::{marks, unavailable};
use super::directory::Entry;
use super::orders::{Joining, Order};
use crate::identity::{Place, is_of_user};
use auditns_control::Refusal;
use auditns_control::server::Peer;
use auditns_sys::Listener;
use auditns_sys::identity::Process;
use auditns_wire::record::Ids;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long a namespace may take to let somebody in, or to hear who is its first member: less than whoever asks waits. Who is not let
/// in finds no audit for good.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// Why a listener is not served, and the listener, so that somebody else can answer for it.
pub(super) type Unserved = (Refusal, Option<Listener>);

/// None where descriptors are short.
pub(super) fn copy(listener: &Listener) -> Option<Listener> {
    listener.as_fd().try_clone_to_owned().ok().map(Listener::from)
}

/// Who asks, as records tell.
pub(super) fn ids_of(peer: Peer) -> Ids {
    let (auid, ses) = peer.login;
    Ids { pid: peer.pid, uid: peer.uid, auid, ses }
}

/// A process that the peer may speak of, and when it started. Nobody can name another user's.
pub(super) fn process_of(peer: Peer, pid: u32, operation: &str) -> Result<(u32, u64), Refusal> {
    let refused = |why: &str| Refusal::NotPermitted { operation: operation.to_owned(), why: why.to_owned() };
    let unseen = |error: io::Error| match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::SRCH | Errno::NOENT | Errno::INVAL) => refused("the process is gone"),
        Some(Errno::MFILE) => open_files(),
        _ => Refusal::Unavailable { why: format!("process {pid} cannot be looked at: {error}") },
    };
    let process = Process::open(pid).map_err(unseen)?;
    if peer.uid != 0 && !is_of_user(pid, peer.uid).map_err(unseen)? {
        return Err(refused("the process is another user's"));
    }
    Ok((pid, process.start_time()))
}

/// There are no more descriptors, of which each namespace takes several.
fn open_files() -> Refusal {
    let value = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Refusal::LimitReached { limit: "open files (LimitNOFILE= of its unit)".to_owned(), value }
}

/// Adds what is below a filter to a container's namespace, as far as it is where the container is.
///
/// # Errors
/// With the listener, which is not needed then.
pub(super) fn join_container(
    entry: &Entry,
    joining: Joining,
    listener: Listener,
    wait_killable: bool,
) -> Result<(), Unserved> {
    let until = Instant::now() + PATIENCE;
    let described = entry.orders.give_within(PATIENCE, Order::Describe).map_err(|error| unavailable(&error));
    let joined = described.and_then(|description| {
        let first = marks(&description).first;
        // Until something in it has asked for audit, what the runtime has introduced is the container.
        let introduced = || if first == 0 { None } else { Place::of(first).ok() };
        description.place.or_else(introduced).ok_or_else(|| Refusal::Unavailable {
            why: format!("it is not known where the container of the namespace {:?} is", entry.name),
        })
    });
    let place = match joined {
        Ok(place) => place,
        Err(refusal) => return Err((refusal, Some(listener))),
    };
    let spare = copy(&listener);
    let order = Order::Join { listener, wait_killable, place: Some(place), joining };
    match entry.orders.give_within(until.saturating_duration_since(Instant::now()), order) {
        Ok(_) => Ok(()),
        Err(error) => Err((unavailable(&error), spare)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_looked_at_is_not_called_gone() {
        let peer = Peer { pid: 1, uid: 0, gid: 0, login: (u32::MAX, u32::MAX) };
        let gone = process_of(peer, 4_000_000, "Create").unwrap_err();
        assert_eq!(gone.to_string(), "Create is not permitted: the process is gone");
        assert!(process_of(peer, std::process::id(), "Create").is_ok());
        assert!(open_files().to_string().contains("LimitNOFILE"));
    }
}

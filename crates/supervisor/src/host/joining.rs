//! Letting others into a namespace that exists, and who may speak of which process.

use super::asking::{described, marks, unavailable};
use super::directory::Entry;
use super::resident::{Joining, Order};
use crate::identity::{Place, is_of_user};
use auditns_control::Refusal;
use auditns_control::server::Peer;
use auditns_sys::Listener;
use auditns_sys::identity::Process;
use auditns_wire::record::Ids;
use std::os::fd::AsFd;

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
    let process = Process::open(pid).map_err(|_| refused("the process is gone"))?;
    if peer.uid != 0 && !is_of_user(pid, peer.uid).map_err(|_| refused("the process is gone"))? {
        return Err(refused("the process is another user's"));
    }
    Ok((pid, process.start_time()))
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
    let joined = described(entry).and_then(|description| {
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
    match entry.orders.give(order) {
        Ok(_) => Ok(()),
        Err(error) => Err((unavailable(&error), spare)),
    }
}

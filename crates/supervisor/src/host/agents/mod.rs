//! Sockets to which container managers send the listeners of their filters.

mod acceptor;
mod lxc;
mod oci;
mod refusing;
mod stream;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use refusing::Refusing;

use super::Shared;
use crate::keeping::Keep;
use crate::observer::Event;
use acceptor::{Acceptor, Converse, Places};
use auditns_control::server::Peer;
use auditns_sys::Listener;
use auditns_sys::identity::LoginuidFile;
use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Connections to the agent of OCI runtimes: each lasts as long as one message.
const OCI_PLACES: Places = Places { all: 64, for_root: 16, for_user: 16 };
/// Connections of LXC's monitors: each lasts as long as its container.
const LXC_PLACES: Places = Places { all: 256, for_root: 32, for_user: 32 };
/// How connections of monitors are called in the store, before their number.
const LXC_KEPT_AS: &str = "x";

/// What serves them.
#[derive(Debug)]
pub(crate) struct Agents {
    shared: Arc<Shared>,
    /// The number of the next connection that is kept.
    next_kept: AtomicU64,
}

impl Agents {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Agents> {
        Arc::new(Agents { shared, next_kept: AtomicU64::new(0) })
    }

    /// Accepts what OCI runtimes send, as long as the value lives.
    ///
    /// # Errors
    /// As [`Acceptor::start`].
    pub(crate) fn serve_oci(agents: &Arc<Agents>, listener: OwnedFd) -> io::Result<Agent> {
        let agents = Arc::clone(agents);
        let converse = Arc::new(move |socket, peer| oci::converse(&agents, socket, peer));
        Acceptor::start(listener, "oci-agent", OCI_PLACES, converse).map(Agent)
    }

    /// Accepts what LXC's monitors send, as long as the value lives, and goes on with the connections among what was kept.
    ///
    /// # Errors
    /// As [`Acceptor::start`].
    pub(crate) fn serve_lxc(
        agents: &Arc<Agents>,
        listener: OwnedFd,
        kept: Vec<(String, OwnedFd)>,
    ) -> io::Result<Agent> {
        let connections = kept.into_iter().filter_map(|(name, fd)| Some((number(&name)?, name, fd)));
        let connections: Vec<_> = connections.collect();
        let used = connections.iter().map(|(number, ..)| number.saturating_add(1)).max();
        agents.next_kept.store(used.unwrap_or(0), Ordering::Relaxed);
        let serving = Arc::clone(agents);
        let converse = Arc::new(move |socket: OwnedFd, peer| {
            // Without it, a call that is in hand when this process is killed is lost.
            let kept = serving.keep(&socket);
            lxc::converse(&serving, socket, peer);
            drop(kept);
        });
        let acceptor = Acceptor::start(listener, "lxc-agent", LXC_PLACES, converse)?;
        for (_, name, socket) in connections {
            let (serving, kept) =
                (Arc::clone(agents), KeptConnection { keep: Arc::clone(&agents.shared.keep), name });
            // With the last share of it, however the conversation ends, the connection is forgotten.
            let converse: Arc<Converse> = Arc::new(move |socket, peer| {
                let _kept = &kept;
                lxc::converse(&serving, socket, peer);
            });
            acceptor.take_up(socket, &converse);
        }
        Ok(Agent(acceptor))
    }

    fn keep(&self, socket: &OwnedFd) -> KeptConnection {
        let number = self.next_kept.fetch_add(1, Ordering::Relaxed);
        let name = format!("{LXC_KEPT_AS}{number:x}");
        self.shared.keep.keep(&name, socket.as_fd());
        KeptConnection { keep: Arc::clone(&self.shared.keep), name }
    }

    fn refuse(&self, listener: Listener, peer: Peer) {
        if !self.shared.refusing.take(listener, peer.uid) {
            self.say(&io::Error::other(
                "so many listeners are refused already that one more is dropped: calls that it stops fail with ENOSYS",
            ));
        }
    }

    fn say(&self, error: &dyn Error) {
        (self.shared.observer)("supervisor").observe(&Event::NotAccepted { reason: &error.to_string() });
    }
}

/// Whether something was kept by [`Agents::serve_lxc`].
pub(crate) fn is_connection(name: &str) -> bool {
    number(name).is_some()
}

/// What became of the login uid of a container's first process, which its manager has started.
fn loginuid_of(pid: u32) -> &'static str {
    let login = LoginuidFile::open(pid).and_then(|file| file.read());
    if login.is_ok_and(|login| login.uid != u32::MAX) { "host" } else { "unset" }
}

/// The number of a kept connection.
fn number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix(LXC_KEPT_AS)?, 16).ok()
}

/// A connection that is kept, until the value is dropped.
#[derive(Debug)]
struct KeptConnection {
    keep: Arc<Keep>,
    name: String,
}

impl Drop for KeptConnection {
    fn drop(&mut self) {
        self.keep.forget(&self.name);
    }
}

/// A socket that is served.
#[derive(Debug)]
pub(crate) struct Agent(#[expect(dead_code, reason = "it serves until it is dropped")] Acceptor);

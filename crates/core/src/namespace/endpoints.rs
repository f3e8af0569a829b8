//! The audit sockets of a namespace: port ids and group membership.

use super::Namespace;
use crate::action::EndpointId;
use crate::sender::{Sender, TaskDetails};
use crate::time::Now;
use std::collections::BTreeMap;

/// What the namespace knows of one socket.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Netlink port id: the opener's thread-group id for its first socket, another number for further ones.
    pub(super) port: u32,
    /// Whoever joined READLOG through this socket.
    pub(super) listener: Option<Box<(Sender, TaskDetails)>>,
}

/// All open sockets.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    open: BTreeMap<EndpointId, Endpoint>,
    autobinds: u32,
}

/// The kernel picks further port ids of a process from the upper half of the numbers (`netlink_autobind`).
const FIRST_FURTHER_PORT: u32 = u32::MAX - 4096;

/// Most READLOG listeners. The kernel has no such bound; here a datagram full of messages is copied for each of them
/// before any copy leaves.
pub(super) const LISTENERS: usize = 32;

impl Endpoints {
    pub(super) fn open(&mut self, endpoint: EndpointId, pid: u32) {
        let port = if pid != 0 && !self.open.values().any(|other| other.port == pid) {
            pid
        } else {
            self.autobinds = (self.autobinds + 1) % (FIRST_FURTHER_PORT >> 1);
            FIRST_FURTHER_PORT - self.autobinds
        };
        self.open.insert(endpoint, Endpoint { port, listener: None });
    }

    pub(super) fn close(&mut self, endpoint: EndpointId) -> Option<Endpoint> {
        self.open.remove(&endpoint)
    }

    pub(super) fn get_mut(&mut self, endpoint: EndpointId) -> Option<&mut Endpoint> {
        self.open.get_mut(&endpoint)
    }

    /// 0 for a socket that is not open.
    pub(super) fn port(&self, endpoint: EndpointId) -> u32 {
        self.open.get(&endpoint).map_or(0, |known| known.port)
    }

    /// Whether an endpoint listens already or there is room for one more that does.
    pub(super) fn may_listen(&self, endpoint: EndpointId) -> bool {
        let mut listeners = self.listeners();
        listeners.clone().any(|listener| listener == endpoint) || listeners.nth(LISTENERS - 1).is_none()
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = EndpointId> + Clone {
        self.open.iter().filter(|(_, known)| known.listener.is_some()).map(|(endpoint, _)| *endpoint)
    }
}

impl Namespace {
    /// The registration survives the closing of its socket until something tries to reach it, as in the kernel:
    /// `AUDIT_GET` shows the old pid until then.
    pub(super) fn close_endpoint(&mut self, endpoint: EndpointId, now: Now) {
        if let Some(registration) = &mut self.registration
            && registration.endpoint == endpoint
        {
            registration.closed = true;
        }
        self.waiters.forget(endpoint);
        let Some(closed) = self.endpoints.close(endpoint) else { return };
        if let Some(listener) = closed.listener {
            let (sender, details) = *listener;
            self.log_listener(&sender, &details, super::multicast::READLOG, false, true, now);
        }
        self.delivery_endpoint_closed(endpoint, now);
    }
}

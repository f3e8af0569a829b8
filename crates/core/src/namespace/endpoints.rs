//! The audit sockets of a namespace: port ids, groups and options.

use super::Namespace;
use crate::action::EndpointId;
use crate::sender::{Sender, TaskDetails};
use crate::socket::{Caller, option};
use crate::time::Now;
use auditns_wire::address::Address;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Endpoint {
    /// `SOCK_RAW` or `SOCK_DGRAM`, which differ in what `SO_TYPE` says.
    pub(super) kind: i32,
    /// The opener's thread-group id in its own pid namespace.
    opener: u32,
    /// `None` until it is bound.
    pub(super) port: Option<u32>,
    /// Multicast groups 1 to 32, one bit each from the lowest.
    pub(super) groups: u32,
    /// Whether groups were ever asked for: before, the kernel has no room for them and says so in a length.
    pub(super) knows_groups: bool,
    /// Whom `connect(2)` named.
    pub(super) destination: Address,
    pub(super) options: Options,
    /// The namespace of whoever joined a group through this socket last: it gets that one's records.
    joined_in: u64,
    /// Whoever joined a group through this socket last.
    pub(super) joiner: Option<Box<(Sender, TaskDetails)>>,
}

/// Options of level `SOL_NETLINK` that are on or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Options(u16);

impl Options {
    /// Whether there is such an option.
    pub(super) fn knows(number: i32) -> bool {
        matches!(
            number,
            option::PKTINFO
                | option::BROADCAST_ERROR
                | option::NO_ENOBUFS
                | option::LISTEN_ALL_NSID
                | option::CAP_ACK
                | option::EXT_ACK
                | option::GET_STRICT_CHK
        )
    }

    pub(super) fn has(self, number: i32) -> bool {
        Options::knows(number) && self.0 >> number & 1 == 1
    }

    pub(super) fn set(&mut self, number: i32, on: bool) {
        if Options::knows(number) {
            self.0 = self.0 & !(1 << number) | u16::from(on) << number;
        }
    }
}

/// All open sockets. The namespaces of a family share them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Endpoints {
    open: BTreeMap<EndpointId, Endpoint>,
    /// Those in the group READLOG, which every record looks at.
    readers: BTreeSet<EndpointId>,
    ports: BTreeSet<u32>,
    autobinds: u32,
}

/// The kernel picks further port ids of a process from the upper half of the numbers (`netlink_autobind`).
const FIRST_FURTHER_PORT: u32 = u32::MAX - 4096;

/// Most READLOG listeners. The kernel has no such bound; here a datagram full of messages is copied for each of them
/// before any copy leaves.
pub(super) const LISTENERS: usize = 32;

/// `AUDIT_NLGRP_READLOG`.
pub(super) const READLOG: u32 = 1;
const READLOG_BIT: u32 = 1 << (READLOG - 1);

impl Endpoints {
    pub(super) fn open(&mut self, endpoint: EndpointId, kind: i32, opener: u32) {
        let new = Endpoint {
            kind,
            opener,
            port: None,
            groups: 0,
            knows_groups: false,
            destination: Address::default(),
            options: Options::default(),
            joined_in: 0,
            joiner: None,
        };
        self.open.insert(endpoint, new);
    }

    pub(super) fn close(&mut self, endpoint: EndpointId) -> Option<Endpoint> {
        let closed = self.open.remove(&endpoint)?;
        self.readers.remove(&endpoint);
        if let Some(port) = closed.port {
            self.ports.remove(&port);
        }
        Some(closed)
    }

    pub(super) fn get(&self, endpoint: EndpointId) -> Option<&Endpoint> {
        self.open.get(&endpoint)
    }

    pub(super) fn get_mut(&mut self, endpoint: EndpointId) -> Option<&mut Endpoint> {
        self.open.get_mut(&endpoint)
    }

    /// 0 for a socket that is not bound.
    pub(super) fn port(&self, endpoint: EndpointId) -> u32 {
        self.open.get(&endpoint).and_then(|known| known.port).unwrap_or(0)
    }

    pub(super) fn has_option(&self, endpoint: EndpointId, number: i32) -> bool {
        self.open.get(&endpoint).is_some_and(|known| known.options.has(number))
    }

    /// Binds a socket to a port id of the caller's choice. Returns whether it was free.
    pub(super) fn bind_to(&mut self, endpoint: EndpointId, port: u32) -> bool {
        let Some(known) = self.open.get_mut(&endpoint) else { return true };
        let free = self.ports.insert(port);
        if free {
            known.port = Some(port);
        }
        free
    }

    /// Binds a socket that is not bound: to the thread-group id of whoever uses it (`pid`, 0 if that is unknown), or to
    /// another number if that is taken (kernel: `netlink_autobind`).
    pub(super) fn autobind(&mut self, endpoint: EndpointId, pid: u32) {
        let Some(known) = self.open.get(&endpoint).filter(|known| known.port.is_none()) else { return };
        let pid = if pid == 0 { known.opener } else { pid };
        let mut port = pid;
        while port == 0 || !self.bind_to(endpoint, port) {
            port = FIRST_FURTHER_PORT.wrapping_sub(self.autobinds);
            self.autobinds = self.autobinds.wrapping_add(1) % (FIRST_FURTHER_PORT >> 1);
        }
    }

    /// Makes an endpoint a member of these groups and no other, by joining some of them in that namespace.
    pub(super) fn join(&mut self, endpoint: EndpointId, namespace: u64, caller: &Caller, groups: u32) {
        if let Some(known) = self.open.get_mut(&endpoint) {
            if groups & !known.groups != 0 || (groups != 0 && known.joined_in != namespace) {
                known.joiner = Some(Box::new((caller.sender, caller.details.clone().unwrap_or_default())));
                known.joined_in = namespace;
            }
            self.set_groups(endpoint, groups);
        }
    }

    /// Leaves all groups but these.
    pub(super) fn leave(&mut self, endpoint: EndpointId, groups: u32) {
        self.set_groups(endpoint, groups);
    }

    fn set_groups(&mut self, endpoint: EndpointId, groups: u32) {
        let Some(known) = self.open.get_mut(&endpoint) else { return };
        known.groups = groups;
        if groups & READLOG_BIT == 0 {
            self.readers.remove(&endpoint);
        } else {
            self.readers.insert(endpoint);
        }
    }

    /// The namespace in which an endpoint is in a group.
    pub(crate) fn joined_in(&self, endpoint: EndpointId) -> Option<u64> {
        self.open.get(&endpoint).filter(|known| known.groups != 0).map(|known| known.joined_in)
    }

    /// Whether an endpoint listens to that namespace already or there is room for one more that does.
    pub(super) fn may_listen(&self, endpoint: EndpointId, namespace: u64) -> bool {
        let mut members = self.members(namespace).map(|(member, _)| member);
        members.clone().any(|member| member == endpoint) || members.nth(LISTENERS - 1).is_none()
    }

    /// The members of READLOG that get a namespace's records: one that is not bound gets none, because port id 0 is the one that the
    /// kernel leaves out (kernel: `do_one_broadcast`).
    pub(crate) fn listeners(&self, namespace: u64) -> impl Iterator<Item = EndpointId> {
        self.members(namespace).filter(|(_, known)| known.port.is_some()).map(|(endpoint, _)| endpoint)
    }

    fn members(&self, namespace: u64) -> impl Iterator<Item = (EndpointId, &Endpoint)> + Clone {
        let all = self.readers.iter().filter_map(|endpoint| Some((*endpoint, self.open.get(endpoint)?)));
        all.filter(move |(_, known)| known.joined_in == namespace)
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
        // Of a family the namespace in which it has joined a group hears of it first.
        if let Some(closed) = self.endpoints.close(endpoint)
            && closed.joined_in == self.config.contid
            && let Some(joiner) = closed.joiner
        {
            let (sender, details) = *joiner;
            for group in groups(closed.groups) {
                self.log_listener(&sender, &details, group, false, true, now);
            }
        }
        self.delivery_endpoint_closed(endpoint, now);
    }
}

/// The numbers of the groups in a set of bits.
pub(super) fn groups(bits: u32) -> impl Iterator<Item = u32> {
    (0..u32::BITS).filter(move |bit| bits >> bit & 1 == 1).map(|bit| bit + 1)
}

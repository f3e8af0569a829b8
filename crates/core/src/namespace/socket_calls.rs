//! Calls on audit sockets: names, groups and options, as netlink answers them.

use super::Namespace;
use super::endpoints::{Endpoint, Options};
use crate::action::{Action, EndpointId};
use crate::socket::{Caller, SOL_NETLINK, SOL_SOCKET, SocketAnswer, SocketQuery, SocketRequest, option};
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::address::{Address, FAMILY, family};

/// `NETLINK_AUDIT`, the value of `SO_PROTOCOL`.
const PROTOCOL: i32 = 9;
/// `AF_UNSPEC`: `connect(2)` with it ends a connection.
const UNSPECIFIED: u16 = 0;
/// Groups that a netlink socket has at least (kernel: `__netlink_kernel_create`).
const GROUPS: u32 = 32;

/// Options of level `SOL_SOCKET` whose value tells a socket's family or its peer. The same numbers on every
/// architecture auditns serves.
mod general {
    pub(super) const TYPE: i32 = 3;
    pub(super) const PEERCRED: i32 = 17;
    pub(super) const PEERNAME: i32 = 28;
    pub(super) const PEERSEC: i32 = 31;
    pub(super) const PROTOCOL: i32 = 38;
    pub(super) const DOMAIN: i32 = 39;
    pub(super) const PEEK_OFF: i32 = 42;
    pub(super) const PEERGROUPS: i32 = 59;
    pub(super) const PASSPIDFD: i32 = 76;
    pub(super) const PEERPIDFD: i32 = 77;
    pub(super) const PASSRIGHTS: i32 = 83;
}

impl Namespace {
    /// Whether messages on an endpoint come with `NETLINK_PKTINFO`.
    pub fn shows_packet_info(&self, endpoint: EndpointId) -> bool {
        self.endpoints.has_option(endpoint, option::PKTINFO)
    }

    /// Whether an endpoint is not to be told of records that it misses (`NETLINK_NO_ENOBUFS`).
    pub fn wants_no_overrun_error(&self, endpoint: EndpointId) -> bool {
        self.endpoints.has_option(endpoint, option::NO_ENOBUFS)
    }

    /// Whether an endpoint is in a group, so that it gets records besides answers.
    pub fn is_in_group(&self, endpoint: EndpointId) -> bool {
        self.endpoints.get(endpoint).is_some_and(|known| known.groups != 0)
    }

    /// Whether an endpoint was ever in a group, so that it may still hold records.
    pub fn was_in_group(&self, endpoint: EndpointId) -> bool {
        self.endpoints.get(endpoint).is_some_and(|known| known.joiner.is_some())
    }

    pub(super) fn request_on_socket(
        &mut self,
        endpoint: EndpointId,
        call: u64,
        caller: &Caller,
        request: &SocketRequest<'_>,
        now: Now,
    ) {
        let result = match *request {
            SocketRequest::Bind { address } => self.bind(endpoint, caller, address, now),
            SocketRequest::Connect { address } => self.connect(endpoint, caller, address),
            SocketRequest::SetOption { option, value } => {
                self.set_option(endpoint, caller, option, value, now)
            }
        };
        self.output.push_back(Action::SocketAnswer { call, result });
    }

    /// Kernel: `netlink_bind`.
    fn bind(&mut self, endpoint: EndpointId, caller: &Caller, address: &[u8], now: Now) -> Result<(), Errno> {
        let Address { port, groups } = Address::decode(address).ok_or(Errno::EINVAL)?;
        let known = self.endpoints.get_mut(endpoint).ok_or(Errno::EBADF)?;
        known.knows_groups |= groups != 0;
        let bound = known.port;
        if bound.is_some_and(|bound| bound != port) {
            return Err(Errno::EINVAL);
        }
        self.ask_to_join(endpoint, caller, groups, now)?;
        if bound.is_none() && port == 0 {
            self.endpoints.autobind(endpoint, caller.sender.own_pid);
        } else if bound.is_none() && !self.endpoints.bind_to(endpoint, port) {
            self.undo_join(caller, groups, now);
            return Err(Errno::EADDRINUSE);
        }
        self.endpoints.join(endpoint, self.config.contid, caller, groups);
        Ok(())
    }

    /// Kernel: `netlink_connect`.
    fn connect(&mut self, endpoint: EndpointId, caller: &Caller, address: &[u8]) -> Result<(), Errno> {
        let known = self.endpoints.get_mut(endpoint).ok_or(Errno::EBADF)?;
        match family(address) {
            Some(UNSPECIFIED) => {
                known.destination = Address::default();
                return Ok(());
            }
            Some(FAMILY) => {}
            _ => return Err(Errno::EINVAL),
        }
        let mut destination = Address::decode(address).ok_or(Errno::EINVAL)?;
        if destination != Address::default() && !caller.net_admin {
            return Err(Errno::EPERM);
        }
        // Of several groups the kernel remembers the first.
        destination.groups &= destination.groups.wrapping_neg();
        known.destination = destination;
        self.endpoints.autobind(endpoint, caller.sender.own_pid);
        Ok(())
    }

    /// Kernel: `netlink_setsockopt`.
    fn set_option(
        &mut self,
        endpoint: EndpointId,
        caller: &Caller,
        option: i32,
        value: &[u8],
        now: Now,
    ) -> Result<(), Errno> {
        let value = value.first_chunk().map_or(0, |value| u32::from_ne_bytes(*value));
        let known = self.endpoints.get_mut(endpoint).ok_or(Errno::EBADF)?;
        match option {
            option::ADD_MEMBERSHIP | option::DROP_MEMBERSHIP => {
                known.knows_groups = true;
                let before = known.groups;
                if value == 0 || value > GROUPS {
                    return Err(Errno::EINVAL);
                }
                let group = 1 << (value - 1);
                if option == option::ADD_MEMBERSHIP {
                    self.ask_to_join(endpoint, caller, group, now)?;
                    self.endpoints.join(endpoint, self.config.contid, caller, before | group);
                } else {
                    self.endpoints.leave(endpoint, before & !group);
                    // Leaving a group one is not in succeeds and is recorded too.
                    self.log_membership(caller, value, false, true, now);
                }
            }
            option::LISTEN_ALL_NSID if !caller.net_broadcast => return Err(Errno::EPERM),
            _ if Options::knows(option) => known.options.set(option, value != 0),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// What the family says to setting an option of level `SOL_SOCKET`; `None` if the socket below may answer. Kernel:
    /// `sk_setsockopt`.
    pub fn refuses_general_option(option: i32) -> Option<Errno> {
        matches!(option, general::PEEK_OFF | general::PASSPIDFD | general::PASSRIGHTS)
            .then_some(Errno::EOPNOTSUPP)
    }

    /// Answers a call that changes nothing. Kernel: `netlink_getname`, `netlink_getsockopt`, `sk_getsockopt`.
    pub fn query_socket(&self, endpoint: EndpointId, query: SocketQuery) -> SocketAnswer {
        let Some(known) = self.endpoints.get(endpoint) else { return SocketAnswer::Native };
        match query {
            SocketQuery::OwnName => {
                SocketAnswer::Name(Address { port: known.port.unwrap_or(0), groups: known.groups }.encode())
            }
            SocketQuery::PeerName => SocketAnswer::Name(known.destination.encode()),
            SocketQuery::Option { level, .. } if level != SOL_NETLINK && level != SOL_SOCKET => {
                SocketAnswer::Refused(Errno::ENOPROTOOPT)
            }
            SocketQuery::Option { room, .. } if room < 0 => SocketAnswer::Refused(Errno::EINVAL),
            SocketQuery::Option { level: SOL_NETLINK, option, room } => netlink_option(known, option, room),
            SocketQuery::Option { option, room, .. } => general_option(known, option, room),
        }
    }
}

fn netlink_option(known: &Endpoint, option: i32, room: i32) -> SocketAnswer {
    if option == option::LIST_MEMBERSHIPS {
        return if known.knows_groups {
            let bytes = if room < 4 { Vec::new() } else { known.groups.to_ne_bytes().to_vec() };
            SocketAnswer::Value { bytes, length: 4 }
        } else {
            SocketAnswer::Value { bytes: Vec::new(), length: 0 }
        };
    }
    if !Options::knows(option) {
        return SocketAnswer::Refused(Errno::ENOPROTOOPT);
    }
    if room < 4 {
        return SocketAnswer::Refused(Errno::EINVAL);
    }
    let value = u32::from(known.options.has(option)).to_ne_bytes();
    SocketAnswer::Value { bytes: value.to_vec(), length: 4 }
}

/// Most options of this level are no matter of the family. Those that are must not show the supervisor either.
fn general_option(known: &Endpoint, option: i32, room: i32) -> SocketAnswer {
    let bytes = match option {
        general::TYPE => known.kind.to_ne_bytes().to_vec(),
        general::DOMAIN => i32::from(FAMILY.cast_signed()).to_ne_bytes().to_vec(),
        general::PROTOCOL => PROTOCOL.to_ne_bytes().to_vec(),
        // Process 0 and no ids, as of every socket that has no peer.
        general::PEERCRED => [0_i32, -1, -1].into_iter().flat_map(i32::to_ne_bytes).collect(),
        general::PEEK_OFF | general::PASSPIDFD | general::PASSRIGHTS => {
            return SocketAnswer::Refused(Errno::EOPNOTSUPP);
        }
        general::PEERSEC => return SocketAnswer::Refused(Errno::ENOPROTOOPT),
        general::PEERGROUPS | general::PEERPIDFD => return SocketAnswer::Refused(Errno::ENODATA),
        general::PEERNAME => {
            let name = known.destination.encode();
            // The kernel refuses more room than there is name, and copies as much as there is room.
            return match usize::try_from(room) {
                Ok(room) if room <= name.len() => {
                    SocketAnswer::Value { bytes: name[..room].to_vec(), length: room.try_into().unwrap_or(0) }
                }
                _ => SocketAnswer::Refused(Errno::EINVAL),
            };
        }
        _ => return SocketAnswer::Native,
    };
    let length = bytes.len().min(usize::try_from(room).unwrap_or(0));
    SocketAnswer::Value { bytes: bytes[..length].to_vec(), length: length.try_into().unwrap_or(0) }
}

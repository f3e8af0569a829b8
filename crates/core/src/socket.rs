//! Calls on an audit socket that the kernel answers by the socket's family: names, groups and options.

use crate::sender::{Sender, TaskDetails};
use auditns_wire::Errno;
use auditns_wire::address;
use serde::{Deserialize, Serialize};

/// `SOL_NETLINK`, the level of netlink's own options.
pub const SOL_NETLINK: i32 = 270;
/// `SOL_SOCKET`, the level of options that all sockets have.
pub const SOL_SOCKET: i32 = 1;

/// A call that may change a socket. Bytes and lengths are as the caller gave them. What is written of one is read as an
/// [`crate::OwnedSocketRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SocketRequest<'a> {
    /// `bind(2)`.
    Bind {
        /// The address.
        #[serde(serialize_with = "crate::bytes::serialize")]
        address: &'a [u8],
    },
    /// `connect(2)`.
    Connect {
        /// The address.
        #[serde(serialize_with = "crate::bytes::serialize")]
        address: &'a [u8],
    },
    /// `setsockopt(2)` of level [`SOL_NETLINK`].
    SetOption {
        /// Number of the option.
        option: i32,
        /// The value; of one shorter than four bytes the kernel makes 0, of a longer one it takes four bytes.
        #[serde(serialize_with = "crate::bytes::serialize")]
        value: &'a [u8],
    },
}

/// A call that asks about a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketQuery {
    /// `getsockname(2)`.
    OwnName,
    /// `getpeername(2)`.
    PeerName,
    /// `getsockopt(2)`.
    Option {
        /// Level of the option.
        level: i32,
        /// Number of the option.
        option: i32,
        /// Bytes that the caller has room for.
        room: i32,
    },
}

/// Who makes a [`SocketRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    /// The process.
    pub sender: Sender,
    /// For the record of joining or leaving a group; see [`SocketRequest::changes_groups`].
    pub details: Option<TaskDetails>,
    /// Has `CAP_NET_ADMIN`, which addressing anybody but the kernel needs.
    pub net_admin: bool,
    /// Has `CAP_NET_BROADCAST`, which `NETLINK_LISTEN_ALL_NSID` needs.
    pub net_broadcast: bool,
}

/// The answer to a [`SocketQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAnswer {
    /// The call fails.
    Refused(Errno),
    /// A name; the kernel copies what fits and reports the whole length.
    Name([u8; address::LENGTH]),
    /// An option's value.
    Value {
        /// What is copied to the caller; never longer than the room.
        bytes: Vec<u8>,
        /// The length that is reported.
        length: u32,
    },
    /// What is asked for is no matter of the family: the socket below answers.
    Native,
}

impl SocketRequest<'_> {
    /// Whether a record may tell of the call, which then needs [`Caller::details`].
    pub fn changes_groups(&self) -> bool {
        match self {
            SocketRequest::Bind { address } => {
                address::Address::decode(address).is_some_and(|address| address.groups != 0)
            }
            SocketRequest::Connect { .. } => false,
            SocketRequest::SetOption { option, .. } => {
                matches!(*option, option::ADD_MEMBERSHIP | option::DROP_MEMBERSHIP)
            }
        }
    }
}

/// Options of level [`SOL_NETLINK`].
pub mod option {
    /// `NETLINK_ADD_MEMBERSHIP`: join the group of this number.
    pub const ADD_MEMBERSHIP: i32 = 1;
    /// `NETLINK_DROP_MEMBERSHIP`: leave the group of this number.
    pub const DROP_MEMBERSHIP: i32 = 2;
    /// `NETLINK_PKTINFO`: a control message with each datagram names its group.
    pub const PKTINFO: i32 = 3;
    /// `NETLINK_BROADCAST_ERROR`.
    pub const BROADCAST_ERROR: i32 = 4;
    /// `NETLINK_NO_ENOBUFS`: no error for a listener that misses records.
    pub const NO_ENOBUFS: i32 = 5;
    /// `NETLINK_LISTEN_ALL_NSID`.
    pub const LISTEN_ALL_NSID: i32 = 8;
    /// `NETLINK_LIST_MEMBERSHIPS`: the groups, to be read only.
    pub const LIST_MEMBERSHIPS: i32 = 9;
    /// `NETLINK_CAP_ACK`: errors repeat no more of a request than its header.
    pub const CAP_ACK: i32 = 10;
    /// `NETLINK_EXT_ACK`, which changes nothing: audit adds nothing to its answers.
    pub const EXT_ACK: i32 = 11;
    /// `NETLINK_GET_STRICT_CHK`.
    pub const GET_STRICT_CHK: i32 = 12;
}

//! Calls on a socket whose descriptor number is one of the reserved ones.

use super::SeccompData;
use crate::arch::{Architecture, X32_BIT, X32_GETSOCKOPT, X32_RECVFROM, X32_RECVMSG, X32_SETSOCKOPT};
use crate::filter::reserved;

/// A call on a socket, from its arguments alone: whether the descriptor is an audit socket is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnSocket {
    /// Number of the descriptor in the caller's table.
    pub fd: u32,
    /// What is called.
    pub operation: Operation,
}

/// A call on a socket. Addresses are those of the caller's memory; lengths are as given, so they may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `bind(2)`.
    Bind(Bytes),
    /// `connect(2)`.
    Connect(Bytes),
    /// `listen(2)`.
    Listen,
    /// `shutdown(2)`.
    Shutdown,
    /// `getsockname(2)`.
    OwnName(Room),
    /// `getpeername(2)`.
    PeerName(Room),
    /// `setsockopt(2)`.
    SetOption {
        /// Level of the option.
        level: i32,
        /// Number of the option.
        option: i32,
        /// The value.
        value: Bytes,
    },
    /// `getsockopt(2)`.
    GetOption {
        /// Level of the option.
        level: i32,
        /// Number of the option.
        option: i32,
        /// Where the value goes.
        value: Room,
    },
    /// `recvfrom(2)`.
    ReceiveFrom {
        /// `MSG_` flags.
        flags: i32,
        /// Where the sender's address goes; at 0 if nobody wants it.
        address: Room,
    },
    /// `recvmsg(2)`.
    ReceiveMessage {
        /// `MSG_` flags.
        flags: i32,
        /// Address of the `struct msghdr`.
        message: u64,
        /// How that is laid out.
        layout: Layout,
    },
}

/// What the caller gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Address of the first byte.
    pub at: u64,
    /// How many.
    pub length: i32,
}

/// Where the caller wants something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Address of the first byte.
    pub at: u64,
    /// Address of the 32-bit length: before the call the room, after it the length of what there is.
    pub length_at: u64,
}

/// Width of pointers and lengths in the caller's structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 64 bits.
    Wide,
    /// 32 bits: i386, 32-bit ARM, x32.
    Narrow,
}

impl OnSocket {
    /// Decodes a call; `number` is without the x32 bit. `None` for other calls and other descriptors.
    pub(super) fn decode(architecture: Architecture, number: u32, data: &SeccompData) -> Option<OnSocket> {
        let calls = architecture.calls().on_socket;
        let x86_64 = architecture == Architecture::X86_64;
        let narrow = match architecture {
            Architecture::X86_64 => data.number & X32_BIT != 0,
            Architecture::I386 | Architecture::Arm => true,
            Architecture::Aarch64 => false,
        };
        let pointer = |index: usize| if narrow { u64::from(data.low(index)) } else { data.arguments[index] };
        let int = |index| data.low(index).cast_signed();
        let bytes = |at, length| Bytes { at: pointer(at), length: int(length) };
        let room = |at, length_at| Room { at: pointer(at), length_at: pointer(length_at) };
        let fd = data.low(0);
        if !reserved::ALL.contains(&fd) {
            return None;
        }
        let operation = if number == calls.bind {
            Operation::Bind(bytes(1, 2))
        } else if number == calls.connect {
            Operation::Connect(bytes(1, 2))
        } else if number == calls.listen {
            Operation::Listen
        } else if number == calls.shutdown {
            Operation::Shutdown
        } else if number == calls.getsockname {
            Operation::OwnName(room(1, 2))
        } else if number == calls.getpeername {
            Operation::PeerName(room(1, 2))
        } else if number == calls.setsockopt || (x86_64 && number == X32_SETSOCKOPT) {
            Operation::SetOption { level: int(1), option: int(2), value: bytes(3, 4) }
        } else if number == calls.getsockopt || (x86_64 && number == X32_GETSOCKOPT) {
            Operation::GetOption { level: int(1), option: int(2), value: room(3, 4) }
        } else if number == calls.recvfrom || (x86_64 && number == X32_RECVFROM) {
            Operation::ReceiveFrom { flags: int(3), address: room(4, 5) }
        } else if number == calls.recvmsg || (x86_64 && number == X32_RECVMSG) {
            let layout = if narrow { Layout::Narrow } else { Layout::Wide };
            Operation::ReceiveMessage { flags: int(2), message: pointer(1), layout }
        } else {
            return None;
        };
        Some(OnSocket { fd, operation })
    }
}

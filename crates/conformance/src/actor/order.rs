//! What a player can tell an actor to do, and what the actor answers.

use crate::hex::Hex;
use serde::{Deserialize, Serialize};

/// How an actor collects datagrams from one of its sockets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Wait {
    /// Replies that must arrive before the actor looks no further.
    pub(crate) replies: Vec<Expected>,
    /// Datagrams (companion records aside) that must arrive before it looks no further.
    pub(crate) count: usize,
    /// How long to wait for `replies`, milliseconds.
    pub(crate) patience: u64,
    /// How long to wait for `count`, milliseconds.
    pub(crate) linger: u64,
    /// How long to watch for more once everything has come, milliseconds.
    pub(crate) settle: u64,
    /// Most datagrams to take.
    pub(crate) most: usize,
    /// Receive buffer, bytes.
    pub(crate) space: usize,
    /// Flags for `recvmsg`.
    pub(crate) flags: i32,
    /// Whether to send a fence first and wait for its answer, which shows that earlier requests were processed.
    pub(crate) fence: bool,
}

/// A reply that a request makes due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// `nlmsg_seq` of the request.
    pub(crate) seq: u32,
    /// Its type.
    pub(crate) kind: u16,
    /// Whether it asked for an ack.
    pub(crate) ack: bool,
}

/// One primitive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Opens a socket and keeps it under a name.
    Socket { name: String, family: i32, kind: i32, protocol: i32 },
    /// `bind` with a raw address.
    Bind { name: String, address: Hex },
    /// `connect` with a raw address.
    Connect { name: String, address: Hex },
    /// `getsockname` (`peer` false) or `getpeername`.
    Name { name: String, peer: bool, cap: usize },
    /// `setsockopt`.
    SetOption { name: String, level: i32, option: i32, value: Hex },
    /// `getsockopt`.
    GetOption { name: String, level: i32, option: i32, cap: usize },
    /// `listen`.
    Listen { name: String },
    /// `shutdown` of both directions.
    Shutdown { name: String },
    /// `sendto`, or `send` without an address.
    Send { name: String, data: Hex, to: Option<Hex> },
    /// `write`.
    Write { name: String, data: Hex },
    /// `sendto` from a second thread; `own_tid` is the offset of a word to replace by that thread's id.
    ThreadSend { name: String, data: Hex, own_tid: Option<usize> },
    /// `count` messages of a type, each with the text and its number.
    Flood { name: String, kind: u16, text: String, count: u32, flags: u16 },
    /// Collects datagrams.
    Receive { name: String, wait: Wait },
    /// `poll` for reading and writing without waiting.
    Poll { name: String },
    /// Closes a socket.
    Close { name: String },
    /// Reads a small file.
    ReadFile { path: String },
    /// Opens a file with flags and writes once, at an offset if one is given.
    WriteFile { path: String, text: String, offset: Option<u64>, flags: i32 },
    /// `setresuid`.
    SetUids { real: u32, effective: u32, saved: u32 },
    /// Removes capabilities from the effective set, and with `all` from the permitted and inheritable sets too.
    DropCaps { caps: Vec<u32>, all: bool },
    /// Raises every permitted capability.
    RaiseCaps,
    /// `unshare`.
    Unshare { flags: i32 },
    /// Maps id 0 of the actor's new user namespace to id 0 outside.
    MapIds,
    /// Sets the thread's name.
    Comm { name: String },
    /// Ignores the signals that the kernel reports by `SIGNAL_INFO`.
    IgnoreSignals,
    /// `kill`.
    Kill { pid: i32, signal: i32 },
    /// `acct(NULL)`.
    Acct,
    /// Forks the actor's one child, which takes over the spare channel.
    Fork,
    /// The process ids as the actor sees itself.
    Ids,
    /// Ends the actor.
    Exit,
}

/// One datagram, or an error that `recvmsg` returned instead.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Datagram {
    /// The errno, 0 when there is data.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) errno: i32,
    /// The bytes.
    #[serde(default)]
    pub(crate) data: Hex,
    /// The return value of `recvmsg`.
    #[serde(default)]
    pub(crate) len: usize,
    /// The sender's address.
    #[serde(default)]
    pub(crate) from: Hex,
    /// `msg_flags`.
    #[serde(default)]
    pub(crate) flags: i32,
    /// Control messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) control: Vec<(i32, i32, Hex)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}

/// What came of an [`Order`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A return value.
    Number(i64),
    /// A refusal.
    Errno(i32),
    /// A name or option: the reported length and the bytes.
    Bytes(usize, Hex),
    /// A file's content.
    Text(String),
    /// Datagrams; `true` when the wait ran out of time.
    Datagrams(Vec<Datagram>, bool),
    /// Sends of a flood: results, and the time each took in microseconds.
    Flood(Vec<i64>, Vec<u64>),
    /// The actor could not do it.
    Fault(String),
}

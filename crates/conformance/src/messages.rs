//! Requests as bytes, built by hand: the referee shares no code with what it judges.

/// `NLM_F_REQUEST`.
pub(crate) const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
pub(crate) const ACK: u16 = 4;
/// `NLM_F_ROOT | NLM_F_MATCH`.
pub(crate) const DUMP: u16 = 0x300;

pub(crate) const GET: u16 = 1000;
pub(crate) const SET: u16 = 1001;
pub(crate) const ADD_OLD: u16 = 1003;
pub(crate) const SIGNAL_INFO: u16 = 1010;
pub(crate) const ADD_RULE: u16 = 1011;
pub(crate) const DEL_RULE: u16 = 1012;
pub(crate) const LIST_RULES: u16 = 1013;
pub(crate) const TRIM: u16 = 1014;
pub(crate) const MAKE_EQUIV: u16 = 1015;
pub(crate) const TTY_GET: u16 = 1016;
pub(crate) const TTY_SET: u16 = 1017;
pub(crate) const SET_FEATURE: u16 = 1018;
pub(crate) const GET_FEATURE: u16 = 1019;
pub(crate) const USER_START: u16 = 1105;
pub(crate) const USER_AVC: u16 = 1107;
pub(crate) const USER_LOGIN: u16 = 1112;
pub(crate) const USER_LOGOUT: u16 = 1113;
pub(crate) const USER_TTY: u16 = 1124;

/// One netlink message. `Default` is an `AUDIT_GET` with request and ack flags, sequence number 1.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    /// `nlmsg_type`.
    pub(crate) kind: u16,
    /// Bytes after the header.
    pub(crate) payload: &'a [u8],
    /// `nlmsg_flags`.
    pub(crate) flags: u16,
    /// `nlmsg_seq`.
    pub(crate) seq: u32,
    /// `nlmsg_pid`.
    pub(crate) pid: u32,
    /// `nlmsg_len` when it shall not be the true one.
    pub(crate) claimed_len: Option<u32>,
    /// Whether zero bytes fill the message up to a multiple of four.
    pub(crate) pad: bool,
}

impl Default for Message<'_> {
    fn default() -> Self {
        Self { kind: GET, payload: &[], flags: REQUEST | ACK, seq: 1, pid: 0, claimed_len: None, pad: true }
    }
}

impl Message<'_> {
    /// The message as it goes onto the socket.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let len = self.claimed_len.unwrap_or(u32::try_from(16 + self.payload.len()).unwrap_or(u32::MAX));
        let mut out = Vec::with_capacity(20 + self.payload.len());
        out.extend(len.to_ne_bytes());
        out.extend(self.kind.to_ne_bytes());
        out.extend(self.flags.to_ne_bytes());
        out.extend(self.seq.to_ne_bytes());
        out.extend(self.pid.to_ne_bytes());
        out.extend(self.payload);
        if self.pad {
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }
}

/// A request that wants an ack.
pub(crate) fn request(kind: u16, payload: &[u8], seq: u32) -> Vec<u8> {
    Message { kind, payload, seq, ..Message::default() }.bytes()
}

/// A request that wants no ack.
pub(crate) fn quiet(kind: u16, payload: &[u8], seq: u32) -> Vec<u8> {
    Message { kind, payload, seq, flags: REQUEST, ..Message::default() }.bytes()
}

/// Words in native order.
pub(crate) fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_ne_bytes()).collect()
}

/// A netlink socket address, 12 bytes.
pub(crate) fn address(pid: u32, groups: u32) -> Vec<u8> {
    let mut out = vec![16, 0, 0, 0];
    out.extend(words(&[pid, groups]));
    out
}

/// The kernel's address.
pub(crate) fn kernel() -> Vec<u8> {
    address(0, 0)
}

/// `struct audit_status` of a SET request: 11 words, 44 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Status {
    pub(crate) mask: u32,
    pub(crate) enabled: u32,
    pub(crate) failure: u32,
    pub(crate) pid: u32,
    pub(crate) rate: u32,
    pub(crate) limit: u32,
    pub(crate) wait: u32,
}

/// Mask bits of [`Status`].
pub(crate) mod mask {
    pub(crate) const ENABLED: u32 = 1;
    pub(crate) const FAILURE: u32 = 2;
    pub(crate) const PID: u32 = 4;
    pub(crate) const RATE: u32 = 8;
    pub(crate) const LIMIT: u32 = 0x10;
    pub(crate) const WAIT: u32 = 0x20;
    pub(crate) const LOST: u32 = 0x40;
    pub(crate) const WAITED: u32 = 0x80;
}

impl Status {
    /// A status that asks for one or more settings by `mask`.
    pub(crate) fn of(mask: u32) -> Self {
        Self { mask, ..Self::default() }
    }

    /// A registration (`pid` is the sender's) or an unregistration (0).
    pub(crate) fn register(pid: u32) -> Self {
        Self { mask: mask::PID, pid, ..Self::default() }
    }

    /// The 44 bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { mask, enabled, failure, pid, rate, limit, wait } = *self;
        words(&[mask, enabled, failure, pid, rate, limit, 0, 0, 0, wait, 0])
    }
}

//! Requests as clients write them, and answers as they read them.

use auditns_wire::header::{FLAG_ACK, HEADER_LENGTH, Header};
use auditns_wire::message_type::{NLMSG_ERROR, SET};
use auditns_wire::payload::Status;
use auditns_wire::rule::RuleData;

/// `NLM_F_REQUEST`.
pub(super) const REQUEST: u16 = 1;
/// What audit clients set: request and acknowledge.
pub(super) const ASK: u16 = REQUEST | FLAG_ACK;

/// A message, padded to 4 bytes, with the exact length in its header.
pub(super) fn message(message_type: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_LENGTH + payload.len()).unwrap();
    let header = Header { length, message_type, flags, sequence, port: 0 };
    let mut bytes = [&header.encode(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An `AUDIT_SET` that asks for an acknowledgement.
pub(super) fn set(status: &Status) -> Vec<u8> {
    message(SET, ASK, 1, &status.encode())
}

/// `AUDIT_SET` of a pid.
pub(super) fn set_pid(pid: u32) -> Vec<u8> {
    set(&Status { mask: Status::MASK_PID, pid, ..Status::default() })
}

/// The payload of a rule without strings: fields are number, operator code, value.
pub(super) fn rule(flags: u32, action: u32, fields: &[(u32, u32, u32)]) -> Vec<u8> {
    let mut data = RuleData { flags, action, ..RuleData::default() };
    data.field_count = u32::try_from(fields.len()).unwrap();
    for (slot, (number, operator, value)) in fields.iter().enumerate() {
        (data.fields[slot], data.fieldflags[slot], data.values[slot]) = (*number, *operator, *value);
    }
    data.encode()
}

/// A datagram that a client read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) header: Header,
    pub(super) body: Vec<u8>,
}

impl Frame {
    pub(super) fn new(bytes: &[u8]) -> Frame {
        Frame { header: Header::decode(bytes).unwrap(), body: bytes[HEADER_LENGTH..].to_vec() }
    }

    pub(super) fn kind(&self) -> u16 {
        self.header.message_type
    }

    /// The error field, if this is an acknowledgement.
    pub(super) fn error(&self) -> Option<i32> {
        (self.kind() == NLMSG_ERROR).then(|| i32::from_ne_bytes(self.body[..4].try_into().unwrap()))
    }

    /// The header of the request that an acknowledgement repeats.
    pub(super) fn echo(&self) -> Header {
        Header::decode(&self.body[4..]).unwrap()
    }

    /// A record's text without its stamp.
    pub(super) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.split_once("): ").map_or("", |(_, body)| body).to_owned()
    }
}

/// The error fields of the acknowledgements among frames.
pub(super) fn errors(frames: &[Frame]) -> Vec<i32> {
    frames.iter().filter_map(Frame::error).collect()
}

//! Requests as members write them.

use crate::model::Request;
use crate::step::{Ask, Setting};
use crate::text::marker;
use auditns_core::Sender;
use auditns_wire::header::{FLAG_ACK, HEADER_LENGTH, Header};
use auditns_wire::message_type::{GET, SET};
use auditns_wire::payload::Status;

/// `NLM_F_REQUEST`.
const FLAG_REQUEST: u16 = 1;

/// A datagram with these messages of a process.
pub(crate) fn datagram(contid: u64, from: &Sender, requests: &[Request]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for request in requests {
        let (message_type, payload) = message(contid, from, request);
        let length = u32::try_from(HEADER_LENGTH + payload.len()).unwrap_or(u32::MAX);
        let flags = if request.asked { FLAG_REQUEST | FLAG_ACK } else { FLAG_REQUEST };
        let header = Header { length, message_type, flags, sequence: request.sequence, port: 0 };
        bytes.extend(header.encode());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

fn message(contid: u64, from: &Sender, request: &Request) -> (u16, Vec<u8>) {
    let pid = from.ids.namespace.pid;
    let status = Status::default();
    let status = match request.ask {
        Ask::Say(kind, more) => {
            let text = marker(contid, request.sequence) + &"x".repeat(more.into()) + "\0";
            return (kind, text.into_bytes());
        }
        Ask::Get => return (GET, Vec::new()),
        Ask::Unknown(kind) => return (kind, Vec::new()),
        Ask::Register => Status { mask: Status::MASK_PID, pid, ..status },
        Ask::RegisterOther => Status { mask: Status::MASK_PID, pid: pid + 1, ..status },
        Ask::Unregister => Status { mask: Status::MASK_PID, ..status },
        Ask::ResetLost => Status { mask: Status::MASK_LOST, ..status },
        Ask::Set(Setting::Enabled, enabled) => Status { mask: Status::MASK_ENABLED, enabled, ..status },
        Ask::Set(Setting::Failure, failure) => Status { mask: Status::MASK_FAILURE, failure, ..status },
        Ask::Set(Setting::RateLimit, rate_limit) => {
            Status { mask: Status::MASK_RATE_LIMIT, rate_limit, ..status }
        }
        Ask::Set(Setting::BacklogLimit, backlog_limit) => {
            Status { mask: Status::MASK_BACKLOG_LIMIT, backlog_limit, ..status }
        }
        Ask::Set(Setting::BacklogWaitTime, backlog_wait_time) => {
            Status { mask: Status::MASK_BACKLOG_WAIT_TIME, backlog_wait_time, ..status }
        }
    };
    (SET, status.encode())
}

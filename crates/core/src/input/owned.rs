//! Inputs that own what they speak of: what is read back of a written [`Input`].

use super::{Answers, Created, Delivery, Entrance, Input};
use crate::action::EndpointId;
use crate::config::Policy;
use crate::mapped_ids::MappedIds;
use crate::sender::{ProcessId, Sender};
use crate::socket::{Caller, SocketRequest};
use auditns_wire::Errno;
use auditns_wire::record::{Ids, Viewed};
use serde::Deserialize;
use std::borrow::Cow;

/// An [`Input`] that was read. Variants and fields are those of [`Input`], in the same order: that is its format.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "every variant and field is described at Input")]
pub enum OwnedInput {
    EndpointOpened {
        endpoint: EndpointId,
        kind: i32,
        pid: u32,
    },
    EndpointHandedOver {
        reserved_number: bool,
    },
    EndpointClosed {
        endpoint: EndpointId,
    },
    Datagram {
        endpoint: EndpointId,
        sender: Sender,
        #[serde(deserialize_with = "crate::bytes::deserialize")]
        bytes: Vec<u8>,
        answers: Answers,
    },
    SocketRequested {
        endpoint: EndpointId,
        call: u64,
        caller: Caller,
        request: OwnedSocketRequest,
    },
    Delivered {
        endpoint: EndpointId,
        outcome: Delivery,
    },
    Writable {
        endpoint: EndpointId,
    },
    StoreFailed {
        serial: u32,
        errno: Errno,
    },
    DaemonSignalled {
        sender: Sender,
    },
    LoginuidSet {
        sender: Sender,
        old_auid: Viewed<u32>,
        old_ses: u32,
        #[serde(deserialize_with = "crate::bytes::deserialize")]
        tty: Vec<u8>,
        success: bool,
    },
    ListenerMissed,
    StrayCall,
    OwnerMapped(MappedIds),
    HostSetsBacklogLimit(u32),
    HostSetsRateLimit(u32),
    HostSetsPolicy(Policy),
    LetIn {
        operation: Entrance,
        by: Ids,
        fields: Vec<(Cow<'static, str>, String)>,
    },
    ThreadGroupMoved {
        contid: u64,
        outcome: Result<Created, Errno>,
    },
    Tick,
    Ended,
    Descends {
        process: ProcessId,
        ancestors: Vec<ProcessId>,
    },
    LoginuidWritten {
        call: u64,
        writer: Sender,
        task: ProcessId,
        #[serde(deserialize_with = "crate::bytes::deserialize")]
        tty: Vec<u8>,
        auid: Result<Viewed<u32>, Errno>,
        length: u32,
    },
    ProcessesEnded(Vec<ProcessId>),
}

/// A [`SocketRequest`] that was read.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "every variant and field is described at SocketRequest")]
pub enum OwnedSocketRequest {
    Bind {
        #[serde(deserialize_with = "crate::bytes::deserialize")]
        address: Vec<u8>,
    },
    Connect {
        #[serde(deserialize_with = "crate::bytes::deserialize")]
        address: Vec<u8>,
    },
    SetOption {
        option: i32,
        #[serde(deserialize_with = "crate::bytes::deserialize")]
        value: Vec<u8>,
    },
}

impl OwnedInput {
    /// The input, to be handled.
    pub fn as_input(&self) -> Input<'_> {
        match self {
            OwnedInput::EndpointOpened { endpoint, kind, pid } => {
                Input::EndpointOpened { endpoint: *endpoint, kind: *kind, pid: *pid }
            }
            OwnedInput::EndpointHandedOver { reserved_number } => {
                Input::EndpointHandedOver { reserved_number: *reserved_number }
            }
            OwnedInput::EndpointClosed { endpoint } => Input::EndpointClosed { endpoint: *endpoint },
            OwnedInput::Datagram { endpoint, sender, bytes, answers } => {
                Input::Datagram { endpoint: *endpoint, sender, bytes, answers }
            }
            OwnedInput::SocketRequested { endpoint, call, caller, request } => {
                let request = request.as_request();
                Input::SocketRequested { endpoint: *endpoint, call: *call, caller, request }
            }
            OwnedInput::Delivered { endpoint, outcome } => {
                Input::Delivered { endpoint: *endpoint, outcome: *outcome }
            }
            OwnedInput::Writable { endpoint } => Input::Writable { endpoint: *endpoint },
            OwnedInput::StoreFailed { serial, errno } => {
                Input::StoreFailed { serial: *serial, errno: *errno }
            }
            OwnedInput::DaemonSignalled { sender } => Input::DaemonSignalled { sender },
            OwnedInput::LoginuidSet { sender, old_auid, old_ses, tty, success } => {
                Input::LoginuidSet { sender, old_auid: *old_auid, old_ses: *old_ses, tty, success: *success }
            }
            OwnedInput::ListenerMissed => Input::ListenerMissed,
            OwnedInput::StrayCall => Input::StrayCall,
            OwnedInput::OwnerMapped(mapped) => Input::OwnerMapped(mapped.clone()),
            OwnedInput::HostSetsBacklogLimit(limit) => Input::HostSetsBacklogLimit(*limit),
            OwnedInput::HostSetsRateLimit(limit) => Input::HostSetsRateLimit(*limit),
            OwnedInput::HostSetsPolicy(policy) => Input::HostSetsPolicy(*policy),
            OwnedInput::LetIn { operation, by, fields } => {
                Input::LetIn { operation: *operation, by: *by, fields }
            }
            OwnedInput::ThreadGroupMoved { contid, outcome } => {
                Input::ThreadGroupMoved { contid: *contid, outcome: outcome.as_ref().map_err(|errno| *errno) }
            }
            OwnedInput::Tick => Input::Tick,
            OwnedInput::Ended => Input::Ended,
            OwnedInput::Descends { process, ancestors } => Input::Descends { process: *process, ancestors },
            OwnedInput::LoginuidWritten { call, writer, task, tty, auid, length } => {
                Input::LoginuidWritten { call: *call, writer, task: *task, tty, auid: *auid, length: *length }
            }
            OwnedInput::ProcessesEnded(processes) => Input::ProcessesEnded(processes),
        }
    }
}

impl OwnedSocketRequest {
    /// The request, to be handled.
    pub fn as_request(&self) -> SocketRequest<'_> {
        match self {
            OwnedSocketRequest::Bind { address } => SocketRequest::Bind { address },
            OwnedSocketRequest::Connect { address } => SocketRequest::Connect { address },
            OwnedSocketRequest::SetOption { option, value } => {
                SocketRequest::SetOption { option: *option, value }
            }
        }
    }
}

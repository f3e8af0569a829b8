//! What comes out of a namespace, as whoever gets it sees it.

use auditns_core::{Action, EndpointId, LossReason, Notice};
use auditns_wire::header::{HEADER_LENGTH, Header};
use auditns_wire::message_type::{NLMSG_ERROR, REPLACE};

/// A message type.
pub(crate) type Kind = u16;

/// One thing that somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The host's log: the line of a record.
    Stored { serial: u32, line: String },
    /// The host's log: a line about the namespace itself.
    Lifetime { serial: u32 },
    /// The namespace's own log.
    StoredInside { serial: u32, line: String },
    /// A member: an acknowledgement or error.
    Answer { to: EndpointId, sequence: u32, error: i32 },
    /// A member: what it asked for.
    Data { to: EndpointId, sequence: u32, kind: Kind, payload: Vec<u8> },
    /// The audit daemon: a record, if there is room for it.
    Record { to: EndpointId, kind: Kind, text: String },
    /// A listener: a copy of a record.
    Copy { to: EndpointId, kind: Kind, text: String },
    /// The audit daemon: that somebody else asks to be it.
    Replace { to: EndpointId, pid: u32 },
    /// The edge is to look out for room.
    AwaitWritable { to: EndpointId },
    /// A sender has to wait.
    Paused { to: EndpointId },
    /// A sender has waited.
    Resumed { to: EndpointId },
    /// A member: the answer to a call on its socket, 0 or an error number.
    Called { call: u64, error: i32 },
    /// People: a record is lost.
    Lost { reason: LossReason, lost: u32 },
    /// People: an audit daemon comes or goes.
    Daemon { pid: u32, registered: bool },
}

/// Whoever sees something. Only the order in which one party sees things is part of the contract; what else has an
/// order, as a record that is stored before it is acknowledged, has a rule of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    HostLog,
    InsideLog,
    People,
    Callers,
    Member(EndpointId),
}

impl Seen {
    pub(crate) fn party(&self) -> Party {
        match self {
            Seen::Stored { .. } | Seen::Lifetime { .. } => Party::HostLog,
            Seen::StoredInside { .. } => Party::InsideLog,
            Seen::Lost { .. } | Seen::Daemon { .. } => Party::People,
            Seen::Called { .. } => Party::Callers,
            Seen::Answer { to, .. }
            | Seen::Data { to, .. }
            | Seen::Record { to, .. }
            | Seen::Copy { to, .. }
            | Seen::Replace { to, .. }
            | Seen::AwaitWritable { to }
            | Seen::Paused { to }
            | Seen::Resumed { to } => Party::Member(*to),
        }
    }

    /// Reads an action as its party does.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn read(action: &Action) -> Result<Seen, String> {
        Ok(match action {
            Action::Store { serial, lifetime: true, .. } => Seen::Lifetime { serial: *serial },
            Action::Store { serial, line, .. } => Seen::Stored { serial: *serial, line: line.clone() },
            Action::StoreInside { serial, line } => {
                Seen::StoredInside { serial: *serial, line: line.clone() }
            }
            Action::Reply { endpoint, frame } => reply(*endpoint, frame)?,
            Action::Deliver { endpoint, frame } => {
                let (header, text) = record(frame)?;
                // The quirk of the kernel on which audit daemons rely.
                if header.length as usize != text.len() {
                    return Err(format!("A record for the audit daemon has the length {}.", header.length));
                }
                Seen::Record { to: *endpoint, kind: header.message_type, text }
            }
            Action::Offer { endpoint, frame } => {
                let (header, text) = record(frame)?;
                if header.message_type == REPLACE {
                    Seen::Replace { to: *endpoint, pid: word(&frame[HEADER_LENGTH..])? }
                } else {
                    Seen::Copy { to: *endpoint, kind: header.message_type, text }
                }
            }
            Action::AwaitWritable { endpoint } => Seen::AwaitWritable { to: *endpoint },
            Action::SocketAnswer { call, result } => {
                Seen::Called { call: *call, error: result.map_or_else(|errno| errno.0, |()| 0) }
            }
            Action::Pause { endpoint } => Seen::Paused { to: *endpoint },
            Action::Resume { endpoint } => Seen::Resumed { to: *endpoint },
            Action::Notice(Notice::Lost { reason, lost, .. }) => Seen::Lost { reason: *reason, lost: *lost },
            Action::Notice(Notice::Daemon { pid, registered }) => {
                Seen::Daemon { pid: *pid, registered: *registered }
            }
            Action::Notice(Notice::RuleNotEnforced { .. }) | Action::MoveThreadGroup { .. } => {
                return Err("Nobody has added a rule, and one is not enforced.".to_owned());
            }
            Action::KeepLogin { .. } | Action::LoginuidAnswer { .. } => {
                return Err("Nobody has written a login user id.".to_owned());
            }
        })
    }
}

fn reply(to: EndpointId, frame: &[u8]) -> Result<Seen, String> {
    let header = Header::decode(frame).ok_or("An answer is shorter than its header.")?;
    let (sequence, body) = (header.sequence, &frame[HEADER_LENGTH..]);
    if header.message_type == NLMSG_ERROR {
        let error = word(body)?.cast_signed();
        let echoed = Header::decode(&body[4..]).ok_or("An acknowledgement repeats no request.")?;
        if echoed.sequence != sequence {
            return Err(format!("The acknowledgement of {sequence} repeats {}.", echoed.sequence));
        }
        return Ok(Seen::Answer { to, sequence, error });
    }
    Ok(Seen::Data { to, sequence, kind: header.message_type, payload: body.to_vec() })
}

fn record(frame: &[u8]) -> Result<(Header, String), String> {
    let header = Header::decode(frame).ok_or("A record is shorter than its header.")?;
    Ok((header, String::from_utf8_lossy(&frame[HEADER_LENGTH..]).into_owned()))
}

fn word(bytes: &[u8]) -> Result<u32, String> {
    let word = bytes.first_chunk().ok_or("An answer ends before its first field does.")?;
    Ok(u32::from_ne_bytes(*word))
}

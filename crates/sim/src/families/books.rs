//! What holds of a family after every step: whose everything is.

use crate::books::Broken;
use crate::text::marked;
use auditns_core::{Action, EndpointId};
use auditns_wire::header::{HEADER_LENGTH, Header};
use auditns_wire::message_type::{NLMSG_ERROR, REPLACE};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

/// A namespace, as it should be.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) parents: Vec<u64>,
    pub(super) limit: u32,
    pub(super) daemon: Option<EndpointId>,
    pub(super) serial: u32,
}

/// All of them, and what is still to come.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) members: BTreeMap<u64, Member>,
    /// In which namespace a socket listens.
    pub(super) listening: BTreeMap<EndpointId, u64>,
    /// Answers that are to come, in order: to which message, and with which error.
    pub(super) answers: BTreeMap<EndpointId, VecDeque<(u32, i32)>>,
    /// Namespaces of which members have not moved yet.
    pub(super) moving: BTreeSet<u64>,
    /// Records that are to be stored: in whose log, by their marks.
    pub(super) records: Vec<(u64, u32)>,
    /// Namespaces that are to say that they end.
    pub(super) ending: BTreeMap<u64, Member>,
    pub(super) delivered: u64,
}

impl Books {
    /// What the line of a namespace begins with.
    fn provenance(contid: u64, parents: &[u64]) -> String {
        let mut text = format!("): contid={contid} ");
        if let [parent, ..] = parents {
            let _ = write!(text, "parent={parent} ");
        }
        if parents.len() > 1 {
            let chain: Vec<String> = parents.iter().map(|parent| format!(",^{parent}")).collect();
            let _ = write!(text, "chain={contid}{} ", chain.concat());
        }
        text
    }

    /// Enters an action of a namespace.
    pub(super) fn enter(&mut self, whose: u64, action: &Action) -> Result<(), Broken> {
        match action {
            Action::Store { serial, line, lifetime } => self.stored(whose, *serial, line, *lifetime),
            Action::Reply { endpoint, frame } => self.answered(*endpoint, frame),
            Action::Deliver { endpoint, frame } => {
                is_of(whose, frame)?;
                self.delivered +=
                    u64::from(!self.members.get(&whose).is_some_and(|it| it.parents.is_empty()));
                let daemon = self.members.get(&whose).and_then(|member| member.daemon);
                if daemon == Some(*endpoint) {
                    Ok(())
                } else {
                    Err(format!("A record of {whose} goes to {endpoint:?}, its daemon is {daemon:?}."))
                }
            }
            Action::Offer { endpoint, frame } if kind(frame) != Some(REPLACE) => {
                is_of(whose, frame)?;
                match self.listening.get(endpoint) {
                    Some(namespace) if *namespace == whose => Ok(()),
                    other => Err(format!("A listener in {other:?} gets a record of {whose}.")),
                }
            }
            _ => Ok(()),
        }
    }

    fn stored(&mut self, whose: u64, serial: u32, line: &str, lifetime: bool) -> Result<(), Broken> {
        let member = match self.members.get_mut(&whose) {
            Some(member) => member,
            None => self.ending.get_mut(&whose).ok_or(format!("{whose} is not there: {line}"))?,
        };
        if !line.contains(&Books::provenance(whose, &member.parents)) {
            return Err(format!("A line in the log of {whose} names another namespace: {line}"));
        }
        if serial != member.serial + 1 {
            return Err(format!("In {whose} serial {serial} follows {}: {line}", member.serial));
        }
        member.serial = serial;
        let begins = if member.parents.is_empty() { " op=start " } else { " op=create " };
        if (serial == 1) != (lifetime && line.contains(begins)) {
            return Err(format!("A namespace begins with a record of that, and only so: {line}"));
        }
        if lifetime && line.contains(" op=stop ") && self.ending.remove(&whose).is_none() {
            return Err(format!("{whose} has not ended: {line}"));
        }
        if let Some((contid, sequence)) = marked(line) {
            if contid != whose {
                return Err(format!("What was said in {contid} stands in the log of {whose}: {line}"));
            }
            let at = self.records.iter().position(|record| *record == (contid, sequence));
            let at = at.ok_or(format!("This was not to be stored: {line}"))?;
            self.records.remove(at);
        }
        Ok(())
    }

    fn answered(&mut self, endpoint: EndpointId, frame: &[u8]) -> Result<(), Broken> {
        let header = Header::decode(frame).ok_or("An answer is shorter than its header.")?;
        if header.message_type != NLMSG_ERROR {
            return Ok(());
        }
        let error = frame
            .get(HEADER_LENGTH..)
            .and_then(|body| body.first_chunk())
            .map(|error| i32::from_ne_bytes(*error));
        let expected = self.answers.get_mut(&endpoint).and_then(VecDeque::pop_front);
        if !self.moving.is_empty() {
            return Err("An answer comes before a move is done.".to_owned());
        }
        match (expected, error) {
            (Some((sequence, wanted)), Some(error)) if (header.sequence, error) == (sequence, wanted) => {
                Ok(())
            }
            _ => Err(format!("The answer to {} is {error:?}, and not {expected:?}.", header.sequence)),
        }
    }

    /// Whether all that was to come has come.
    pub(super) fn balance(&self) -> Result<(), Broken> {
        let answers: Vec<_> = self.answers.iter().filter(|(_, waiting)| !waiting.is_empty()).collect();
        if answers.is_empty() && self.records.is_empty() && self.ending.is_empty() && self.moving.is_empty() {
            return Ok(());
        }
        let (records, ending): (_, Vec<_>) = (&self.records, self.ending.keys().collect());
        Err(format!("There are to come: answers {answers:?}, records {records:?}, ends {ending:?}."))
    }
}

/// Whether a record that leaves is of that namespace.
fn is_of(whose: u64, frame: &[u8]) -> Result<(), Broken> {
    let text = String::from_utf8_lossy(frame.get(HEADER_LENGTH..).unwrap_or_default()).into_owned();
    match marked(&text) {
        Some((contid, _)) if contid != whose => Err(format!("{whose} sends a record of {contid}: {text}")),
        _ => Ok(()),
    }
}

fn kind(frame: &[u8]) -> Option<u16> {
    Header::decode(frame).map(|header| header.message_type)
}

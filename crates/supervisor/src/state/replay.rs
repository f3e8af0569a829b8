//! From what was left to where the last supervisor was.

use super::answers::LeftAnswer;
use super::entry::{ConnectionState, Frame, NestedState, OwnedEntry};
use super::journal::{self, Kept, Log, Write};
use auditns_core::{Action, EndpointId, Family, Input, Now, OwnedInput};
use std::collections::BTreeMap;
use std::io;

/// The action of which it is not known from the journal alone whether it was done.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// Whose it is.
    pub(crate) namespace: u64,
    pub(crate) action: Action,
    /// Something was sent for it.
    pub(crate) sent: bool,
}

/// Where the last supervisor was.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) frame: Frame,
    pub(crate) connections: BTreeMap<EndpointId, ConnectionState>,
    pub(crate) doubt: Option<Doubt>,
    /// The late answer that was sent and not noted, with its number.
    pub(crate) late: Option<(EndpointId, u64)>,
    /// The highest number of a late answer.
    pub(crate) flushed: u64,
    /// Answers that were on their way and not sent, in order, with their places.
    pub(crate) answers: BTreeMap<u64, LostAnswer>,
    /// Actions [`Action::StoreInside`] that were taken up and may not be done: their lines are gathered. With whose they are.
    pub(crate) inside: Vec<(u64, Action)>,
    /// See [`Kept::write`].
    pub(crate) write: Option<Write>,
    /// See [`Kept::written`].
    pub(crate) written: [Option<u32>; 2],
    /// The same of nested namespaces.
    pub(crate) nested_written: BTreeMap<u64, [Option<u32>; 2]>,
    /// Nested namespaces that have ended, and of which not everything is stored.
    pub(crate) unstored: Vec<NestedState>,
    /// The last member was gone, and the namespace was told so.
    pub(crate) ended: bool,
}

/// An answer that was on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostAnswer {
    pub(crate) endpoint: EndpointId,
    pub(crate) place: u32,
    pub(crate) frame: Vec<u8>,
}

struct Replay<'k> {
    kept: &'k Kept,
    family: Family,
    root: u64,
    replayed: Replayed,
    taken: u64,
    last: Option<(u64, Action)>,
    /// The journal says what came of the last action.
    outcome_noted: bool,
    flushed: u64,
}

/// Replays a journal.
///
/// # Errors
/// `InvalidData` if the bytes are not what a supervisor of this version writes.
pub(crate) fn replay(kept: &Kept) -> io::Result<(Family, Replayed)> {
    let (family, mut frame) = snapshot(kept)?;
    let root = family.root().contid();
    let connections = std::mem::take(&mut frame.connections).into_iter().collect();
    let mut replayed = Replayed {
        frame,
        connections,
        doubt: None,
        late: None,
        flushed: 0,
        answers: BTreeMap::new(),
        inside: Vec::new(),
        write: kept.write,
        written: kept.written,
        nested_written: BTreeMap::new(),
        unstored: Vec::new(),
        ended: false,
    };
    let answers = std::mem::take(&mut replayed.frame.answers);
    let mut replay =
        Replay { kept, family, root, replayed, taken: 0, last: None, outcome_noted: true, flushed: 0 };
    for (action, endpoint, frame) in answers {
        replay.note_answer(action, endpoint, &frame);
    }
    for (taken, bytes) in &kept.entries {
        replay.take_until(*taken)?;
        replay.apply(postcard::from_bytes(bytes).map_err(invalid)?);
    }
    replay.take_until(kept.taken)?;
    if let Some((endpoint, number)) = kept.late
        && number > replay.flushed
    {
        replay.flush(endpoint, number);
        replay.replayed.late = Some((endpoint, number));
    }
    replay.replayed.flushed = replay.flushed;
    let Replay { family, mut replayed, last, outcome_noted, .. } = replay;
    if kept.done < kept.taken && !outcome_noted {
        replayed.doubt = last.map(|(namespace, action)| Doubt { namespace, action, sent: kept.sent });
    }
    let mut unstored = std::mem::take(&mut replayed.unstored);
    unstored.retain(|state| is_left(&family, &replayed, state.contid));
    replayed.unstored = unstored;
    Ok((family, replayed))
}

/// Serial numbers begin again after the highest one.
pub(crate) fn is_after(serial: u32, other: u32) -> bool {
    serial.wrapping_sub(other).cast_signed() > 0
}

/// Whether something of a nested namespace is left to be done.
fn is_left(family: &Family, replayed: &Replayed, contid: u64) -> bool {
    let written = replayed.nested_written.get(&contid).and_then(|written| written[Log::Inside as usize]);
    let lacks = |action: &Action| match action {
        Action::StoreInside { serial, .. } => written.is_none_or(|last| is_after(*serial, last)),
        _ => true,
    };
    let doubtful = replayed.doubt.iter().map(|doubt| (doubt.namespace, &doubt.action));
    let inside = replayed.inside.iter().map(|(namespace, action)| (*namespace, action));
    let waiting = family.waiting_actions().map(|(namespace, action)| (*namespace, action));
    let mut left = waiting.chain(doubtful).chain(inside);
    left.any(|(namespace, action)| namespace == contid && lacks(action))
}

/// The namespaces as they were when the journal began.
///
/// # Errors
/// As [`replay`].
pub(crate) fn snapshot(kept: &Kept) -> io::Result<(Family, Frame)> {
    postcard::from_bytes(&kept.snapshot).map_err(invalid)
}

impl Replay<'_> {
    /// Takes actions up as the supervisor did.
    fn take_until(&mut self, taken: u64) -> io::Result<()> {
        while self.taken < taken {
            let (namespace, action) = self.family.poll_action().ok_or(io::ErrorKind::InvalidData)?;
            self.taken += 1;
            match action {
                Action::Pause { endpoint } => self.change(endpoint, |state| state.paused = true),
                Action::Resume { endpoint } => self.change(endpoint, |state| state.paused = false),
                Action::AwaitWritable { endpoint } => {
                    self.change(endpoint, |state| state.awaits_writable = true);
                }
                _ => {}
            }
            self.outcome_noted = false;
            if let Action::StoreInside { serial, .. } = action {
                self.outcome_noted = true;
                self.replayed.inside.push((namespace, action.clone()));
                if namespace == self.root && self.replayed.written[Log::Inside as usize] == Some(serial) {
                    self.replayed.inside.retain(|(other, _)| *other != namespace);
                }
            }
            if let Action::Reply { endpoint, frame } = &action
                && self.note_answer(journal::action(self.kept.epoch, self.taken), *endpoint, frame)
            {
                self.outcome_noted = true;
            }
            self.last = Some((namespace, action));
        }
        Ok(())
    }

    /// An answer was taken up. Returns whether it has a place of its own.
    fn note_answer(&mut self, action: u64, endpoint: EndpointId, frame: &[u8]) -> bool {
        let Some(LeftAnswer { place, sent }) = self.kept.answers.get(&action).copied() else { return false };
        if !sent {
            let lost = LostAnswer { endpoint, place, frame: frame.to_vec() };
            self.replayed.answers.insert(action, lost);
        }
        true
    }

    fn apply(&mut self, entry: OwnedEntry) {
        match entry {
            OwnedEntry::Input(input, now) => self.handle(self.root, &input, now),
            OwnedEntry::InputOf(namespace, input, now) => self.handle(namespace, &input, now),
            OwnedEntry::Connected(endpoint, state) => {
                self.replayed.frame.last_endpoint = self.replayed.frame.last_endpoint.max(endpoint.0);
                self.replayed.connections.insert(endpoint, state);
            }
            OwnedEntry::LookingUp(waiting) => self.replayed.frame.looking_up.push(waiting),
            OwnedEntry::Unsent(endpoint, since) => {
                self.outcome_noted = true;
                let Some((_, Action::Reply { frame, .. })) = &self.last else { return };
                let frame = frame.clone();
                self.change(endpoint, |state| state.wait_with(frame, since));
            }
            OwnedEntry::Returned(endpoint, since, action, frame) => {
                self.replayed.answers.remove(&action);
                self.outcome_noted |= action == journal::action(self.kept.epoch, self.taken);
                self.change(endpoint, |state| state.wait_with(frame, since));
            }
            OwnedEntry::Flushed(endpoint, number) => self.flush(endpoint, number),
            OwnedEntry::Dropped(endpoint) => self.change(endpoint, |state| state.unsent.clear()),
            OwnedEntry::CredentialsWanted(endpoint) => {
                self.change(endpoint, |state| state.credentials_wanted = true);
            }
            OwnedEntry::Raised(endpoint) => self.change(endpoint, |state| state.raised = true),
            OwnedEntry::Owner(owner) => self.replayed.frame.owner = Some(owner),
            OwnedEntry::Listener(listener) => {
                // Numbers of those that are gone are given again.
                let listeners = &mut self.replayed.frame.listeners;
                listeners.retain(|known| known.number != listener.number);
                listeners.push(listener);
            }
            OwnedEntry::Settings(settings) => self.replayed.frame.settings = settings,
            OwnedEntry::FirstMember(pid, started) => {
                let origin = &mut self.replayed.frame.origin;
                (origin.pid, origin.pid_started) = (pid, started);
            }
            OwnedEntry::LoginFile(number, state) => self.replayed.frame.login_files.push((number, state)),
            OwnedEntry::LoginFileClosed(number) => {
                self.replayed.frame.login_files.retain(|(known, _)| *known != number);
            }
            OwnedEntry::Nested(state) => self.replayed.frame.nested.push(state),
            OwnedEntry::NestedOwner(namespace, owner) => {
                self.change_nested(namespace, |state| state.owner = owner);
            }
            OwnedEntry::NestedSettings(namespace, settings) => {
                self.change_nested(namespace, |state| state.settings = settings);
            }
            OwnedEntry::NestedWritten(namespace, log, last) => {
                self.replayed.nested_written.entry(namespace).or_default()[log as usize] = Some(last);
                if log == Log::Inside {
                    self.replayed.inside.retain(|(other, _)| *other != namespace);
                }
            }
        }
    }

    fn handle(&mut self, namespace: u64, input: &OwnedInput, now: Now) {
        let input = input.as_input();
        self.before_input(namespace, &input);
        self.family.handle(namespace, input, now);
    }

    fn change_nested(&mut self, namespace: u64, change: impl FnOnce(&mut NestedState)) {
        let mut nested = self.replayed.frame.nested.iter_mut();
        if let Some(state) = nested.find(|state| state.contid == namespace) {
            change(state);
        }
    }

    fn forget_nested(&mut self, namespace: u64) {
        self.replayed.frame.nested.retain(|state| state.contid != namespace);
    }

    fn before_input(&mut self, namespace: u64, input: &Input<'_>) {
        match *input {
            Input::EndpointClosed { endpoint } => {
                self.replayed.connections.remove(&endpoint);
            }
            Input::Datagram { endpoint, .. } => {
                self.replayed.frame.looking_up.retain(|waiting| waiting.endpoint != endpoint);
            }
            Input::Writable { endpoint } => self.change(endpoint, |state| state.awaits_writable = false),
            Input::Delivered { .. } | Input::StoreFailed { .. } => self.outcome_noted = true,
            Input::ThreadGroupMoved { contid, outcome } => {
                self.outcome_noted = true;
                if outcome.is_err() {
                    self.forget_nested(contid);
                }
            }
            Input::Ended if namespace == self.root => self.replayed.ended = true,
            Input::Ended => {
                let nested = &self.replayed.frame.nested;
                self.replayed.unstored.extend(nested.iter().find(|state| state.contid == namespace).cloned());
                self.forget_nested(namespace);
            }
            _ => {}
        }
    }

    fn flush(&mut self, endpoint: EndpointId, number: u64) {
        self.flushed = self.flushed.max(number);
        self.change(endpoint, |state| {
            state.unsent.pop_front();
        });
    }

    fn change(&mut self, endpoint: EndpointId, change: impl FnOnce(&mut ConnectionState)) {
        if let Some(state) = self.replayed.connections.get_mut(&endpoint) {
            change(state);
        }
    }
}

fn invalid(error: postcard::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

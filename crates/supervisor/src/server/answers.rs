//! Answers that are sent without the namespace's lock.
//!
//! Sending wakes the member, and the scheduler often lets it run at once, in the place of the thread that has sent. Were the lock
//! held meanwhile, all other threads would wait as well. So the answers to what a thread has handled in its turn are gathered,
//! and sent when it has given the lock back. Nothing overtakes them: whoever has something else for the same socket waits.

use super::Server;
use super::line::Line;
use crate::state::{AnswerTable, LostAnswer};
use auditns_core::EndpointId;
use auditns_sys::{Sent, endpoint};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An answer on its way.
#[derive(Clone, Debug)]
struct Answer {
    endpoint: EndpointId,
    frame: Arc<Frame>,
    /// Where it is noted, if somebody keeps notes.
    place: u32,
    /// Which action it is.
    action: u64,
}

#[derive(Debug)]
struct Frame {
    bytes: Vec<u8>,
    /// There was no room for it. Whoever has the lock may take it back.
    refused: AtomicBool,
}

/// An answer, and where it goes.
type Addressed = (Arc<Line>, Answer);

/// The answers of a namespace that are on their way.
#[derive(Debug)]
pub(super) struct Answers {
    /// Where they are noted.
    table: Option<AnswerTable>,
    /// By place.
    on_their_way: Vec<Option<Answer>>,
    free: Vec<u32>,
    /// Those that the thread in its turn has gathered, if it does.
    gathered: Option<Vec<Addressed>>,
    /// How many there were, where no journal counts.
    count: u64,
}

/// What a thread has gathered in its turn.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Gathered {
    answers: Vec<Addressed>,
    table: Option<AnswerTable>,
}

/// What became of them.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// Places and actions of those that are sent, or never will be.
    done: Vec<(u32, u64)>,
    /// For which there was no room.
    waiting: Vec<Addressed>,
}

impl Answers {
    pub(super) fn new(table: Option<AnswerTable>) -> Answers {
        Answers { table, on_their_way: Vec::new(), free: Vec::new(), gathered: None, count: 0 }
    }

    /// From now on answers are gathered, until [`Answers::take`].
    pub(super) fn gather(&mut self) {
        self.gathered.get_or_insert_default();
    }

    /// What was gathered. Nothing is, from now on.
    pub(super) fn take(&mut self) -> Gathered {
        Gathered { answers: self.gathered.take().unwrap_or_default(), table: self.table.clone() }
    }

    /// Gathers an answer: that which is this action. Returns it if it is to be sent at once.
    fn add(
        &mut self,
        endpoint: EndpointId,
        line: &Arc<Line>,
        frame: Vec<u8>,
        action: u64,
    ) -> Option<Vec<u8>> {
        if self.gathered.is_none() {
            return Some(frame);
        }
        let Some(place) = self.next_place() else { return Some(frame) };
        if let Some(table) = &self.table {
            table.announce(place, action);
        }
        line.depart();
        let answer = Answer::new(endpoint, frame, place, action);
        if let Some(known) = self.on_their_way.get_mut(place as usize) {
            *known = Some(answer.clone());
        }
        self.gathered.get_or_insert_default().push((Arc::clone(line), answer));
        None
    }

    /// A place that is free, if there is one.
    fn next_place(&mut self) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        let place =
            u32::try_from(self.on_their_way.len()).ok().filter(|place| *place < AnswerTable::PLACES)?;
        self.on_their_way.push(None);
        Some(place)
    }

    /// Gives the place of an answer back. Returns whether it still was the answer's.
    fn give_back(&mut self, place: u32, action: u64) -> bool {
        let known = self.on_their_way.get_mut(place as usize);
        let own = known.and_then(|known| known.take_if(|answer| answer.action == action)).is_some();
        if own {
            self.free.push(place);
        }
        own
    }

    /// Those for an endpoint for which there was no room, in order.
    fn refused(&self, endpoint: EndpointId) -> Vec<Answer> {
        let known = self.on_their_way.iter().flatten();
        let refused = known
            .filter(|answer| answer.endpoint == endpoint && answer.frame.refused.load(Ordering::Acquire));
        let mut refused: Vec<Answer> = refused.cloned().collect();
        refused.sort_unstable_by_key(|answer| answer.action);
        refused
    }

    /// Whether the thread in its turn has gathered one for this endpoint.
    fn has_gathered(&self, endpoint: EndpointId) -> bool {
        self.gathered.iter().flatten().any(|(_, answer)| answer.endpoint == endpoint)
    }

    /// For a snapshot: each with its action, in order.
    pub(super) fn state(&self) -> Vec<(u64, EndpointId, Vec<u8>)> {
        let known = self.on_their_way.iter().flatten();
        let mut state: Vec<_> =
            known.map(|answer| (answer.action, answer.endpoint, answer.frame.bytes.clone())).collect();
        state.sort_unstable_by_key(|(action, ..)| *action);
        state
    }
}

impl Gathered {
    /// Sends them. Nobody needs to hold the lock.
    pub(super) fn send(self) -> Returned {
        let mut returned = Returned::default();
        for (line, answer) in self.answers {
            // What comes after one that waits would overtake it.
            let waits = returned.waiting.iter().any(|(waiting, _)| Arc::ptr_eq(waiting, &line));
            let sent = if waits { Ok(Sent::WouldBlock) } else { answer.send(&line, self.table.as_ref()) };
            match sent {
                Ok(Sent::WouldBlock) => {
                    answer.frame.refused.store(true, Ordering::Release);
                    line.refuse();
                    returned.waiting.push((line, answer));
                }
                // Nobody is there to read it, or it is longer than the whole buffer.
                Ok(Sent::Sent | Sent::Closed) | Err(_) => {
                    line.arrive();
                    returned.done.push((answer.place, answer.action));
                }
            }
        }
        returned
    }
}

impl Answer {
    fn new(endpoint: EndpointId, bytes: Vec<u8>, place: u32, action: u64) -> Answer {
        let frame = Arc::new(Frame { bytes, refused: AtomicBool::new(false) });
        Answer { endpoint, frame, place, action }
    }

    fn send(&self, line: &Line, table: Option<&AnswerTable>) -> std::io::Result<Sent> {
        match table {
            Some(table) => table.send(self.place, line, &self.frame.bytes, line.sent_by()),
            None => endpoint::send(line, &self.frame.bytes, line.sent_by()),
        }
    }
}

impl Returned {
    /// More came back.
    pub(super) fn append(&mut self, mut more: Returned) {
        self.done.append(&mut more.done);
        self.waiting.append(&mut more.waiting);
    }

    /// Whether somebody has to see to them soon: some wait, or many places would be of no use meanwhile.
    pub(super) fn is_urgent(&self) -> bool {
        !self.waiting.is_empty() || self.done.len() > AnswerTable::PLACES as usize / 16
    }
}

impl Server<'_> {
    /// Gathers an answer to be sent when the lock is given back. Returns it if it has to be sent at once.
    pub(super) fn gather(&mut self, endpoint: EndpointId, frame: Vec<u8>) -> Option<Vec<u8>> {
        self.answers.count += 1;
        let action = self.namespace.journal().map_or(self.answers.count, |journal| journal.current());
        let connection = self.connections.get(&endpoint).filter(|connection| connection.has_no_unsent());
        let Some(connection) = connection else { return Some(frame) };
        let line = Arc::clone(connection.line());
        if line.is_busy() && !self.answers.has_gathered(endpoint) {
            self.wait_for(endpoint, &line);
            if self.connections.get(&endpoint).is_some_and(|connection| !connection.has_no_unsent()) {
                return Some(frame);
            }
        }
        self.answers.add(endpoint, &line, frame, action)
    }

    /// Waits until nothing is on its way to an endpoint. Whoever sends needs no lock for it, only a processor.
    fn wait_for(&mut self, endpoint: EndpointId, line: &Line) {
        while line.is_busy() {
            if line.take_refused() {
                // Its thread waits for the lock.
                for answer in self.answers.refused(endpoint) {
                    self.return_answer(line, &answer);
                }
            } else {
                thread::yield_now();
            }
        }
    }

    /// Something else than a gathered answer is about to be sent to an endpoint: what is on its way goes first.
    pub(super) fn send_gathered_before(&mut self, endpoint: EndpointId) {
        let Some(line) = self.connections.get(&endpoint).map(super::connection::Connection::line) else {
            return;
        };
        if !line.is_busy() {
            return;
        }
        let line = Arc::clone(line);
        if self.answers.has_gathered(endpoint) {
            let returned = self.answers.take().send();
            self.take_back(returned);
            self.answers.gather();
        }
        self.wait_for(endpoint, &line);
    }

    /// Does what is left to do when gathered answers were sent.
    pub(super) fn take_back(&mut self, returned: Returned) {
        for (line, answer) in returned.waiting {
            self.return_answer(&line, &answer);
        }
        for (place, action) in returned.done {
            self.answers.give_back(place, action);
        }
    }

    /// An answer for which there was no room waits, if nobody has seen to that yet.
    fn return_answer(&mut self, line: &Line, answer: &Answer) {
        if self.answers.give_back(answer.place, answer.action) {
            self.wait_with(answer);
            line.arrive();
        }
    }

    fn wait_with(&mut self, answer: &Answer) {
        self.let_wait(answer.endpoint, |connection, now| {
            connection.wait_with(&answer.frame.bytes, answer.action, now);
        });
    }

    /// Sends answers that were on their way when another process was killed.
    pub(super) fn send_lost(&mut self, answers: impl IntoIterator<Item = (u64, LostAnswer)>) {
        let table = self.answers.table.clone();
        for (action, LostAnswer { endpoint, place, frame }) in answers {
            let Some(connection) = self.connections.get(&endpoint) else { continue };
            let answer = Answer::new(endpoint, frame, place, action);
            let sent = if connection.has_no_unsent() {
                answer.send(connection.line(), table.as_ref())
            } else {
                Ok(Sent::WouldBlock)
            };
            if matches!(sent, Ok(Sent::WouldBlock)) {
                self.wait_with(&answer);
            }
        }
    }
}

#[cfg(test)]
mod tests;

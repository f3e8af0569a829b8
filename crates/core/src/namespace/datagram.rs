//! One datagram: its messages in turn, their answers in order.

use super::{Namespace, count};
use crate::action::{Action, EndpointId};
use crate::config::Policy;
use crate::input::{Answers, Inquiry};
use crate::rules::{PathKind, PathQuestion, path_questions};
use crate::sender::{Sender, Standing};
use crate::socket::option;
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::equivalence::Equivalence;
use auditns_wire::header::{FLAG_ACK, Message, messages};
use auditns_wire::message_type as kind;
use auditns_wire::reply::{self, Verdict};

/// Everything about the message being handled.
pub(super) struct Request<'a> {
    pub(super) endpoint: EndpointId,
    pub(super) sender: &'a Sender,
    pub(super) answers: &'a Answers,
    pub(super) message: Message<'a>,
    /// The first message of the same datagram, which two answers name in place of their own.
    pub(super) first: Message<'a>,
    /// Acknowledgements and errors of the messages before it.
    pub(super) answers_before: usize,
    pub(super) now: Now,
}

/// What handling a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Done; acknowledged where asked for.
    Done,
    /// Done, and the acknowledgement is already out.
    Acknowledged,
    /// Done; the acknowledgement carries a number, and is sent unasked when that is not 0.
    Count(u32),
}

pub(super) type Handled = Result<Outcome, Errno>;

/// Most paths that are looked up for one datagram.
const PATHS_MAX: usize = 64;

/// Once this many rules are listed in answer to one datagram, further lists are refused: one message of 16 bytes asks
/// for up to 8 MiB, and a datagram holds thousands of them. A first list is never refused.
const LISTED_MAX: usize = 1024;

/// The data replies to one datagram.
#[derive(Default)]
struct Replies {
    frames: Vec<Vec<u8>>,
    /// Rules among them.
    listed: usize,
}

impl Namespace {
    /// Which facts [`crate::Input::Datagram`] must bring along for these bytes. Nothing for ordinary messages.
    pub fn inquire(&self, bytes: &[u8]) -> Inquiry {
        let mut inquiry = Inquiry { exe: self.rules.needs_exe(), ..Inquiry::default() };
        for message in messages(bytes) {
            match message.header.message_type {
                kind::SET_FEATURE => inquiry.details = true,
                kind::TTY_GET | kind::TTY_SET | kind::USER_TTY => inquiry.ancestors = true,
                kind::ADD_RULE | kind::DEL_RULE if self.config.policy == Policy::Normal => {
                    inquiry.paths.extend(path_questions(message.payload));
                }
                kind::MAKE_EQUIV if self.config.policy == Policy::Normal => {
                    if let Ok(Equivalence { old, new }) = Equivalence::decode(message.payload) {
                        inquiry
                            .paths
                            .extend([old, new].map(|path| PathQuestion { path, kind: PathKind::Dir }));
                    }
                }
                kind::CREATE_NS => inquiry.creation = is_alone(bytes),
                _ => {}
            }
        }
        inquiry.paths.truncate(PATHS_MAX);
        inquiry
    }

    /// Kernel: `audit_receive`. Acknowledgements and errors come first, in order; data replies follow.
    pub(super) fn receive(
        &mut self,
        endpoint: EndpointId,
        sender: &Sender,
        bytes: &[u8],
        answers: &Answers,
        now: Now,
    ) {
        self.note_datagram(endpoint, sender);
        self.refusals.clear();
        let first_action = self.output.len();
        let mut first = None;
        let mut replies = Replies::default();
        let mut answers_before = 0;
        for message in messages(bytes) {
            count(&mut self.counters.messages);
            let first = *first.get_or_insert(message);
            let request = Request { endpoint, sender, answers, message, first, answers_before, now };
            let asked = message.header.flags & FLAG_ACK != 0;
            let verdict = match self.receive_message(&request, &mut replies) {
                Ok(Outcome::Done | Outcome::Count(0)) if !asked => continue,
                Ok(Outcome::Done | Outcome::Count(0)) => Some(Verdict::Success),
                Ok(Outcome::Acknowledged) => None,
                Ok(Outcome::Count(count)) => Some(Verdict::Count(count)),
                Err(errno) => Some(Verdict::Failure(errno)),
            };
            answers_before += 1;
            if let Some(verdict) = verdict {
                self.acknowledge(endpoint, &message, verdict);
            }
        }
        fault!(DataBeforeAcknowledgement => for frame in replies.frames.drain(..) {
            self.output.insert(first_action, Action::Reply { endpoint, frame });
        });
        self.output.extend(replies.frames.into_iter().map(|frame| Action::Reply { endpoint, frame }));
        self.wait_for_backlog(endpoint, first_action, now);
    }

    fn receive_message(&mut self, request: &Request<'_>, replies: &mut Replies) -> Handled {
        let message_type = request.message.header.message_type;
        self.permit(message_type, request.sender)?;
        let data = &mut replies.frames;
        match message_type {
            kind::GET => data.push(self.get_status(request)),
            kind::GET_FEATURE => data.push(self.get_features(request)),
            kind::SIGNAL_INFO => data.push(self.get_signal_info(request)),
            kind::TTY_GET => data.push(self.get_tty(request)),
            kind::LIST_RULES if replies.listed >= LISTED_MAX => return Err(Errno::ENOMEM),
            kind::LIST_RULES => {
                replies.listed += self.rules.len();
                data.extend(self.list_rules(request));
            }
            _ => return self.apply(message_type, request),
        }
        Ok(Outcome::Done)
    }

    /// A message that changes or records something.
    fn apply(&mut self, message_type: u16, request: &Request<'_>) -> Handled {
        match message_type {
            kind::SET => self.set_status(request),
            kind::SET_FEATURE => self.set_features(request),
            kind::ADD_RULE | kind::DEL_RULE => self.change_rule(request),
            kind::TRIM => self.trim(request),
            kind::MAKE_EQUIV => self.make_equivalent(request),
            kind::TTY_SET => self.set_tty(request),
            _ => self.user_message(request),
        }
    }

    /// Takes note of a datagram with a request for a namespace inside this one, which the family handles.
    pub(crate) fn note_creation(&mut self, endpoint: EndpointId, sender: &Sender) {
        self.note_datagram(endpoint, sender);
        count(&mut self.counters.messages);
    }

    fn note_datagram(&mut self, endpoint: EndpointId, sender: &Sender) {
        count(&mut self.counters.datagrams);
        if sender.standing == Standing::Unknown {
            count(&mut self.counters.unknown_senders);
        }
        self.endpoints.autobind(endpoint, sender.own_pid);
    }

    pub(crate) fn acknowledge(&mut self, endpoint: EndpointId, message: &Message<'_>, verdict: Verdict) {
        let frame = self.acknowledgement(endpoint, message, verdict);
        fault!(AcknowledgedBeforeStored => return self.output.push_front(Action::Reply { endpoint, frame }));
        self.output.push_back(Action::Reply { endpoint, frame });
    }

    pub(super) fn acknowledgement(
        &self,
        endpoint: EndpointId,
        message: &Message<'_>,
        verdict: Verdict,
    ) -> Vec<u8> {
        let capped = self.endpoints.has_option(endpoint, option::CAP_ACK);
        reply::acknowledgement(message, verdict, self.endpoints.port(endpoint), capped)
    }
}

/// Whether a datagram has no more than one message.
fn is_alone(bytes: &[u8]) -> bool {
    messages(bytes).nth(1).is_none()
}

impl Request<'_> {
    /// A data reply to this request.
    pub(super) fn data(&self, payload: &[u8]) -> Vec<u8> {
        reply::data(self.message.header.message_type, self.message.header.sequence, false, payload)
    }
}

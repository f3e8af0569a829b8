//! What happens when the host's log cannot be written.

use super::datagram::Request;
use super::settings::FAIL_PANIC;
use super::{Namespace, count};
use crate::action::{Action, EndpointId, LossReason};
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::header::{FLAG_ACK, HEADER_LENGTH, Header, messages};
use auditns_wire::message_type::NLMSG_ERROR;
use auditns_wire::reply::Verdict;
use serde::{Deserialize, Serialize};

/// A message that is refused should its record not reach the log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    serial: u32,
    endpoint: EndpointId,
    /// Acknowledgements and errors of the messages before it in its datagram.
    answers_before: usize,
    #[serde(with = "crate::bytes")]
    request: Vec<u8>,
}

impl Namespace {
    /// With `failure` 2 a message counts as done only when its record is in the log, so what is needed to refuse it
    /// is kept until the datagram's actions are performed.
    pub(super) fn remember_unstored(&mut self, request: &Request<'_>, serial: Option<u32>) {
        if let Some(serial) = serial
            && self.settings.failure == FAIL_PANIC
        {
            let request_bytes = [&request.message.header.encode()[..], request.message.payload].concat();
            self.refusals.push(Refusal {
                serial,
                endpoint: request.endpoint,
                answers_before: request.answers_before,
                request: request_bytes,
            });
        }
    }

    /// The record counts as lost. `failure` 0 and 1 acknowledge the message all the same; 2, where a kernel would
    /// panic, refuses it with the error of the write.
    pub(super) fn store_failed(&mut self, serial: u32, errno: Errno, now: Now) {
        count(&mut self.counters.store_failures);
        self.lose(LossReason::NotStored, now);
        fault!(NotStoredAcknowledged => return);
        let Some(at) = self.refusals.iter().position(|refusal| refusal.serial == serial) else { return };
        let refusal = self.refusals.swap_remove(at);
        let Some(message) = messages(&refusal.request).next() else { return };
        let endpoint = refusal.endpoint;
        let frame = self.acknowledgement(endpoint, &message, Verdict::Failure(errno));
        let asked = message.header.flags & FLAG_ACK != 0;
        fault!(RefusalOutOfPlace => if !asked {
            return self.output.push_front(Action::Reply { endpoint, frame });
        });
        if let Some(held) = self.waiters.held_for(endpoint) {
            match held.get_mut(refusal.answers_before) {
                Some(answer) if asked => *answer = Action::Reply { endpoint, frame },
                _ => {
                    let at = refusal.answers_before.min(held.len());
                    held.insert(at, Action::Reply { endpoint, frame });
                    let later = self.refusals.iter_mut().filter(|later| later.serial > serial);
                    later.for_each(|later| later.answers_before = later.answers_before.saturating_add(1));
                }
            }
            return;
        }
        let pending = if asked { self.pending_acknowledgement(endpoint, &message.header) } else { None };
        match pending {
            Some(pending) => *pending = frame,
            None => self.output.push_front(Action::Reply { endpoint, frame }),
        }
    }

    /// The acknowledgement of a message, still to leave, not held back and saying success. It repeats the request's
    /// header, by which it is told from that of another message with the same sequence number: many clients always
    /// send 0.
    fn pending_acknowledgement(&mut self, endpoint: EndpointId, request: &Header) -> Option<&mut Vec<u8>> {
        self.output.iter_mut().find_map(|action| match action {
            Action::Reply { endpoint: to, frame } if *to == endpoint => {
                let header = Header::decode(frame)?;
                let (error, echoed) = frame.get(HEADER_LENGTH..)?.split_at_checked(4)?;
                let succeeded = header.message_type == NLMSG_ERROR && error == [0; 4];
                (succeeded && Header::decode(echoed)? == *request).then_some(frame)
            }
            _ => None,
        })
    }
}

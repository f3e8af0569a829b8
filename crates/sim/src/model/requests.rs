//! What a namespace answers, and which records it makes of requests.

use super::{Daemon, Model, Waiter};
use crate::seen::Seen;
use crate::step::{Ask, Setting};
use crate::text::{Body, marker};
use auditns_core::{EndpointId, LossReason, Sender, Standing};
use auditns_wire::Errno;
use auditns_wire::record::{View, Viewed};
use std::time::Duration;

const JIFFY: Duration = Duration::from_millis(4);
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A message as the namespace gets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) ask: Ask,
    /// Whether it is to be acknowledged.
    pub(crate) asked: bool,
    pub(crate) sequence: u32,
}

/// A message that is refused if its record cannot be stored.
#[derive(Debug)]
pub(super) struct Refusable {
    serial: u32,
    to: EndpointId,
    request: Request,
    /// Answers of its datagram that come before its own.
    answers: usize,
}

impl Model {
    /// All acknowledgements and errors of a datagram, in order, and then what was asked for.
    pub(crate) fn datagram(&mut self, to: EndpointId, from: &Sender, requests: &[Request]) {
        self.refusable.clear();
        self.answers = 0;
        let before = self.seen.len();
        let mut data = Vec::new();
        for request in requests {
            // A registration is acknowledged before records can follow, in the name of the datagram's first message.
            let head = Seen::Answer { to, sequence: requests[0].sequence, error: 0 };
            let answer = match (self.permit(request.ask, from), request.ask) {
                (Ok(()), Ask::Register) => self.register(to, from, request.asked.then_some(head)),
                (Ok(()), _) => self.answer(to, from, request, &mut data),
                (Err(errno), _) => Err(errno),
            };
            let asked = request.asked && (request.ask != Ask::Register || answer.is_err());
            let error = answer.map_or_else(|errno| -errno.0, u32::cast_signed);
            if asked || error != 0 {
                self.seen.push(Seen::Answer { to, sequence: request.sequence, error });
                self.answers += 1;
            }
        }
        self.seen.append(&mut data);
        self.wait(to, before);
    }

    fn permit(&self, ask: Ask, from: &Sender) -> Result<(), Errno> {
        let may = from.capabilities;
        match ask {
            _ if from.standing == Standing::Foreign => Err(Errno::ECONNREFUSED),
            Ask::Unknown(1002..=1004) => Err(Errno::EOPNOTSUPP),
            Ask::Unknown(_) => Err(Errno::EINVAL),
            Ask::Say(..) if !may.write => Err(Errno::EPERM),
            Ask::Say(..) if !self.gate => Err(Errno::ECONNREFUSED),
            Ask::Say(..) => Ok(()),
            _ if !may.control || !from.in_owner_pid_namespace => Err(Errno::EPERM),
            Ask::Set(..) | Ask::ResetLost if self.strict => Err(Errno::EPERM),
            _ => Ok(()),
        }
    }

    fn answer(
        &mut self,
        to: EndpointId,
        from: &Sender,
        request: &Request,
        data: &mut Vec<Seen>,
    ) -> Result<u32, Errno> {
        let sequence = request.sequence;
        match request.ask {
            Ask::Say(kind, more) if self.status.enabled != 0 || kind == 1107 => {
                let text = marker(self.contid, sequence) + &"x".repeat(more.into());
                let serial = self.record(kind, from, &Body::Said(text));
                // Who asks for a panic when a record is lost is refused what cannot be recorded.
                let refusable = serial.filter(|_| self.status.failure == 2);
                let (answers, request) = (self.answers, *request);
                let refusable = refusable.map(|serial| Refusable { serial, to, request, answers });
                self.refusable.extend(refusable);
            }
            Ask::Get => {
                let payload = self.status(View::Namespace).encode();
                data.push(Seen::Data { to, sequence, kind: 1000, payload });
            }
            Ask::RegisterOther => return Err(Errno::EINVAL),
            Ask::Unregister => self.ask_to_unregister(from)?,
            Ask::Set(setting, value) => self.set(setting, value, from)?,
            Ask::ResetLost => {
                let old = std::mem::take(&mut self.status.lost);
                self.log_setting("lost", same(0), same(old), from, true);
                return Ok(old);
            }
            Ask::Say(..) | Ask::Register | Ask::Unknown(_) => {}
        }
        Ok(0)
    }

    fn register(&mut self, socket: EndpointId, from: &Sender, answer: Option<Seen>) -> Result<u32, Errno> {
        let pid = from.ids.map(|ids| ids.pid);
        let old = self.probe(from);
        if self.daemon.is_some() {
            self.log_setting("audit_pid", pid, old, from, false);
            return Err(Errno::EEXIST);
        }
        self.answers += usize::from(answer.is_some());
        self.seen.extend(answer);
        self.registrations += 1;
        self.daemon = Some(Daemon { number: self.registrations, socket, pid, closed: false });
        self.seen.push(Seen::Daemon { pid: pid.host, registered: true });
        if self.status.enabled != 0 {
            self.log_setting("audit_pid", pid, old, from, true);
        }
        Ok(0)
    }

    fn ask_to_unregister(&mut self, from: &Sender) -> Result<(), Errno> {
        let old = self.probe(from);
        let another = self.daemon.is_some_and(|daemon| daemon.pid.host != from.ids.host.pid);
        if another || self.status.enabled != 0 {
            self.log_setting("audit_pid", same(0), old, from, !another);
        }
        match self.daemon {
            _ if another => return Err(Errno::EACCES),
            Some(daemon) => self.unregister(daemon.number),
            None => self.hold_retried(),
        }
        Ok(())
    }

    /// The audit daemon is told that somebody asks to be it. This is when a closed socket shows.
    fn probe(&mut self, from: &Sender) -> Viewed<u32> {
        match self.daemon {
            Some(daemon) if daemon.closed => self.unregister(daemon.number),
            Some(daemon) => {
                self.seen.push(Seen::Replace { to: daemon.socket, pid: from.ids.namespace.pid });
            }
            None => {}
        }
        self.daemon.map_or(same(0), |daemon| daemon.pid)
    }

    fn set(&mut self, setting: Setting, value: u32, from: &Sender) -> Result<(), Errno> {
        let (name, maximum) = match setting {
            Setting::Enabled => ("audit_enabled", 2),
            Setting::Failure => ("audit_failure", 2),
            Setting::RateLimit => ("audit_rate_limit", u32::MAX),
            Setting::BacklogLimit if !self.gate => return Err(Errno::EPERM),
            Setting::BacklogLimit => ("audit_backlog_limit", u32::MAX),
            Setting::BacklogWaitTime => ("audit_backlog_wait_time", 150_000),
        };
        if value > maximum {
            return Err(Errno::EINVAL);
        }
        let (old, enabled) = (*self.setting(setting), self.status.enabled);
        // The record is made while the old value holds.
        if enabled != 0 {
            self.log_setting(name, same(value), same(old), from, enabled != 2);
        }
        if enabled == 2 {
            return Err(Errno::EPERM);
        }
        *self.setting(setting) = value;
        Ok(())
    }

    fn setting(&mut self, setting: Setting) -> &mut u32 {
        match setting {
            Setting::Enabled => &mut self.status.enabled,
            Setting::Failure => &mut self.status.failure,
            Setting::RateLimit => &mut self.status.rate_limit,
            Setting::BacklogLimit => &mut self.status.backlog_limit,
            Setting::BacklogWaitTime => &mut self.status.backlog_wait_time,
        }
    }

    fn log_setting(
        &mut self,
        name: &'static str,
        new: Viewed<u32>,
        old: Viewed<u32>,
        from: &Sender,
        done: bool,
    ) {
        self.record(1305, from, &Body::Set { name, new, old, done });
    }

    /// A sender waits while the main queue is over its limit and the audit daemon has no room. The answers of the daemon
    /// itself do not wait: it has to see them before the first record.
    fn wait(&mut self, to: EndpointId, before: usize) {
        let limit = self.status.backlog_limit as usize;
        let [_, _, length] = self.lengths();
        if limit == 0 || length <= limit || self.room_deadline().is_none() {
            return;
        }
        let wait = (JIFFY * self.status.backlog_wait_time).clamp(JIFFY, WAIT_MAX);
        let mut waiter = Waiter { socket: to, until: self.now.clock + wait, answers: Vec::new() };
        if self.daemon.is_none_or(|daemon| daemon.socket != to) {
            let is_answer = |seen: &mut Seen| match seen {
                Seen::Answer { to: who, .. } | Seen::Data { to: who, .. } => *who == to,
                _ => false,
            };
            waiter.answers = self.seen.extract_if(before.., is_answer).collect();
        }
        self.waiters.push_back(waiter);
        self.seen.push(Seen::Paused { to });
    }

    /// A record could not be stored. That is a loss, but the audit daemon gets it all the same; with `failure` 2 its
    /// message is refused.
    pub(crate) fn not_stored(&mut self, serial: u32, errno: i32) {
        self.counts.not_stored += 1;
        self.lose(LossReason::NotStored);
        let Some(refusable) = self.refusable.iter().find(|known| known.serial == serial) else { return };
        let Refusable { to, request, answers, .. } = *refusable;
        let is_stored =
            |seen: &Seen| matches!(seen, Seen::Stored { serial: number, .. } if *number == serial);
        let after = self.seen.iter().position(is_stored).map_or(0, |at| at + 1);
        let success = Seen::Answer { to, sequence: request.sequence, error: 0 };
        let refusal = Seen::Answer { to, sequence: request.sequence, error: -errno };
        let mut held = self.waiters.iter_mut().map(|waiter| &mut waiter.answers);
        let held = held.find(|held| held.iter().any(|seen| seen.party() == success.party()));
        let waits = held.is_some();
        let (list, place) = match held {
            Some(held) => (held, answers),
            None => (&mut self.seen, after),
        };
        match list.iter_mut().skip(if waits { 0 } else { after }).find(|seen| **seen == success) {
            Some(answer) if request.asked => *answer = refusal,
            // Nobody has asked to be told. It is told all the same, in its place.
            _ => {
                list.insert(place, refusal);
                self.refusable.iter_mut().for_each(|later| later.answers += usize::from(waits));
            }
        }
    }

    /// Somebody joins READLOG, on a socket that has a port, or leaves.
    pub(crate) fn listen(&mut self, socket: EndpointId, who: &Sender, joins: bool) -> i32 {
        let done = !joins || who.capabilities.read;
        if self.status.enabled != 0 {
            self.record(1335, who, &Body::Listener { joins, done });
        }
        if joins && done {
            self.listeners.insert(socket, *who);
        } else if !joins {
            self.listeners.remove(&socket);
        }
        if done { 0 } else { Errno::EPERM.0 }
    }

    /// The registration outlives its socket until somebody tries to reach it.
    pub(crate) fn closed(&mut self, socket: EndpointId) {
        if let Some(daemon) = self.daemon.as_mut().filter(|daemon| daemon.socket == socket) {
            daemon.closed = true;
        }
        self.waiters.retain(|waiter| waiter.socket != socket);
        if let Some(who) = self.listeners.get(&socket).copied() {
            self.listen(socket, &who, false);
        }
        if self.pass.as_ref().is_some_and(|pass| pass.is_to(socket)) {
            self.end_attempt(true);
        }
    }

    pub(crate) fn login(&mut self, who: &Sender, done: bool) {
        if self.status.enabled != 0 {
            self.record(1006, who, &Body::Login { done });
        }
    }

    pub(crate) fn host_limit(&mut self, limit: u32) {
        (self.status.backlog_limit, self.gate) = (limit, limit != 0);
    }

    pub(crate) fn host_rate(&mut self, limit: u32) {
        self.status.rate_limit = limit;
    }

    pub(crate) fn host_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    pub(crate) fn gate(&self) -> bool {
        self.gate
    }
}

fn same(value: u32) -> Viewed<u32> {
    Viewed { namespace: value, host: value }
}

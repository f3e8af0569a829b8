//! What holds after every step, whatever the model says: the rules of the contract, each by itself.

use crate::model::Request;
use crate::seen::Seen;
use crate::step::{Ask, Setting};
use crate::text::marked;
use auditns_core::{EndpointId, Namespace};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A rule that was broken, as a sentence.
pub(crate) type Broken = String;

/// A message whose answer is still to come.
#[derive(Debug)]
struct Pending {
    request: Request,
    /// The first message of its datagram.
    head: u32,
}

/// What the edge of one namespace has seen.
#[derive(Debug, Default)]
pub(crate) struct Books {
    contid: u64,
    last_serial: u32,
    lifetimes: u64,
    stored: u64,
    delivered: u64,
    /// Messages that were acknowledged as done.
    acknowledged: BTreeSet<u32>,
    pending: BTreeMap<EndpointId, VecDeque<Pending>>,
    paused: BTreeMap<EndpointId, Duration>,
    /// The record that was attempted last, until it is delivered.
    attempted: Option<u32>,
    /// No attempt has failed since all queues were empty.
    orderly: bool,
    last_delivered: u32,
    /// Lengths of hold and retry queue after the last input, and records in hand.
    before: ([usize; 2], usize),
    /// The input that is being handled may set the limit.
    sets_limit: bool,
}

impl Books {
    pub(crate) fn new(contid: u64) -> Books {
        Books { contid, orderly: true, ..Books::default() }
    }

    /// A datagram was given to the namespace.
    pub(crate) fn asked(&mut self, from: EndpointId, requests: &[Request]) {
        self.sets_limit = requests.iter().any(|it| matches!(it.ask, Ask::Set(Setting::BacklogLimit, _)));
        let head = requests.first().map_or(0, |request| request.sequence);
        let pending = requests.iter().map(|request| Pending { request: *request, head });
        self.pending.entry(from).or_default().extend(pending);
    }

    pub(crate) fn closed(&mut self, socket: EndpointId) {
        self.pending.remove(&socket);
        self.paused.remove(&socket);
        // The record in hand may have been on its way to this socket, and goes to the end of a queue then.
        self.orderly &= self.attempted.is_none();
    }

    pub(crate) fn is_paused(&self, socket: EndpointId) -> bool {
        self.paused.contains_key(&socket)
    }

    pub(crate) fn anybody_is_paused(&self) -> bool {
        !self.paused.is_empty()
    }

    /// Enters what somebody sees.
    ///
    /// # Errors
    /// The rule that this breaks.
    pub(crate) fn enter(
        &mut self,
        seen: &Seen,
        namespace: &Namespace,
        clock: Duration,
    ) -> Result<(), Broken> {
        match seen {
            Seen::Stored { serial, line } => {
                self.stored += 1;
                self.rises(*serial)?;
                self.is_own(line)?;
                if !line.contains(&format!("): contid={} ", self.contid)) {
                    return Err(format!("A line in the log names another namespace: {line}"));
                }
                if let Some((_, sequence)) = marked(line).filter(|(_, it)| self.acknowledged.contains(it)) {
                    return Err(format!("Message {sequence} was acknowledged before its record was stored."));
                }
            }
            Seen::Lifetime { serial } => {
                self.lifetimes += 1;
                self.rises(*serial)?;
            }
            Seen::StoredInside { line, .. } => self.is_own(line)?,
            Seen::Answer { to, sequence, error } => self.answered(*to, *sequence, *error)?,
            Seen::Data { to, sequence, .. } => {
                let pending = self.pending.get(to).into_iter().flatten();
                if let Some(Pending { request, .. }) = pending.clone().find(|it| it.request.asked) {
                    let late = request.sequence;
                    return Err(format!(
                        "The reply to {sequence} comes before the acknowledgement of {late}."
                    ));
                }
            }
            Seen::Record { to, text, .. } => {
                self.is_own(text)?;
                // Answers are held back from a sender that waits, and records may overtake them; a daemon's never are,
                // but one that has ended its registration is a sender like others.
                let waiting = self.pending.get(to).into_iter().flatten().any(|it| it.request.asked);
                if waiting && !self.is_paused(*to) {
                    return Err(format!(
                        "A record overtakes an acknowledgement on its way to {to:?}: {text}"
                    ));
                }
                let serial = serial(text)?;
                self.orderly &= self.attempted.is_none_or(|before| before == serial);
                self.attempted = Some(serial);
            }
            Seen::Copy { text, .. } => self.is_own(text)?,
            Seen::Paused { to } => {
                let jiffies = namespace.status().backlog_wait_time;
                let wait = Duration::from_millis(u64::from(jiffies) * 4);
                let wait = wait.clamp(Duration::from_millis(4), Duration::from_secs(20));
                if self.paused.insert(*to, clock + wait).is_some() {
                    return Err(format!("{to:?} is paused twice."));
                }
            }
            Seen::Resumed { to } => {
                let paused = self.paused.remove(to);
                paused.ok_or_else(|| format!("{to:?} is resumed and was not paused."))?;
            }
            Seen::Daemon { registered: false, .. } => self.orderly &= self.attempted.is_none(),
            _ => {}
        }
        Ok(())
    }

    /// A record is in the audit daemon's socket. Held records come before those that are sent again, and those before
    /// new ones. While no attempt fails that is the order of their numbers; a record whose attempt fails goes to the
    /// end of a queue, in the kernel too, and then only the model knows the order.
    ///
    /// # Errors
    /// If it came too early or too late.
    pub(crate) fn delivered(&mut self) -> Result<(), Broken> {
        self.delivered += 1;
        let Some(serial) = self.attempted.take() else { return Ok(()) };
        if self.orderly && serial <= self.last_delivered {
            return Err(format!("Record {serial} is delivered after record {}.", self.last_delivered));
        }
        self.last_delivered = self.last_delivered.max(serial);
        Ok(())
    }

    /// The audit daemon's socket was found closed.
    pub(crate) fn refused(&mut self) {
        self.orderly = false;
    }

    /// After every input: hold and retry queue stay within the limit. Where it is lowered they stay as they are, and what
    /// is in hand may come back. A datagram that sets the limit may have filled them in between.
    ///
    /// # Errors
    /// If one is too long.
    pub(crate) fn bound(&mut self, namespace: &Namespace, in_hand: bool) -> Result<(), Broken> {
        let (queued, limit) = (namespace.queued(), namespace.status().backlog_limit);
        let after = ([queued.hold, queued.retry], usize::from(in_hand));
        let (before, hand) = std::mem::replace(&mut self.before, after);
        if std::mem::take(&mut self.sets_limit) || limit == 0 {
            return Ok(());
        }
        let mut grown = after.0.into_iter().zip(before);
        match grown.find(|(length, before)| *length > (before + hand).max(limit as usize)) {
            Some((length, before)) => {
                Err(format!("A queue of {before} has grown to {length} records, and the limit is {limit}."))
            }
            None => Ok(()),
        }
    }

    /// What must be true between steps. `in_hand` records are on their way to the audit daemon, `over_rate` were never
    /// made; neither shows in what a namespace tells.
    ///
    /// # Errors
    /// What is not true.
    pub(crate) fn balance(
        &mut self,
        namespace: &Namespace,
        (in_hand, over_rate): (bool, u64),
        (queue_bytes, clock): (usize, Duration),
    ) -> Result<(), Broken> {
        let (counters, queued) = (namespace.counters(), namespace.queued());
        // Accepted: a number was taken for it. Delivered: it is in an audit daemon's socket. Held: it is in a queue or
        // in hand. Lost: no audit daemon will get it. What the host's log misses counts as lost too, but not here.
        let accepted = self.stored + over_rate;
        let held = queued.hold + queued.retry + queued.main + usize::from(in_hand);
        let lost = counters.lost.saturating_sub(counters.store_failures);
        if accepted != self.delivered + held as u64 + lost {
            let delivered = self.delivered;
            return Err(format!(
                "{accepted} accepted, {delivered} delivered, {held} held, {lost} lost: {queued:?}"
            ));
        }
        if queued.bytes > queue_bytes {
            return Err(format!("{} bytes are queued, and {queue_bytes} may be.", queued.bytes));
        }
        if namespace.waiting_actions().len() != 0 {
            return Err("Something is left to do.".to_owned());
        }
        if let Some(late) = namespace.next_deadline().filter(|deadline| *deadline <= clock) {
            return Err(format!("At {clock:?} the deadline {late:?} is kept and stands."));
        }
        if let Some((who, until)) = self.paused.iter().find(|(_, until)| **until <= clock) {
            return Err(format!("{who:?} was to wait until {until:?}, and waits still at {clock:?}."));
        }
        if self.attempted.is_none() && held == 0 {
            self.orderly = true;
        }
        Ok(())
    }

    /// After the last record, when nobody waits any more.
    ///
    /// # Errors
    /// What was left out.
    pub(crate) fn close(&self, over_rate: u64) -> Result<(), Broken> {
        let numbers = self.lifetimes + self.stored + over_rate;
        if u64::from(self.last_serial) != numbers {
            return Err(format!("{numbers} numbers were taken, and the last is {}.", self.last_serial));
        }
        let unanswered = self.pending.iter().find_map(|(who, pending)| {
            pending.iter().find(|it| it.request.asked).map(|pending| (who, pending))
        });
        unanswered.map_or(Ok(()), |(who, pending)| Err(format!("{who:?} was never answered: {pending:?}")))
    }

    fn rises(&mut self, serial: u32) -> Result<(), Broken> {
        let before = std::mem::replace(&mut self.last_serial, serial);
        if serial > before { Ok(()) } else { Err(format!("Record {serial} comes after record {before}.")) }
    }

    fn is_own(&self, text: &str) -> Result<(), Broken> {
        match marked(text) {
            Some((contid, _)) if contid != self.contid => {
                Err(format!("Namespace {} gets what was said in another: {text}", self.contid))
            }
            _ => Ok(()),
        }
    }

    /// Answers come in the order of the messages, one for each that asks for it, to whoever has sent it. Others are
    /// answered if they fail. A registration answers in the name of its datagram's head.
    fn answered(&mut self, to: EndpointId, sequence: u32, error: i32) -> Result<(), Broken> {
        let pending = self.pending.entry(to).or_default();
        while let Some(Pending { request, head }) = pending.pop_front() {
            let own = request.sequence == sequence && (request.asked || error != 0);
            let registered = request.ask == Ask::Register && request.asked && error == 0 && sequence == head;
            if own || registered {
                if error == 0 && own {
                    self.acknowledged.insert(sequence);
                }
                return Ok(());
            }
            if request.asked {
                return Err(format!(
                    "{to:?} gets the answer to {sequence} before that to {}.",
                    request.sequence
                ));
            }
        }
        Err(format!("{to:?} gets an answer to {sequence}, which it has not asked or was told before."))
    }
}

/// The number in a record's stamp.
fn serial(text: &str) -> Result<u32, Broken> {
    let stamp = text.split_once("): ").and_then(|(stamp, _)| stamp.rsplit_once(':'));
    let serial = stamp.and_then(|(_, serial)| serial.parse().ok());
    serial.ok_or_else(|| format!("A record without a number: {text}"))
}

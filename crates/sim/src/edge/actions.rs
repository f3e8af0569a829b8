//! Doing what a namespace wants done, and comparing it with the model.

use super::{Edge, core_now};
use crate::books::Broken;
use crate::model::Model;
use crate::seen::Seen;
use auditns_core::{Delivery, EndpointId, Input};
use auditns_wire::Errno;
use auditns_wire::record::View;

impl Edge {
    /// Gives namespace and model the same, and does what the namespace wants done.
    pub(super) fn give(&mut self, input: Input<'_>, to_model: impl FnOnce(&mut Model)) -> Result<(), Broken> {
        self.handle(input, to_model)?;
        let mut resumed = Vec::new();
        while let Some(action) = self.namespace.poll_action() {
            self.pass_moment()?;
            let seen = Seen::read(&action)?;
            self.books.enter(&seen, &self.namespace, self.now.clock)?;
            self.tally.note(&seen);
            match &seen {
                Seen::Stored { serial, .. } | Seen::Lifetime { serial } => self.store(*serial)?,
                Seen::Record { to, .. } => self.deliver(*to)?,
                Seen::Copy { to, .. } => self.copy(*to)?,
                Seen::AwaitWritable { to } => {
                    self.sockets.entry(*to).and_modify(|known| known.awaited = true);
                }
                Seen::Resumed { to } => resumed.push(*to),
                _ => {}
            }
            self.seen.push(seen);
        }
        resumed.into_iter().try_for_each(|socket| self.read(socket))
    }

    fn handle(&mut self, input: Input<'_>, to_model: impl FnOnce(&mut Model)) -> Result<(), Broken> {
        self.tally.inputs += 1;
        self.namespace.handle(input, core_now(self.now));
        to_model(&mut self.model);
        self.model.settle();
        self.books.bound(&self.namespace, self.model.has_record_in_hand())?;
        self.pass_moment()
    }

    fn store(&mut self, serial: u32) -> Result<(), Broken> {
        let fails = self.failing & 1 == 1;
        self.failing >>= 1;
        if !fails {
            return Ok(());
        }
        let errno = Errno::ENOSPC;
        self.handle(Input::StoreFailed { serial, errno }, |model| model.not_stored(serial, errno.0))
    }

    fn deliver(&mut self, endpoint: EndpointId) -> Result<(), Broken> {
        let outcome = match self.sockets.get_mut(&endpoint) {
            Some(known) if known.vanished => Delivery::Closed,
            None => Delivery::Closed,
            Some(known) if known.room == 0 => Delivery::Full,
            Some(known) => {
                known.room -= 1;
                Delivery::Sent
            }
        };
        match outcome {
            Delivery::Sent => self.books.delivered()?,
            Delivery::Full => self.tally.full += 1,
            Delivery::Closed => self.books.refused(),
        }
        self.handle(Input::Delivered { endpoint, outcome }, |model| model.outcome(endpoint, outcome))
    }

    /// A copy that a listener has no room for is dropped.
    fn copy(&mut self, to: EndpointId) -> Result<(), Broken> {
        match self.sockets.get_mut(&to) {
            Some(known) if known.room > 0 && !known.vanished => {
                known.room -= 1;
                Ok(())
            }
            _ => {
                self.missed += 1;
                self.handle(Input::ListenerMissed, |_| {})
            }
        }
    }

    /// After an input or an action: this may be where a supervisor ends and another goes on.
    fn pass_moment(&mut self) -> Result<(), Broken> {
        self.restarts_in = match self.restarts_in {
            Some(0) => return self.restart(),
            Some(moments) => Some(moments - 1),
            None => None,
        };
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Broken> {
        self.restarts_in = None;
        self.tally.restarts += 1;
        let failed = |error| format!("A namespace cannot be saved and read back: {error}");
        let bytes = postcard::to_stdvec(&self.namespace).map_err(failed)?;
        self.namespace = postcard::from_bytes(&bytes).map_err(failed)?;
        Ok(())
    }

    /// Compares namespace and model, and looks at the books.
    pub(super) fn finish_step(&mut self) -> Result<(), Broken> {
        let (counts, counters) = (self.model.counts(), self.namespace.counters());
        let clock = self.now.clock;
        self.books.balance(
            &self.namespace,
            (self.model.has_record_in_hand(), counts.over_rate),
            (self.setup.queue_bytes, clock),
        )?;
        let wanted = std::mem::take(&mut self.model.seen);
        let seen = std::mem::take(&mut self.seen);
        if seen != wanted {
            compare(seen, wanted)?;
        }
        let queued = self.namespace.queued();
        let lengths = [queued.hold, queued.retry, queued.main];
        let counted = [counters.records, counters.delivered, counters.lost, counters.store_failures];
        let should_count = [counts.records, counts.delivered, counts.lost, counts.not_stored];
        same("hold, retry and main queue", &lengths, &self.model.lengths())?;
        same("queued bytes", &queued.bytes, &self.model.bytes())?;
        same("records made, delivered, lost and not stored", &counted, &should_count)?;
        same("missed copies", &counters.missed_by_listeners, &self.missed)?;
        same("the status", &self.namespace.status(), &self.model.status(View::Host))?;
        same("the audit daemon", &self.namespace.daemon(), &self.model.daemon_pid())?;
        same("the gate", &self.namespace.gate_open(), &self.model.gate())?;
        same("the next deadline", &self.namespace.next_deadline(), &self.model.deadline())
    }
}

/// Compares what each party has seen, in its order.
fn compare(mut seen: Vec<Seen>, mut wanted: Vec<Seen>) -> Result<(), Broken> {
    seen.sort_by_key(Seen::party);
    wanted.sort_by_key(Seen::party);
    let length = seen.len().max(wanted.len());
    match (0..length).find(|at| seen.get(*at) != wanted.get(*at)) {
        Some(at) => same("what somebody sees", &seen.get(at), &wanted.get(at)),
        None => Ok(()),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Result<(), Broken> {
    if is == should_be {
        return Ok(());
    }
    Err(format!("Namespace and model differ in {what}.\n    namespace: {is:?}\n    model:     {should_be:?}"))
}

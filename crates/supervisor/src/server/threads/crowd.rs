//! How many clients are busy at a time.

use auditns_core::EndpointId;
use std::time::Duration;

/// Clients of which one sends again within this time are busy. In tests also those that the machine is slow for.
const BUSY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_micros(300) };

/// As many messages of clients other than the one before show that several are busy; as many in a row of one, that it is alone.
const SURE: u32 = 32;

/// As many messages in a row of one client make it worth expecting the next one.
const EXPECTED: u32 = 8;

/// A message that will soon come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expected {
    #[default]
    Nothing,
    /// It is not known from which processor.
    FromSomewhere,
    From(u32),
}

/// Who is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Busy {
    Nobody,
    One,
    Several,
}

/// What the last messages of a namespace tell of its clients.
#[derive(Debug, Default)]
pub(in crate::server) struct Crowd {
    last: Option<EndpointId>,
    at: Duration,
    /// Messages in a row of the same client.
    in_a_row: u32,
    /// Messages of other clients than the one before, since one was alone.
    changes: u32,
    /// Where the client that sent last was then, if that was noted.
    processor: Option<u32>,
    /// Whether it waits for an answer.
    waits: bool,
}

impl Crowd {
    /// A message came at that time, from the processor that was noted; whoever sent it waits for an answer or not. Returns who
    /// is busy.
    pub(in crate::server) fn message(
        &mut self,
        endpoint: EndpointId,
        noted: Option<u32>,
        waits: bool,
        at: Duration,
    ) -> Busy {
        let busy = at.saturating_sub(self.at) < BUSY;
        let same = self.last == Some(endpoint);
        (self.last, self.at, self.processor, self.waits) = (Some(endpoint), at, noted, waits);
        if !busy {
            (self.in_a_row, self.changes) = (0, 0);
        } else if same {
            self.in_a_row = self.in_a_row.saturating_add(1);
            if self.in_a_row >= SURE {
                self.changes = 0;
            }
        } else {
            self.in_a_row = 0;
            self.changes = self.changes.saturating_add(1);
        }
        if self.changes >= SURE {
            Busy::Several
        } else if self.in_a_row >= EXPECTED {
            Busy::One
        } else {
            Busy::Nobody
        }
    }

    /// Whether one client alone is busy and will soon send again.
    pub(super) fn expected(&self) -> Expected {
        match self.processor {
            // Who waits for nothing has most likely sent already.
            _ if self.in_a_row < EXPECTED || !self.waits => Expected::Nothing,
            None => Expected::FromSomewhere,
            Some(processor) => Expected::From(processor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: EndpointId = EndpointId(1);
    const OTHER: EndpointId = EndpointId(2);

    /// Between messages of clients that are busy, and of those that rest.
    const SHORT: Duration = BUSY.checked_div(10).unwrap();
    const LONG: Duration = BUSY.saturating_mul(5);

    /// Whether several clients are busy after each of these messages, with that time between them.
    fn several(crowd: &mut Crowd, endpoints: &[EndpointId], interval: Duration) -> Vec<bool> {
        let message = |endpoint: &EndpointId| {
            crowd.message(*endpoint, Some(1), true, crowd.at + interval) == Busy::Several
        };
        endpoints.iter().map(message).collect()
    }

    #[test]
    fn clients_that_take_turns_are_several_until_one_is_alone_or_they_rest() {
        let mut crowd = Crowd::default();
        assert!(several(&mut crowd, &[ONE; 100], SHORT).iter().all(|several| !several));
        let both = [ONE, OTHER].repeat(30);
        assert_eq!(several(&mut crowd, &both, SHORT).iter().filter(|several| **several).count(), 60 - 32);
        assert_eq!(several(&mut crowd, &[ONE; 33], SHORT).last(), Some(&false));
        several(&mut crowd, &both, SHORT);
        assert!(several(&mut crowd, &both, LONG).iter().all(|several| !several));
    }

    #[test]
    fn the_next_message_of_a_client_is_expected_when_it_alone_is_busy() {
        let mut crowd = Crowd::default();
        several(&mut crowd, &[ONE; 8], SHORT);
        assert_eq!(crowd.expected(), Expected::Nothing);
        several(&mut crowd, &[ONE; 1], SHORT);
        assert_eq!(crowd.expected(), Expected::From(1));
        crowd.message(ONE, Some(1), false, crowd.at);
        assert_eq!(crowd.expected(), Expected::Nothing, "nobody waits");
        several(&mut crowd, &[OTHER], SHORT);
        assert_eq!(crowd.expected(), Expected::Nothing);
        several(&mut crowd, &[ONE; 20], LONG);
        assert_eq!(crowd.expected(), Expected::Nothing);
    }
}

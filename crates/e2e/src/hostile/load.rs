//! What an attack and its supervisor take of the processors, and an ordinary service and its clients that take as much.

use std::fmt;

/// What was taken, in which time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// How many processes asked.
    pub(super) processes: u64,
    /// What the processors worked for them, in microseconds.
    pub(super) clients_us: u64,
    /// And for whoever answers.
    pub(super) service_us: u64,
    /// How often they asked and slept.
    pub(super) requests: u64,
    pub(super) time_us: u64,
}

/// Of a machine that does nothing else, what a request costs client and service in the kernel, in microseconds, before they
/// are given any work; measured anew each time ([`Ordinary::corrected`]).
const OVERHEAD_US: f64 = 15.0;
/// More processes than attacks have.
const CLIENTS_MAX: u64 = 128;

impl Work {
    fn total_us(&self) -> u64 {
        self.clients_us + self.service_us
    }

    /// Whether it is clearly more than another one.
    pub(super) fn is_heavier(&self, other: &Self) -> bool {
        self.percent() > other.percent() * 5 / 4 + 10
    }

    /// In percent of one processor.
    pub(super) fn percent(&self) -> u64 {
        self.total_us() * 100 / self.time_us.max(1)
    }
}

/// An ordinary service and its clients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ordinary {
    clients: u64,
    /// Requests of all clients in a second.
    rate: f64,
    /// What the service works of all, 0 to 1.
    services: f64,
    /// What a request is to cost both together, in microseconds, and what of it nobody gives them.
    cost_us: f64,
    overhead_us: f64,
}

#[expect(clippy::cast_precision_loss, reason = "these are times and counts of a second")]
impl Ordinary {
    /// That takes as much, in as many and as short pieces.
    pub(super) fn like(work: &Work) -> Self {
        let seconds = work.time_us.max(1) as f64 / 1e6;
        let requests = work.requests.max(10) as f64;
        Self {
            clients: work.processes.clamp(1, CLIENTS_MAX),
            rate: requests / seconds,
            services: work.service_us as f64 / work.total_us().max(1) as f64,
            cost_us: work.total_us() as f64 / requests,
            overhead_us: OVERHEAD_US,
        }
    }

    /// The same, knowing what one before it took.
    pub(super) fn corrected(self, before: &Self, took: &Work, answered: u64) -> Self {
        let (client, service) = before.given_us();
        let cost = took.total_us() as f64 / answered.max(1) as f64;
        Self { overhead_us: (cost - client - service).max(0.0), ..self }
    }

    fn given_us(&self) -> (f64, f64) {
        let given = (self.cost_us - self.overhead_us).max(0.0);
        (given * (1.0 - self.services), given * self.services)
    }

    /// As `hostile-container` knows it.
    pub(super) fn name(&self) -> String {
        let (client, service) = self.given_us();
        // Cheaper requests than there can be: fewer of them.
        let rate = self.rate * (self.cost_us / self.overhead_us.max(1.0)).min(1.0);
        format!("ordinary-{}-{:.0}-{client:.0}-{service:.0}", self.clients, rate.max(1.0))
    }
}

impl fmt::Display for Work {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} processes, {} % of a processor", self.processes, self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::{Ordinary, Work};

    #[test]
    fn as_much_in_as_many_pieces() {
        let work = Work {
            processes: 64,
            clients_us: 300_000,
            service_us: 100_000,
            requests: 4000,
            time_us: 500_000,
        };
        assert_eq!(work.percent(), 80);
        let heavier = |clients_us| Work { clients_us, ..work }.is_heavier(&work);
        assert!(!heavier(450_000) && heavier(460_000));
        let ordinary = Ordinary::like(&work);
        // 100 us a request, of which 15 are taken anyhow and a quarter is the service's.
        assert_eq!(ordinary.name(), "ordinary-64-8000-64-21");
        let took = Work { clients_us: 350_000, service_us: 130_000, ..work };
        assert_eq!(ordinary.corrected(&ordinary, &took, 4000).name(), "ordinary-64-8000-49-16");
        let cheap = Work { requests: 40_000, ..work };
        assert_eq!(Ordinary::like(&cheap).name(), "ordinary-64-53333-0-0");
    }
}

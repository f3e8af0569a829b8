//! What an attack and its supervisor take of the processors, and an ordinary service and its clients that take as much.

use std::fmt;
use std::fs;

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
    /// How many processes were started meanwhile.
    pub(super) started: u64,
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
    /// Requests of all clients in a second. None: each client asks as soon as it is answered.
    rate: Option<f64>,
    /// What the service works of all, 0 to 1.
    services: f64,
    /// Requests of a thousand for which a process is started.
    forked: f64,
    /// What a request is to cost both together, in microseconds, and what of it nobody gives them.
    cost_us: f64,
    overhead_us: f64,
}

#[expect(clippy::cast_precision_loss, reason = "these are times and counts of a second")]
impl Ordinary {
    /// That takes as much, in as many and as short pieces, and starts as many processes.
    pub(super) fn like(work: &Work) -> Self {
        let seconds = work.time_us.max(1) as f64 / 1e6;
        Self { rate: Some(work.requests.max(10) as f64 / seconds), ..Self::of_requests(work, work.requests) }
    }

    /// Of clients that start a process for each request, and each the next one when the last one has ended. A process costs as
    /// much.
    pub(super) fn in_a_crowd(work: &Work) -> Self {
        Self::of_requests(work, work.started)
    }

    fn of_requests(work: &Work, requests: u64) -> Self {
        let requests = requests.max(10) as f64;
        Self {
            clients: work.processes.clamp(1, CLIENTS_MAX),
            rate: None,
            services: work.service_us as f64 / work.total_us().max(1) as f64,
            forked: (work.started as f64 * 1000.0 / requests).min(1000.0),
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
        let fewer = (self.cost_us / self.overhead_us.max(1.0)).min(1.0);
        let rate = self.rate.map_or(0.0, |rate| (rate * fewer).max(1.0));
        let Self { clients, forked, .. } = self;
        format!("ordinary-{clients}-{rate:.0}-{client:.0}-{service:.0}-{forked:.0}")
    }
}

impl fmt::Display for Work {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processes, started, .. } = self;
        write!(out, "{processes} processes, {} % of a processor, {started} started", self.percent())
    }
}

/// How many processes were started on this machine so far.
pub(super) fn started() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("processes "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
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
            started: 100,
            time_us: 500_000,
        };
        assert_eq!(work.percent(), 80);
        let heavier = |clients_us| Work { clients_us, ..work }.is_heavier(&work);
        assert!(!heavier(450_000) && heavier(460_000));
        let ordinary = Ordinary::like(&work);
        // 100 us a request, of which 15 are taken anyhow and a quarter is the service's.
        assert_eq!(ordinary.name(), "ordinary-64-8000-64-21-25");
        let took = Work { clients_us: 350_000, service_us: 130_000, ..work };
        assert_eq!(ordinary.corrected(&ordinary, &took, 4000).name(), "ordinary-64-8000-49-16-25");
        let cheap = Work { requests: 40_000, started: 40_001, ..work };
        assert_eq!(Ordinary::like(&cheap).name(), "ordinary-64-53333-0-0-1000");
        // 100 processes for 400 ms.
        assert_eq!(Ordinary::in_a_crowd(&work).name(), "ordinary-64-0-2989-996-1000");
    }
}

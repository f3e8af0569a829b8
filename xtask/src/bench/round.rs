//! What is measured, round by round.

use crate::command::Failure;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

/// Metrics of clients.
impl Metric {
    pub(crate) const P50: Metric = Metric { name: "p50", unit: "us" };
    pub(crate) const P99: Metric = Metric { name: "p99", unit: "us" };
    pub(crate) const MEAN: Metric = Metric { name: "mean", unit: "us" };
    pub(crate) const LONGEST: Metric = Metric { name: "longest", unit: "us" };
    /// Messages that were acknowledged or sent, and stand in the log, by the time of the clients.
    pub(crate) const STORED: Metric = Metric { name: "stored", unit: "1/s" };
    /// The same by the time until the last one stood there.
    pub(crate) const IN_LOG: Metric = Metric { name: "in log", unit: "1/s" };
    /// Processor time of clients and of everything that serves them, by message.
    pub(crate) const CPU: Metric = Metric { name: "CPU", unit: "us/event" };
    /// Messages that were acknowledged and stand nowhere.
    pub(crate) const LOST: Metric = Metric { name: "lost", unit: "messages" };
}

/// The name of a way in tables.
pub(crate) type Variant = &'static str;

/// The figures of one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round(BTreeMap<(Metric, Variant), f64>);

impl Round {
    pub(crate) fn note(&mut self, variant: Variant, metric: Metric, value: f64) {
        self.0.insert((metric, variant), value);
    }

    pub(crate) fn get(&self, metric: Metric, variant: Variant) -> Option<f64> {
        self.0.get(&(metric, variant)).copied()
    }

    /// What was noted.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (Metric, Variant)> {
        self.0.keys().copied()
    }
}

/// The rounds of one case.
#[derive(Debug)]
pub(crate) struct Rounds {
    count: u32,
    pub(crate) done: Vec<Round>,
    /// What is to be known of the figures.
    pub(crate) remarks: Vec<String>,
}

impl Rounds {
    pub(crate) fn new(count: u32) -> Rounds {
        Rounds { count, done: Vec::new(), remarks: Vec::new() }
    }

    /// Says something about the figures, once.
    pub(crate) fn remark(&mut self, text: String) {
        if !self.remarks.contains(&text) {
            self.remarks.push(text);
        }
    }

    /// Measures each variant once in each round, beginning with another one each time, but no more rounds than `at_most`.
    pub(crate) fn each<T: Copy>(
        &mut self,
        at_most: u32,
        variants: &[T],
        mut measure: impl FnMut(T, &mut Round) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for number in 0..self.count.min(at_most).max(1) {
            let mut round = Round::default();
            for variant in rotated(number, variants) {
                measure(*variant, &mut round)?;
            }
            self.done.push(round);
        }
        Ok(())
    }
}

fn rotated<T>(number: u32, variants: &[T]) -> impl Iterator<Item = &T> {
    let first = number as usize % variants.len().max(1);
    variants[first..].iter().chain(&variants[..first])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another_variant() {
        let mut order = String::new();
        let mut rounds = Rounds::new(4);
        let noted = rounds.each(3, &["a", "b"], |variant, round| {
            order += variant;
            round.note(variant, Metric::P50, 1.0);
            Ok(())
        });
        noted.unwrap();
        assert_eq!((order.as_str(), rounds.done.len()), ("abbaab", 3));
        assert!(rounds.done.iter().all(|round| round.get(Metric::P50, "b") == Some(1.0)));
    }

    #[test]
    fn a_failure_ends_it() {
        let mut rounds = Rounds::new(2);
        assert!(rounds.each(9, &[1], |_, _| Err(Failure::new("no"))).is_err());
        assert!(rounds.done.is_empty());
    }
}

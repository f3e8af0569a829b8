//! What a measurement prints, and what many of them come to.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A median and how far values spread around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// A quarter of the values is below.
    pub lower: f64,
    /// Half of the values is below.
    pub median: f64,
    /// A quarter of the values is above.
    pub upper: f64,
}

impl Quartiles {
    /// Of these values, with straight lines between neighbours. `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Quartiles> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let quarter = |number: usize| {
            let at = sorted.len().checked_sub(1)? * number;
            let below = *sorted.get(at / 4)?;
            let above = sorted.get(at / 4 + 1).copied().unwrap_or(below);
            let part = [0.0, 0.25, 0.5, 0.75][at % 4];
            Some(below + (above - below) * part)
        };
        Some(Quartiles { lower: quarter(1)?, median: quarter(2)?, upper: quarter(3)? })
    }

    /// Between the quartiles.
    pub fn spread(&self) -> f64 {
        self.upper - self.lower
    }

    /// Whether the median is farther from `value` than the quartiles are from each other.
    pub fn differs_from(&self, value: f64) -> bool {
        (self.median - value).abs() > self.spread()
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A message sent and its acknowledgement received, on one socket, with the calls that libaudit makes.
    Message,
    /// A socket opened, one such message, the socket closed.
    Session,
    /// A message sent and its acknowledgement received by a call that waits.
    Receive,
    /// A look at an acknowledgement that is there already.
    Waiting,
    /// `getsockopt` on a socket that has nothing to do with audit.
    OtherGetsockopt,
    /// `recvfrom` on such a socket, of what is there already.
    OtherRecvfrom,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 6] = [
        Operation::Message,
        Operation::Session,
        Operation::Receive,
        Operation::Waiting,
        Operation::OtherGetsockopt,
        Operation::OtherRecvfrom,
    ];

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Message => "message",
            Operation::Session => "session",
            Operation::Receive => "receive",
            Operation::Waiting => "waiting",
            Operation::OtherGetsockopt => "other getsockopt",
            Operation::OtherRecvfrom => "other recvfrom",
        }
    }

    /// The same in words.
    pub fn explanation(self) -> &'static str {
        match self {
            Operation::Message => "sendto, then poll and two recvfrom of its acknowledgement, as libaudit",
            Operation::Session => "socket, fcntl, a message as above, close",
            Operation::Receive => "sendto, then one recvfrom that waits, as Go clients",
            Operation::Waiting => "recvfrom of an acknowledgement that is there already",
            Operation::OtherGetsockopt => "getsockopt on a socket that has nothing to do with audit",
            Operation::OtherRecvfrom => "recvfrom on such a socket, of what is there already",
        }
    }
}

/// What one process measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The number of the audit socket, which says how it was made.
    pub descriptor: i32,
    /// Nanoseconds of each operation, over batches.
    pub nanoseconds: BTreeMap<Operation, Quartiles>,
}

impl Report {
    /// Nanoseconds of an operation.
    pub fn get(&self, operation: Operation) -> Option<Quartiles> {
        self.nanoseconds.get(&operation).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbours() {
        let of = |values: &[f64]| {
            Quartiles::of(values.iter().copied()).map(|found| [found.lower, found.median, found.upper])
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7.0]), Some([7.0; 3]));
        assert_eq!(of(&[4.0, 0.0]), Some([1.0, 2.0, 3.0]));
        assert_eq!(of(&[5.0, 1.0, 2.0, 4.0, 3.0]), Some([2.0, 3.0, 4.0]));
    }

    #[test]
    fn a_difference_must_be_larger_than_the_spread() {
        let ratio = |lower, median, upper| Quartiles { lower, median, upper };
        assert!(ratio(1.4, 1.5, 1.6).differs_from(1.0));
        assert!(ratio(0.4, 0.5, 0.6).differs_from(1.0));
        assert!(!ratio(0.9, 1.1, 1.2).differs_from(1.0));
    }
}
